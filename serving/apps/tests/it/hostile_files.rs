//! Files made to hurt: bombs, cycles, depth, lies. Each is refused or read within bounds.

use std::io::{Cursor, Read, Write};

use zhisuan_apps::kb::{ReadFaultKind, passages, read};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::read::{faults, fixture, lines};

pub(crate) fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in parts {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(crate) fn document(body: &str) -> Vec<u8> {
    format!("<w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>").into_bytes()
}

pub(crate) fn code(name: &str, bytes: &[u8]) -> &'static str {
    read(name, bytes).map_or_else(|refused| refused.code, |_| "read")
}

#[test]
fn office_bombs_are_refused() {
    let zeros = vec![b' '; 80 << 20];
    assert_eq!(
        code("a.docx", &archive(&[("word/document.xml", &zeros)])),
        "archive_bomb"
    );
    let sheets: &[(&str, &[u8])] = &[("xl/workbook.xml", b"<workbook/>"), ("xl/x.xml", &zeros)];
    assert_eq!(code("a.xlsx", &archive(sheets)), "archive_bomb");
    let names: Vec<String> = (0..4100).map(|n| format!("word/{n}.xml")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert_eq!(code("a.docx", &archive(&many)), "archive_bomb");
    assert_eq!(
        code("a.zip", &archive(&[("../../etc/passwd", b"x")])),
        "archive"
    );
}

#[test]
fn xml_bombs_are_refused() {
    let entities = b"<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><a>&b;</a>";
    assert_eq!(
        code("a.docx", &archive(&[("word/document.xml", entities)])),
        "xml_doctype"
    );
    let deep = "<w:p>".repeat(100_000);
    assert_eq!(
        code(
            "a.docx",
            &archive(&[("word/document.xml", &document(&deep))])
        ),
        "too_deep"
    );
    let broken = document("<w:p><w:r><w:t>甲</w:p>");
    assert_eq!(
        code("a.docx", &archive(&[("word/document.xml", &broken)])),
        "broken_xml"
    );
}

#[test]
fn macros_are_counted_and_not_opened() {
    let body = document("<w:p><w:r><w:t>正文&amp;附件&#x3002;</w:t></w:r></w:p>");
    let parts: &[(&str, &[u8])] = &[
        ("word/document.xml", &body),
        ("word/vbaProject.bin", b"\0\0"),
    ];
    let extract = read("a.docx", &archive(parts)).unwrap();
    assert_eq!(extract.text.trim(), "正文&附件。");
    assert_eq!(faults(&extract, ReadFaultKind::ActiveContent), 1);
}

#[test]
fn a_sheet_with_far_cells_takes_no_room_for_the_cells_between() {
    let sheet = b"<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>a</t></is></c></row>\
        <row r=\"1048576\"><c r=\"XFD1048576\" t=\"inlineStr\"><is><t>b</t></is></c></row></sheetData></worksheet>";
    let mut zip = zip::ZipArchive::new(Cursor::new(fixture("fees.xlsx"))).unwrap();
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for at in 0..zip.len() {
        let mut part = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        let name = part.name().unwrap().into_owned();
        if name.contains("sheets/sheet") {
            bytes = sheet.to_vec();
        }
        parts.push((name, bytes));
    }
    let parts: Vec<_> = parts
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let extract = read("a.xlsx", &archive(&parts)).unwrap();
    let found: Vec<_> = lines(&extract).into_iter().map(|(_, line)| line).collect();
    assert_eq!(found, ["a", "a"]);
}

#[test]
fn pages_of_a_million_tags_are_read_in_linear_time() {
    for unit in [
        "<div>",
        "<b class=nav>",
        "</p>",
        "<table><tr><td>",
        "<svg>",
        "<p>甲",
        "&amp;",
        "<a b",
    ] {
        let page = format!("<html><body><p>正文。</p>{}", unit.repeat(200_000));
        match read("a.html", page.as_bytes()) {
            Ok(extract) => assert!(extract.text.contains("正文。"), "{unit}"),
            Err(refused) => assert_eq!(refused.code, "too_many_blocks", "{unit}"),
        }
    }
}

#[test]
fn texts_without_end_are_cut_in_linear_time() {
    for unit in [
        "（",
        "“",
        "一、",
        "1.甲\n",
        "甲",
        "第一条 ",
        "。",
        " | ",
        "：",
        "责任单位：",
        "2025年",
        "(a)",
    ] {
        let text = unit.repeat(100_000);
        let Ok(extract) = read("a.txt", text.as_bytes()) else {
            continue;
        };
        for passage in passages(&extract.text, &extract.blocks, 0) {
            for sentence in passage.sentences {
                assert!(extract.text.get(sentence).is_some(), "{unit}");
            }
        }
    }
}

/// A PDF of numbered objects, the first being the catalogue; the loader rebuilds the table.
pub(crate) fn pdf(objects: &[String]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = vec![format!(
        "xref\n0 {}\n0000000000 65535 f \n",
        objects.len() + 1
    )];
    for (at, object) in objects.iter().enumerate() {
        table.push(format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", at + 1).as_bytes());
    }
    let start = file.len();
    file.extend(table.concat().as_bytes());
    let size = objects.len() + 1;
    file.extend(
        format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").as_bytes(),
    );
    file
}

/// A PDF of one page with a font and a content.
pub(crate) fn one_page(font: &str, content: &str) -> Vec<u8> {
    page_with(font, content, "null")
}

/// The same with a seventh object.
pub(crate) fn page_with(font: &str, content: &str, seventh: &str) -> Vec<u8> {
    let stream = format!("<</Length {}>>stream\n{content}\nendstream", content.len());
    pdf(&[
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>".to_owned(),
        stream,
        font.to_owned(),
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>>>".to_owned(),
        seventh.to_owned(),
    ])
}

pub(crate) fn composite(encoding: &str) -> String {
    format!(
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/{encoding}/DescendantFonts[6 0 R]>>"
    )
}

#[test]
fn predefined_chinese_encodings_read_without_a_character_map() {
    let text = "办理时限：15个工作日，镕。";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let gbk = encoding_rs::GB18030.encode(text).0.into_owned();
    let cases = [
        ("UniGB-UCS2-H", &utf16),
        ("UniGB-UCS2-V", &utf16),
        ("UniGB-UTF16-H", &utf16),
        ("UniGB-UTF16-V", &utf16),
        ("GBK-EUC-H", &gbk),
        ("GBK-EUC-V", &gbk),
        ("GBpc-EUC-H", &gbk),
        ("GB-EUC-H", &gbk),
    ];
    for (encoding, string) in cases {
        let content = format!("BT /F 12 Tf 72 700 Td <{}> Tj ET", hex::encode(string));
        let extract = read("a.pdf", &one_page(&composite(encoding), &content)).unwrap();
        assert_eq!(extract.text.trim(), text, "{encoding}");
        assert_eq!(extract.faults, [], "{encoding}");
    }
}

#[test]
fn a_character_map_decides_and_what_it_leaves_out_is_counted() {
    let map = "2 beginbfchar <0001> <5DE5> <0002> <4F5C> endbfchar 1 beginbfrange <0003> <0004> [<2F47> <E001>] endbfrange";
    let stream = format!("<</Length {}>>stream\n{map}\nendstream", map.len());
    let font = composite("Identity-H").replace(">>", "/ToUnicode 7 0 R>>");
    let content = "BT /F 12 Tf 72 700 Td [<00010002> -100 <000300040005>] TJ ET";
    let extract = read("a.pdf", &page_with(&font, content, &stream)).unwrap();
    // The third is a radical, the fourth a private character, the fifth is not in the map.
    assert_eq!(extract.text.trim(), "工作日\u{fffd}\u{fffd}");
    assert_eq!(faults(&extract, ReadFaultKind::UnmappedGlyphs), 2);
}

#[test]
fn glyphs_without_characters_are_counted_and_never_guessed() {
    let content = "BT /F 12 Tf 72 700 Td <01020304> Tj ET";
    let symbolic = "<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor<</Type/FontDescriptor/Flags 4/FontFile2 4 0 R>>>>";
    for (font, glyphs) in [(composite("Identity-H"), 2), (symbolic.to_owned(), 4)] {
        let extract = read("a.pdf", &one_page(&font, content)).unwrap();
        assert_eq!(
            faults(&extract, ReadFaultKind::UnmappedGlyphs),
            glyphs,
            "{font}"
        );
        assert!(lines(&extract)[0].1.chars().all(|char| char == '\u{fffd}'));
    }
}

#[test]
fn text_behind_damage_in_a_page_is_missed_aloud() {
    let gbk = hex::encode(&encoding_rs::GB18030.encode("甲").0);
    let content = format!(
        "BT /F 12 Tf 72 700 Td <{gbk}> Tj T* <{gbk}> Tj ) ) \\ <{gbk}> Tj T* <{gbk}> Tj ET"
    );
    let extract = read("a.pdf", &one_page(&composite("GBK-EUC-H"), &content)).unwrap();
    let read = extract.text.matches('甲').count();
    assert_eq!(read + faults(&extract, ReadFaultKind::InvalidBytes), 4);
    assert!(read < 4);
}

#[test]
fn pictures_of_pages_are_counted() {
    let extract = read(
        "a.pdf",
        &one_page(&composite("GBK-EUC-H"), "0 0 100 100 re f"),
    )
    .unwrap();
    assert_eq!(faults(&extract, ReadFaultKind::PageWithoutText), 1);
    assert!(extract.blocks.is_empty());
}

#[test]
fn hostile_pdfs_are_refused_or_bounded() {
    let encrypted = String::from_utf8(one_page(&composite("GBK-EUC-H"), "BT ET")).unwrap();
    let encrypted = encrypted.replace(
        "/Root 1 0 R",
        "/Root 1 0 R/Encrypt<</Filter/Standard/V 1/R 2/O(x)/U(y)/P -4>>/ID[(a)(b)]",
    );
    assert_eq!(code("a.pdf", encrypted.as_bytes()), "encrypted");
    assert_eq!(code("a.pdf", b"%PDF-1.7\nnothing"), "broken_pdf");
    // Page tree, parent, form and font that lead back to themselves.
    let cyclic = pdf(&[
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 2/Parent 2 0 R>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/Contents[4 0 R 4 0 R]/Resources<</XObject<</X 4 0 R>>/Font 5 0 R>>>>".to_owned(),
        "<</Type/XObject/Subtype/Form/Length 20/Resources<</XObject<</X 4 0 R>>>>>>stream\n/X Do /X Do /X Do  \nendstream".to_owned(),
        "5 0 R".to_owned(),
    ]);
    assert!(["read", "broken_pdf", "empty", "pdf_bomb"].contains(&code("a.pdf", &cyclic)));
    let nested = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert_ne!(code("a.pdf", &one_page(&nested, "BT ET")), "");
}
