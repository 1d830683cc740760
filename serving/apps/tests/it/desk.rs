//! The staff's desk: synonyms, switches, audiences and work.

use zhisuan_apps::kb::{Audience, Correction, Synonym, WorkKind};
use zhisuan_apps::staff::Person;

use crate::library::{NOW, checker, guide, library, maker};
use crate::support::DAY;

#[test]
fn synonyms_and_themes_take_effect_as_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let synonym = Synonym {
        word: "暂住证".to_owned(),
        means: vec!["居住证".to_owned()],
    };
    library
        .propose_synonym("city", &synonym, &checker(), NOW)
        .unwrap();
    let own = library.settle_synonym("city", &synonym, true, &checker(), NOW);
    assert_eq!(own.unwrap_err().code(), "ZS-KB-SAME-PERSON");
    assert!(library.published("city").unwrap().synonyms.is_empty());
    let other = Person::both("key-third", "第三人");
    library
        .settle_synonym("city", &synonym, true, &other, NOW)
        .unwrap();
    assert_eq!(library.published("city").unwrap().synonyms, [synonym]);
    assert_eq!(library.proposed_synonyms("city").unwrap(), []);
    let text = guide("2024-01-01", "80").replace("状态: 现行", "状态: 现行\n主题: 养犬");
    crate::library::add(&library, "dogs.txt", &text);
    // Off at once by anybody, on again by a checker.
    library
        .switch_theme("city", "养犬", true, &maker(), NOW)
        .unwrap();
    assert_eq!(library.published("city").unwrap().closed_themes, ["养犬"]);
    assert!(
        library
            .switch_theme("city", "养犬", false, &maker(), NOW)
            .is_err()
    );
    library
        .switch_theme("city", "养犬", false, &checker(), NOW)
        .unwrap();
    assert!(library.published("city").unwrap().closed_themes.is_empty());
}

#[test]
fn a_synonym_that_was_changed_since_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let of = |means: &str| Synonym {
        word: "暂住证".to_owned(),
        means: vec![means.to_owned()],
    };
    let (seen, later) = (of("居住证"), of("身份证"));
    library
        .propose_synonym("city", &seen, &maker(), NOW)
        .unwrap();
    library
        .propose_synonym("city", &later, &maker(), NOW)
        .unwrap();
    let refused = library.settle_synonym("city", &seen, true, &checker(), NOW);
    assert_eq!(refused.unwrap_err().code(), "ZS-KB-CHANGED");
    assert!(library.published("city").unwrap().synonyms.is_empty());
    library
        .settle_synonym("city", &later, true, &checker(), NOW)
        .unwrap();
}

#[test]
fn who_may_ask_changes_by_a_checker_who_stays_in() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let named = |id: &str| Audience::Named(vec![id.to_owned()]);
    let set =
        |audience: &Audience, person: &Person| library.set_audience("city", audience, person, NOW);
    assert_eq!(
        set(&Audience::Staff, &maker()).unwrap_err().code(),
        "ZS-KB-ROLE"
    );
    let out = set(&named("key-maker"), &checker()).unwrap_err();
    assert_eq!(out.field(), Some("audience"));
    set(&named("key-checker"), &checker()).unwrap();
    assert!(!library.admits("city", None) && !library.admits("city", Some(&maker())));
    set(&Audience::Public, &checker()).unwrap();
    assert!(library.admits("city", None));
}

#[test]
fn a_base_is_for_whom_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let named = Audience::Named(vec!["key-checker".to_owned()]);
    library
        .put_base("inner", "内部", &named, &maker(), NOW)
        .unwrap();
    assert!(library.admits("city", None));
    assert!(!library.admits("inner", None));
    assert!(!library.admits("inner", Some(&maker())));
    assert!(library.admits("inner", Some(&checker())));
    assert!(!library.admits("nowhere", Some(&checker())));
    let bad = library.put_base("../x", "坏", &Audience::Public, &maker(), NOW);
    assert_eq!(bad.unwrap_err().field(), Some("base"));
}

#[test]
fn open_work_counts_up_and_a_correction_stays_as_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let open = || library.open_work("city", WorkKind::Unanswered, "宠物能上地铁吗", "", "", NOW);
    let id = open().unwrap();
    assert_eq!(open().unwrap(), id);
    let work = library.work("city", true, 10).unwrap();
    assert_eq!((work.len(), work[0].times), (1, 2));
    let correction = Correction {
        question: "宠物能上地铁吗",
        as_of: DAY,
        expected: "不得携带宠物进站",
    };
    library
        .close_work(
            "city",
            id,
            "已补充乘客守则",
            Some(&correction),
            &maker(),
            NOW,
        )
        .unwrap();
    assert!(library.work("city", true, 10).unwrap().is_empty());
    assert!(
        library
            .close_work("city", id, "再办一次", None, &maker(), NOW)
            .is_err()
    );
    let kept = library.regressions("city").unwrap();
    assert_eq!(kept[0].expected, "不得携带宠物进站");
}

#[test]
fn personal_numbers_do_not_stay_in_work() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let question = "我的身份证11010519491231002X能办吗";
    library
        .open_work(
            "city",
            WorkKind::Unanswered,
            question,
            "",
            "手机13812345678",
            NOW,
        )
        .unwrap();
    let work = library.work("city", true, 1).unwrap();
    assert!(!work[0].question.contains("11010519491231002X"));
    assert!(!work[0].note.contains("13812345678"));
}
