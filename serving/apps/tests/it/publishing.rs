//! Who lets what out, and folders that are read at every start.

use std::fs;
use std::path::Path;

use zhisuan_apps::kb::{Imported, Library, Stage};
use zhisuan_apps::staff::Person;

use crate::library::{NOW, add, checker, file, guide, library, maker};

fn start(library: &Library, folder: &Path) -> Imported {
    let person = Person::both("import", "目录导入");
    library.import_folder("city", folder, &person, NOW).unwrap()
}

#[test]
fn what_was_withdrawn_stays_withdrawn_when_its_folder_is_read_again() {
    let (place, texts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = library(&place);
    fs::write(texts.path().join("parking.md"), guide("2025-03-01", "30")).unwrap();
    let first = start(&library, texts.path());
    assert_eq!(first.published.len(), 1);
    library
        .withdraw(&first.published[0], "发错文件", &maker(), NOW)
        .unwrap();
    let again = start(&library, texts.path());
    assert_eq!((again.unchanged, again.published.len()), (1, 0));
    assert!(library.published("city").unwrap().versions.is_empty());
    assert_eq!(library.versions("city", None).unwrap().len(), 1);
    // A person may bring it back, and another one publishes it.
    let back = add(&library, "parking.md", &guide("2025-03-01", "30"));
    assert_eq!((back.version.number, back.unchanged), (2, false));
    assert!(library.publish(&back.version, &maker(), NOW).is_err());
    library.publish(&back.version, &checker(), NOW).unwrap();
}

#[test]
fn of_two_files_with_one_name_the_folder_gives_the_first_for_ever() {
    let (place, texts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = library(&place);
    fs::write(texts.path().join("parking.md"), guide("2025-03-01", "30")).unwrap();
    fs::write(texts.path().join("parking.txt"), guide("2025-03-01", "45")).unwrap();
    for _ in 0..3 {
        let imported = start(&library, texts.path());
        let left_out: Vec<_> = imported
            .left_out
            .iter()
            .map(|left| (left.file.as_str(), left.code))
            .collect();
        assert_eq!(left_out, [("parking.txt", "same_name")]);
        assert_eq!(library.versions("city", None).unwrap().len(), 1);
    }
    let history = library.history("city", Some("parking"), 10).unwrap();
    let actions: Vec<_> = history.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["publish", "import"]);
}

#[test]
fn a_folder_brings_a_new_version_and_a_person_publishes_it() {
    let (place, texts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = library(&place);
    let path = texts.path().join("parking.md");
    fs::write(&path, guide("2025-03-01", "30")).unwrap();
    start(&library, texts.path());
    fs::write(&path, guide("2026-01-10", "45")).unwrap();
    let imported = start(&library, texts.path());
    assert_eq!((imported.published.len(), imported.waiting.len()), (0, 1));
    let waiting = library.versions("city", Some(Stage::Ready)).unwrap();
    assert!(waiting[0].follows && waiting[0].needs_checker());
    // An older file that comes back is not new either.
    fs::write(&path, guide("2025-03-01", "30")).unwrap();
    assert_eq!(start(&library, texts.path()).unchanged, 1);
    assert_eq!(library.versions("city", None).unwrap().len(), 2);
    library.publish(&waiting[0].id, &maker(), NOW).unwrap_err();
    library.publish(&waiting[0].id, &checker(), NOW).unwrap();
}

#[test]
fn a_new_version_of_law_takes_two_people() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let both = Person::both("key-both", "录入兼复核");
    let first = add(&library, "parking.md", &guide("2025-03-01", "30"));
    library.publish(&first.version, &maker(), NOW).unwrap();
    let mut next = file("parking.md", &guide("2026-01-10", "45"));
    next.person = both.clone();
    let second = library.add(&next).unwrap();
    assert_eq!(second.stage, Stage::Ready);
    let own = library.publish(&second.version, &both, NOW).unwrap_err();
    assert_eq!(own.code(), "ZS-KB-SAME-PERSON");
    let alone = library.publish(&second.version, &maker(), NOW).unwrap_err();
    assert_eq!(alone.code(), "ZS-KB-ROLE");
    library.publish(&second.version, &checker(), NOW).unwrap();
}

#[test]
fn nobody_takes_another_text_out_of_force_alone() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let newer = "---\n标题: 养犬登记办法\n发布机构: 云麓市公安局\n文号: 云麓公〔2026〕3号\n\
        适用地区: 云麓市\n状态: 现行\n代替: 停车证办事指南\n---\n\n养犬登记每只每年办理一次，由街道办事处受理，不收费。\n";
    // Nothing of that name is there yet.
    let early = add(&library, "early.md", newer);
    assert_eq!(early.stage, Stage::Ready, "{:#?}", early.findings);
    let first = add(&library, "parking.md", &guide("2025-03-01", "30"));
    library.publish(&first.version, &maker(), NOW).unwrap();
    // Now there is, and what was clean needs a second person.
    library.publish(&early.version, &maker(), NOW).unwrap_err();
    let named = add(
        &library,
        "dog.md",
        &newer.replace("养犬", "养猫").replace("3号", "4号"),
    );
    assert_eq!(named.stage, Stage::Quarantined);
    let told = named.findings.iter().any(|finding| {
        finding.message.contains("停车证办事指南") && finding.message.contains("parking@1")
    });
    assert!(told, "{:#?}", named.findings);
    library.publish(&named.version, &checker(), NOW).unwrap();
}

#[test]
fn a_checker_publishes_what_they_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let added = add(&library, "parking.md", &guide("2025-03-01", "30"));
    let mut head = added.head.clone();
    head.issuer = Some("云麓市城管局".to_owned());
    library
        .edit_head(&added.version, head.clone(), &maker(), NOW)
        .unwrap();
    let looked_at = library.version(&added.version).unwrap().info.seen;
    // The page is open; somebody changes the same version.
    head.place = Some("青石市".to_owned());
    library
        .edit_head(&added.version, head, &maker(), NOW)
        .unwrap();
    let refused = library.publish_seen(&added.version, &looked_at, &checker(), NOW);
    assert_eq!(refused.unwrap_err().code(), "ZS-KB-CHANGED");
    assert!(library.published("city").unwrap().versions.is_empty());
    let looked_at = library.version(&added.version).unwrap().info.seen;
    library
        .publish_seen(&added.version, &looked_at, &checker(), NOW)
        .unwrap();
}
