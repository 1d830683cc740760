//! What must not go out as an answer: drafts beside law, texts of another place, closed themes,
//! numbers that nobody answers any more.

use std::fs;
use std::path::Path;

use zhisuan_apps::answer::Outcome;

use crate::support::{ask, base_of, told};

/// A guide for kites, with a place and a state.
fn kites(place: &str, state: &str, body: &str) -> String {
    format!(
        "---\n标题: {place}风筝管理办事指南\n发布机构: {place}体育局\n适用地区: {place}\n状态: {state}\n\
         生效日期: 2024-01-01\n---\n# {place}风筝管理办事指南\n\n{body}\n"
    )
}

#[test]
fn a_part_that_only_a_draft_answers_is_left_out_and_told() {
    let law = kites("云麓市", "现行", "## 收费标准\n\n风筝放飞许可每只收费3元。");
    let draft = "---\n标题: 云麓市养蜂补贴办法\n发布机构: 云麓市农业局\n适用地区: 云麓市\n状态: 草案\n---\n\
        # 云麓市养蜂补贴办法\n\n## 补贴标准\n\n养蜂补贴每箱发放45元。\n";
    let (_dir, folder) = base_of(&[("kite.md", law.as_bytes()), ("bees.md", draft.as_bytes())]);
    let base = folder.base();
    let both = ask(&base, "风筝放飞许可收费多少钱？养蜂补贴每箱多少钱？");
    assert_eq!(both.outcome, Outcome::Partial, "{both:?}");
    assert!(
        told(&both).contains("3元") && !told(&both).contains("45元"),
        "{both:?}"
    );
    let left_out = both.notices.iter().find(|n| n.code == "part_not_in_force");
    assert!(left_out.is_some_and(|n| n.document == "bees"), "{both:?}");
    let turned = ask(&base, "养蜂补贴每箱多少钱？风筝放飞许可收费多少钱？");
    assert_eq!(turned.outcome, Outcome::Partial, "{turned:?}");
    assert!(!told(&turned).contains("45元"), "{turned:?}");
    let draft_alone = ask(&base, "养蜂补贴每箱多少钱？");
    assert_eq!(draft_alone.outcome, Outcome::NotInForce);
    assert!(told(&draft_alone).contains("45元"));
}

#[test]
fn no_file_asks_the_machine_for_its_zone() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let local = text.contains("Zoned::now") || text.contains("TimeZone::system");
            assert!(
                !local,
                "{} asks for a day that is not China's",
                path.display()
            );
        }
    }
}
