//! The chain of answers and deeds: whole after a restart, broken by any change.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use zhisuan_apps::answer::{Answer, Hashes, Maker, Outcome, SCHEMA};
use zhisuan_apps::audit::{Chain, VerifyError, verify};
use zhisuan_apps::kb::{Library, Said};

use crate::library::{NOW, add, checker, guide, library, maker};
use crate::support::DAY;

fn event(number: usize) -> Map<String, Value> {
    let event = json!({"kind": "answer", "object": format!("甲\"}}乙{number}"), "at_ms": number});
    event.as_object().unwrap().clone()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    paths.sort();
    paths
}

/// A chain of some events in one file, closed.
fn written(events: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::open(folder.path()).unwrap();
    for number in 0..events {
        chain.append_blocking(event(number)).unwrap();
    }
    drop(chain);
    let path = files(folder.path()).remove(0);
    (folder, path)
}

#[test]
fn a_chain_goes_on_after_a_restart_and_over_its_files() {
    let folder = tempfile::tempdir().unwrap();
    for start in [0, 10] {
        let chain = Chain::open_with(folder.path(), 600).unwrap();
        for number in start..start + 10 {
            let link = chain.append_blocking(event(number)).unwrap();
            assert_eq!(link.seq, number as u64 + 1);
        }
    }
    let verified = verify(folder.path()).unwrap();
    assert_eq!((verified.events, verified.first), (20, 1));
    let paths = files(folder.path());
    assert!(paths.len() > 3);
    // The oldest may be kept elsewhere; one from the middle may not be missing.
    assert!(verify(&paths[1]).unwrap().first > 1);
    fs::remove_file(&paths[1]).unwrap();
    let broken = verify(folder.path()).unwrap_err();
    assert_eq!(broken.code(), "ZS-AUDIT-BROKEN");
    let VerifyError::Broken { path, line, why } = broken else {
        panic!("not broken")
    };
    assert_eq!((path, line), (paths[2].clone(), 1));
    assert!(why.contains("缺失"), "{why}");
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Chain::open(folder.path()).unwrap();
    assert!(Chain::open(folder.path()).is_err());
    drop(first);
    assert!(Chain::open(folder.path()).is_ok());
}

#[test]
fn a_line_that_a_crash_tore_is_set_aside() {
    let (folder, path) = written(3);
    let whole = fs::read(&path).unwrap();
    let torn = [whole.as_slice(), br#"{"at_ms":1,"kind":"ans"#].concat();
    fs::write(&path, torn).unwrap();
    assert!(verify(folder.path()).is_err());
    let chain = Chain::open(folder.path()).unwrap();
    assert_eq!(chain.append_blocking(event(3)).unwrap().seq, 4);
    drop(chain);
    assert_eq!(verify(folder.path()).unwrap().events, 4);
    assert!(path.with_extension("torn").exists());
}

#[test]
fn what_was_cut_off_is_seen_by_who_kept_the_last_hash() {
    let (folder, path) = written(4);
    let head = verify(folder.path()).unwrap().head;
    let text = fs::read_to_string(&path).unwrap();
    let shorter: String = text.split_inclusive('\n').take(3).collect();
    fs::write(&path, shorter).unwrap();
    assert_ne!(verify(folder.path()).unwrap().head, head);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_changed_byte_is_found(place in 0.0..1.0_f64, mask in 1_u8..=255) {
        let (folder, path) = written(5);
        let mut bytes = fs::read(&path).unwrap();
        let at = (place * bytes.len() as f64) as usize;
        bytes[at] ^= mask;
        fs::write(&path, &bytes).unwrap();
        let broken = verify(folder.path());
        prop_assert!(matches!(broken, Err(VerifyError::Broken { .. })), "byte {at}: {broken:?}");
    }

    #[test]
    fn lines_cannot_change_places_or_go(one in 0_usize..5, two in 0_usize..5) {
        let (folder, path) = written(5);
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        if one == two {
            lines.remove(one);
        } else {
            lines.swap(one, two);
        }
        fs::write(&path, lines.concat()).unwrap();
        // Only the last line can go unseen, and the first as if kept elsewhere.
        let seen = verify(folder.path()).is_err();
        prop_assert_eq!(seen, one != two || (one != 0 && one != 4));
    }
}

fn answer(id: &str) -> Answer {
    let hashes = Hashes {
        question: "ab".repeat(32),
        ..Hashes::default()
    };
    Answer {
        schema: SCHEMA.to_owned(),
        id: id.to_owned(),
        question: "停车证多少钱".to_owned(),
        as_of: DAY,
        outcome: Outcome::NoEvidence,
        reason: "nothing_found".to_owned(),
        message: "没有找到可靠依据".to_owned(),
        made_by: Maker::Extract,
        sentences: Vec::new(),
        notices: Vec::new(),
        conflicts: Vec::new(),
        choices: Vec::new(),
        nearest: Vec::new(),
        hand_over: None,
        label: "内容由系统自动摘取".to_owned(),
        hashes,
    }
}

fn lines(folder: &Path) -> Vec<Value> {
    let texts = files(folder)
        .into_iter()
        .map(|path| fs::read_to_string(path).unwrap());
    let all = texts.collect::<String>();
    all.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn deeds_reach_the_chain_even_if_it_was_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kb.sqlite");
    let log = folder.path().join("log");
    let without = library(&folder);
    let added = add(&without, "parking.md", &guide("2025-03-01", "30"));
    drop(without);
    let chain = Chain::open(&log).unwrap();
    let library = Library::open_with(&file, Some(chain.clone())).unwrap();
    library.publish(&added.version, &maker(), NOW).unwrap();
    drop((library, chain));
    let kinds: Vec<Value> = lines(&log)
        .into_iter()
        .map(|line| line["kind"].clone())
        .collect();
    assert_eq!(kinds, ["base", "add", "publish"]);
    assert_eq!(verify(&log).unwrap().events, 3);
    // Opened again, nothing is told twice.
    let chain = Chain::open(&log).unwrap();
    drop(Library::open_with(&file, Some(chain)).unwrap());
    assert_eq!(lines(&log).len(), 3);
}

#[test]
fn an_answer_is_kept_and_can_be_forgotten_without_a_break() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    drop(library(&folder));
    let chain = Chain::open(&log).unwrap();
    let library = Library::open_with(&folder.path().join("kb.sqlite"), Some(chain)).unwrap();
    let given = answer("0123abcd");
    let link = library.keep_answer("city", &given, NOW).unwrap().unwrap();
    let kept = library.answer("0123abcd").unwrap();
    assert_eq!((kept.answer.as_ref(), &kept.link), (Some(&given), &link));
    // Nothing in the chain says what was asked, nor names the answer.
    let written = fs::read_to_string(files(&log).remove(0)).unwrap();
    for secret in ["停车证", "0123abcd", &given.hashes.question] {
        assert!(!written.contains(secret), "{secret}");
    }
    let low = Said {
        answer: "0123abcd",
        helpful: false,
        reason: "incomplete",
        comment: "没有说夜间",
    };
    library.say(&low, NOW).unwrap();
    assert_eq!(library.work("city", true, 5).unwrap()[0].answer, "0123abcd");
    assert!(
        library
            .say(
                &Said {
                    reason: "坏",
                    ..low.clone()
                },
                NOW
            )
            .is_err()
    );
    assert!(library.erase_answer("0123abcd", &maker(), NOW).is_err());
    library.erase_answer("0123abcd", &checker(), NOW).unwrap();
    assert_eq!(library.answer("0123abcd").unwrap().answer, None);
    assert_eq!(library.feedback("city", 5).unwrap()[0].comment, "");
    drop(library);
    assert!(verify(&log).is_ok());
}
