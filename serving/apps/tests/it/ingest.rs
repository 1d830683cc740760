//! Files that cannot be used are left out with file, offset and reason; the others are read.

use zhisuan_apps::rag::{KnowledgeBase, MAX_DOCUMENT_BYTES, Status};

use crate::support::{base_of, sample};

#[test]
fn the_sample_base_is_read_whole() {
    let base = sample();
    // The one HTML page of the sample base is for the governed base (`kb`), not for this reader.
    let only_html = base.refused().iter().all(|r| r.file.ends_with(".html"));
    assert!(only_html, "{:?}", base.refused());
    let declared = |status| {
        base.documents()
            .iter()
            .filter(|d| d.declared == status)
            .count()
    };
    assert!(declared(Status::Draft) >= 1 && declared(Status::Repealed) >= 1);
    assert!(
        base.documents()
            .iter()
            .all(|d| d.number.is_some() && d.place.is_some())
    );
    let traditional = base.document("elder-meal-traditional").unwrap();
    assert_eq!(traditional.declared, Status::InForce);
    assert_eq!(traditional.issuer, "雲麓市民政局");
    assert_eq!(base.hand_over().unwrap().phone, "12345");
}

#[test]
fn bad_files_are_named_with_the_place_of_the_fault() {
    let large = "长".repeat(MAX_DOCUMENT_BYTES / 3 + 1);
    let (_dir, base) = base_of(&[
        ("good.md", "## 收费标准\n免费。\n".as_bytes()),
        ("bytes.md", b"abc\xff\xfe"),
        ("control.txt", b"abc\x00def"),
        ("large.txt", large.as_bytes()),
        ("blank.md", b" \n\n"),
        ("status.md", "---\n状态: 有效\n---\n正文。\n".as_bytes()),
        ("date.md", "---\n生效日期: 明天\n---\n正文。\n".as_bytes()),
        ("key.md", "---\n题目: 甲\n---\n正文。\n".as_bytes()),
        ("open.md", "---\n标题: 甲\n正文。\n".as_bytes()),
        ("scan.pdf", b"%PDF-1.7"),
        ("good.txt", "同名。".as_bytes()),
    ]);
    let found: Vec<_> = base
        .refused()
        .iter()
        .map(|refused| (refused.file.as_str(), refused.code, refused.offset))
        .collect();
    for wanted in [
        ("bytes.md", "not_utf8", Some(3)),
        ("control.txt", "control_character", Some(3)),
        ("large.txt", "too_large", Some(MAX_DOCUMENT_BYTES)),
        ("blank.md", "empty", Some(0)),
        ("status.md", "bad_status", Some(4)),
        ("date.md", "bad_date", Some(4)),
        ("key.md", "bad_front_matter", Some(4)),
        ("open.md", "bad_front_matter", Some(16)),
        ("scan.pdf", "not_text", None),
        ("good.txt", "duplicate", None),
    ] {
        assert!(found.contains(&wanted), "{wanted:?} is not in {found:?}");
    }
    let read: Vec<_> = base.documents().iter().map(|d| d.id.as_str()).collect();
    assert_eq!(read, ["good"]);
    assert_eq!(base.documents()[0].declared, Status::Unstated);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = KnowledgeBase::load(&dir.path().join("没有")).unwrap_err();
    assert_eq!(error.code(), "kb_folder");
    assert!(error.to_string().contains("没有"), "{error}");
}

#[test]
fn byte_order_marks_and_windows_line_ends_keep_offsets_right() {
    let text = "\u{feff}---\r\n标题: 甲证\r\n状态: 现行\r\n---\r\n## 收费标准\r\n甲证5元。\r\n";
    let (_dir, base) = base_of(&[("sub/a.md", text.as_bytes())]);
    let document = base.document("sub/a").unwrap();
    assert_eq!(document.title, "甲证");
    let span = base.passages()[0].sentences[0].clone();
    assert_eq!(&document.raw.as_bytes()[span], "甲证5元。".as_bytes());
}

#[test]
#[cfg(unix)]
fn links_are_not_followed() {
    let (dir, _) = base_of(&[("a.md", "甲。".as_bytes())]);
    std::os::unix::fs::symlink("a.md", dir.path().join("b.md")).unwrap();
    let base = KnowledgeBase::load(dir.path()).unwrap();
    assert_eq!(base.documents().len(), 1);
    assert_eq!(base.refused()[0].code, "link");
}
