//! The governed library: what goes in, who lets it out, and that nothing is lost on the way.

use std::path::Path;

use jiff::civil::date;
use tempfile::TempDir;
use zhisuan_apps::kb::{Add, Added, Audience, Library, Repair, Stage, State, VersionId};
use zhisuan_apps::staff::Person;

use crate::support::{DAY, example};

/// 2026-01-15 08:00 in China.
pub(crate) const NOW: i64 = 1_768_435_200_000;

pub(crate) fn maker() -> Person {
    Person {
        checker: false,
        ..Person::both("key-maker", "录入员")
    }
}

pub(crate) fn checker() -> Person {
    Person::both("key-checker", "复核员")
}

/// A new library with one public base.
pub(crate) fn library(folder: &TempDir) -> Library {
    let library = Library::open(&folder.path().join("kb.sqlite")).unwrap();
    let people = Audience::Public;
    library
        .put_base("city", "城市知识库", &people, &maker(), NOW)
        .unwrap();
    library
}

pub(crate) fn add(library: &Library, name: &str, text: &str) -> Added {
    library.add(&file(name, text)).unwrap()
}

/// A file as the maker brings it in.
pub(crate) fn file(name: &str, text: &str) -> Add {
    Add {
        base: "city".to_owned(),
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
        document: None,
        person: maker(),
        now_ms: NOW,
    }
}

/// A clean guide that holds from a day on.
pub(crate) fn guide(from: &str, fee: &str) -> String {
    format!(
        "---\n标题: 停车证办事指南\n发布机构: 云麓市城市管理局\n文号: 云麓城管〔2025〕7号\n\
         适用地区: 云麓市\n状态: 现行\n生效日期: {from}\n---\n\n# 停车证办事指南\n\n\
         ## 收费标准\n\n停车证每月{fee}元，按季度收取，不足一个月的按一个月计算。\n"
    )
}

#[test]
fn the_sample_base_is_clean_and_published_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let imported = library
        .import_folder("city", &example("knowledge"), &maker(), NOW)
        .unwrap();
    assert_eq!(imported.left_out, []);
    assert_eq!(imported.quarantined, []);
    let texts = imported.published.len();
    assert!(texts >= 45, "{texts}");
    let published = library.published("city").unwrap();
    assert_eq!(published.versions.len(), texts);
    assert!(published.versions.iter().any(|version| {
        let help = version.head.hand_over.as_ref();
        help.is_some_and(|help| help.phone == "12345")
    }));
    let state = |document: &str| {
        let mut all = published.versions.iter();
        all.find(|v| v.id.document == document)
            .map(|v| v.state_on(DAY))
    };
    assert_eq!(state("residence-permit"), Some(State::InForce));
    assert_eq!(state("temporary-residence-repealed"), Some(State::Repealed));
    assert_eq!(state("parking-permit-draft"), Some(State::Draft));
    assert!(
        published
            .versions
            .iter()
            .all(|version| !version.passages.is_empty())
    );
    // Again: nothing is new, and the digest says that answers stay.
    let again = library
        .import_folder("city", &example("knowledge"), &maker(), NOW + 1)
        .unwrap();
    assert_eq!((again.unchanged, again.published.len()), (texts, 0));
    assert_eq!(library.published("city").unwrap().digest, published.digest);
}

#[test]
fn everything_is_there_after_the_library_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kb.sqlite");
    let first = library(&folder);
    let added = add(&first, "parking.md", &guide("2025-03-01", "30"));
    drop(first);
    // Not published yet, and not lost.
    let second = Library::open(&file).unwrap();
    assert!(second.published("city").unwrap().versions.is_empty());
    assert_eq!(
        second.version(&added.version).unwrap().info.stage,
        Stage::Ready
    );
    second.publish(&added.version, &maker(), NOW).unwrap();
    let digest = second.published("city").unwrap().digest.clone();
    drop(second);
    let third = Library::open(&file).unwrap();
    assert_eq!(third.published("city").unwrap().digest, digest);
    let raw = third.raw(&added.version).unwrap();
    assert_eq!(raw, guide("2025-03-01", "30").as_bytes());
    let actions: Vec<String> = third
        .history("city", Some("parking"), 10)
        .unwrap()
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    assert_eq!(actions, ["publish", "add"]);
}

#[test]
fn a_newer_version_takes_the_place_of_the_older_from_its_first_day_on() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let changes = library.changes();
    let before = changes.generation();
    let first = add(&library, "parking.md", &guide("2025-03-01", "30"));
    library.publish(&first.version, &maker(), NOW).unwrap();
    let second = add(&library, "parking.md", &guide("2026-02-01", "45"));
    assert_eq!(second.version.number, 2);
    library.publish(&second.version, &checker(), NOW).unwrap();
    assert!(changes.generation() > before);
    let published = library.published("city").unwrap();
    let on = |day| {
        let holds = published
            .versions
            .iter()
            .filter(|v| v.state_on(day).holds());
        holds.map(|version| version.id.number).collect::<Vec<_>>()
    };
    assert_eq!(on(date(2025, 2, 28)), Vec::<u32>::new());
    assert_eq!(on(date(2025, 3, 1)), [1]);
    assert_eq!(on(date(2026, 1, 31)), [1]);
    assert_eq!(on(date(2026, 2, 1)), [2]);
    // Repealed by a version of its own, which a second person publishes.
    let ended = library
        .repeal(&second.version, date(2026, 6, 1), &maker(), NOW)
        .unwrap();
    assert_eq!(ended.version.number, 3);
    let alone = library.publish(&ended.version, &maker(), NOW).unwrap_err();
    assert_eq!(alone.code(), "ZS-KB-ROLE");
    library.publish(&ended.version, &checker(), NOW).unwrap();
    let published = library.published("city").unwrap();
    let last = published
        .versions
        .iter()
        .find(|v| v.id.number == 3)
        .unwrap();
    assert_eq!(last.state_on(date(2026, 5, 31)), State::InForce);
    assert_eq!(last.state_on(date(2026, 6, 1)), State::Repealed);
}

#[test]
fn nobody_checks_their_own_work() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let added = add(&library, "parking.md", &guide("2025-03-01", "30"));
    let text = library.version(&added.version).unwrap().original;
    let start = text.find("30元").unwrap();
    let repair = Repair {
        start,
        before: "30元".to_owned(),
        after: "35元".to_owned(),
        reason: "对照原件第2页".to_owned(),
    };
    // A checker who repairs has a hand in it.
    let fixed = library
        .accept_repairs(&added.version, &[repair], &checker(), NOW)
        .unwrap();
    assert_eq!(fixed.version, added.version);
    let own = library
        .publish(&added.version, &checker(), NOW)
        .unwrap_err();
    assert_eq!(own.code(), "ZS-KB-SAME-PERSON");
    library
        .publish(&added.version, &Person::both("key-third", "第三人"), NOW)
        .unwrap();
    let published = library.published("city").unwrap();
    let version = &published.versions[0];
    assert!(version.text.contains("每月35元"));
    assert_eq!(version.repairs.len(), 1);
    let sentences = version
        .passages
        .iter()
        .flat_map(|passage| &passage.sentences);
    for sentence in sentences {
        assert!(version.text.get(sentence.clone()).is_some());
    }
    // What is published is never changed: a repair makes a new version.
    let more = Repair {
        start: 0,
        before: "---".to_owned(),
        after: "----".to_owned(),
        reason: "试".to_owned(),
    };
    let next = library
        .accept_repairs(&added.version, &[more], &maker(), NOW)
        .unwrap();
    assert_eq!(next.version.number, 2);
    assert!(
        library.published("city").unwrap().versions[0]
            .text
            .contains("每月35元")
    );
}

#[test]
fn a_claimed_number_waits_in_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    add(&library, "parking.md", &guide("2025-03-01", "30"));
    let other = "---\n标题: 养犬登记指南\n文号: 雲麓城管〔2025〕7號\n状态: 现行\n---\n\n养犬登记不收费，每只犬只登记一次，长期有效，由街道办事处受理。\n";
    let claimed = add(&library, "dog.md", other);
    assert_eq!(claimed.stage, Stage::Quarantined);
    assert!(claimed.findings[0].message.contains("停车证办事指南"));
    let refused = library
        .publish(&claimed.version, &maker(), NOW)
        .unwrap_err();
    assert_eq!(refused.code(), "ZS-KB-ROLE");
    let copy = add(&library, "copy/parking.md", &guide("2025-03-01", "30"));
    assert_eq!(copy.stage, Stage::Quarantined);
}

#[test]
fn a_withdrawn_version_is_gone_from_answers_and_kept_in_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let added = add(&library, "parking.md", &guide("2025-03-01", "30"));
    library.publish(&added.version, &maker(), NOW).unwrap();
    assert!(
        library
            .withdraw(&added.version, " ", &maker(), NOW)
            .is_err()
    );
    library
        .withdraw(&added.version, "发错文件", &maker(), NOW)
        .unwrap();
    assert!(library.published("city").unwrap().versions.is_empty());
    assert_eq!(
        library.version(&added.version).unwrap().info.note,
        "发错文件"
    );
    assert!(library.publish(&added.version, &checker(), NOW).is_err());
    // The same file may come back, as a new version.
    let back = add(&library, "parking.md", &guide("2025-03-01", "30"));
    assert_eq!((back.version.number, back.unchanged), (2, false));
}

#[test]
fn what_cannot_be_is_refused_before_anything_changes() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let nowhere = VersionId {
        document: "none".to_owned(),
        number: 1,
    };
    assert_eq!(
        library
            .publish(&nowhere, &checker(), NOW)
            .unwrap_err()
            .code(),
        "ZS-KB-UNKNOWN"
    );
    let missing = library.import_folder("city", Path::new("no-such-folder"), &maker(), NOW);
    assert_eq!(missing.unwrap_err().field(), Some("folder"));
    let binary = Add {
        base: "city".to_owned(),
        name: "x.txt".to_owned(),
        bytes: vec![0, 1, 2, 3],
        document: None,
        person: maker(),
        now_ms: NOW,
    };
    assert!(library.add(&binary).is_err());
    let reader = Person {
        maker: false,
        checker: false,
        ..maker()
    };
    let stranger = Add {
        person: reader,
        bytes: b"text".to_vec(),
        ..binary.clone()
    };
    assert_eq!(library.add(&stranger).unwrap_err().code(), "ZS-KB-ROLE");
    let odd = Add {
        bytes: "一段文字，没有别的内容。".as_bytes().to_vec(),
        document: Some("../../etc".to_owned()),
        ..binary
    };
    assert_eq!(library.add(&odd).unwrap_err().field(), Some("document"));
    assert!(library.versions("city", None).unwrap().is_empty());
}
