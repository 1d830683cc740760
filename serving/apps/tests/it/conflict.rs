//! Contradictions between texts in force: named with both places, and only where there is no doubt.

use jiff::civil::date;
use zhisuan_apps::kb::{Statement, contradictions};

use crate::library::{NOW, add, library, maker};
use crate::support::{DAY, example};

/// Whether two sentences about one matter contradict each other.
fn contradict(one: &str, two: &str) -> bool {
    let both = Statement::of(one).zip(Statement::of(two));
    both.is_some_and(|(one, two)| one.against(&two, true).is_some())
}

#[test]
fn two_sentences_contradict_only_about_the_same_thing() {
    for (one, two) in [
        ("停车证每月30元。", "停车证每月收取45元。"),
        (
            "办理居住证应当在三个工作日内办结。",
            "辦理居住證應當在5個工作日內辦結。",
        ),
        ("最高补贴1万元", "最高补贴8000元"),
    ] {
        assert!(contradict(one, two), "{one} / {two}");
    }
    for (one, two) in [
        ("本科生每月补贴1000元。", "硕士生每月补贴2000元。"),
        (
            "首次办理不收费，补办收取10元。",
            "首次办理不收费，补办收取十元。",
        ),
        ("三个工作日内办结。", "3个工作日内办结。"),
        ("补贴1.2万元。", "补贴12000元。"),
        ("有效期为5年。", "有效期为60个月。"),
        ("到2025年建成。", "到2026年建成。"),
        (
            "2025年城市低保标准为每人每月900元。",
            "2026年城市低保标准为每人每月980元。",
        ),
        ("每只风筝收取3元登记费。", "每份护照收取120元工本费。"),
        ("有效期十年，期满换领证件。", "有效期10年，期满换领证件。"),
    ] {
        assert!(!contradict(one, two), "{one} / {two}");
    }
}

#[test]
fn the_contradictions_of_the_sample_base_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let everything = example("knowledge");
    library
        .import_folder("city", &everything, &maker(), NOW)
        .unwrap();
    let found = contradictions(&library.published("city").unwrap(), DAY);
    let sides: Vec<Vec<(&str, &str)>> = found
        .iter()
        .map(|one| {
            let sides = one.sides.iter();
            sides
                .map(|side| (side.version.document.as_str(), side.value.as_str()))
                .collect()
        })
        .collect();
    // Two of its notices were written to disagree about what charging may cost and how long it may
    // take.
    let meant = [("0.35元", "0.45元"), ("八小时", "十小时")].map(|(price, safety)| {
        [
            ("evbike-charging-price", price),
            ("evbike-charging-safety", safety),
        ]
    });
    assert_eq!(sides, meant);
}

/// Planning documents of several cities speak of the same things with other amounts.
#[test]
fn none_is_named_where_nobody_wrote_one() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds");
    if !seeds.is_dir() {
        eprintln!("SKIPPED: {} is absent", seeds.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    zhisuan_apps::eval::review_seeds(&library, "city", (&seeds, &[]), NOW).unwrap();
    let published = library.published("city").unwrap();
    assert_eq!(contradictions(&published, DAY), []);
}

#[test]
fn two_texts_in_force_are_both_shown() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let text = |title: &str, number: &str, place: &str, from: &str, days: &str| {
        format!(
            "---\n标题: {title}\n发布机构: {place}公安局\n文号: {number}\n适用地区: {place}\n状态: 现行\n\
             生效日期: {from}\n---\n\n# {title}\n\n## 办理时限\n\n材料齐全的，{days}内发放夜间停车证。\n"
        )
    };
    for (name, text) in [
        (
            "a.md",
            text(
                "停车证办事指南",
                "云公〔2025〕1号",
                "云麓市",
                "2025-01-01",
                "三个工作日",
            ),
        ),
        (
            "b.md",
            text(
                "停车证办理须知",
                "云公〔2025〕9号",
                "云麓市",
                "2025-06-01",
                "七个工作日",
            ),
        ),
        (
            "c.md",
            text(
                "停车证申请指南",
                "青公〔2025〕9号",
                "青石市",
                "2025-06-01",
                "九个工作日",
            ),
        ),
    ] {
        let added = add(&library, name, &text);
        let person = crate::library::checker();
        library.publish(&added.version, &person, NOW).unwrap();
    }
    let published = library.published("city").unwrap();
    let found = contradictions(&published, DAY);
    assert_eq!(found.len(), 1, "{found:#?}");
    let sides: Vec<(&str, &str)> = found[0]
        .sides
        .iter()
        .map(|side| (side.version.document.as_str(), side.value.as_str()))
        .collect();
    assert_eq!(sides, [("a", "三个工作日"), ("b", "七个工作日")]);
    for side in &found[0].sides {
        let version = published
            .versions
            .iter()
            .find(|v| v.id == side.version)
            .unwrap();
        assert_eq!(version.text[side.range.clone()], side.sentence);
        assert!(side.sentence.contains(&side.value));
    }
    // Before the second one holds there is none.
    assert_eq!(contradictions(&published, date(2025, 3, 1)), []);
}
