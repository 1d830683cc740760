//! The log of answers and deeds: everything reaches the chain, and nothing in it says who asked.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use zhisuan_apps::answer::{Answer, Hashes, Maker, Outcome, SCHEMA};
use zhisuan_apps::audit::{Chain, Lost, VerifyError, verify};
use zhisuan_apps::kb::{Library, LibraryError, Said, accept_log, kept_head};

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

#[tokio::test]
async fn events_that_wait_together_are_told_their_own_places() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::open(folder.path()).unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let chain = chain.clone();
            tokio::spawn(async move { (number, chain.append(event(number)).await.unwrap()) })
        })
        .collect();
    let mut told = Vec::new();
    for task in tasks {
        told.push(task.await.unwrap());
    }
    drop(chain);
    let lines = lines(folder.path());
    assert_eq!(verify(folder.path(), None).unwrap().events, 40);
    for (number, link) in told {
        let line = &lines[link.seq as usize - 1];
        assert_eq!(
            (&line["at_ms"], &line["hash"]),
            (&json!(number), &json!(link.hash))
        );
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
    assert_eq!(verify(&log, None).unwrap().events, 3);
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
    assert!(verify(&log, None).is_ok());
}

#[test]
fn answers_past_their_days_are_dropped_and_the_chain_holds() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    drop(library(&folder));
    let file = folder.path().join("kb.sqlite");
    let chain = Chain::open(&log).unwrap();
    let library = Library::open_with(&file, Some(chain)).unwrap();
    let day = 24 * 3600 * 1000;
    let mut old = answer("0123abcd");
    old.question = "从前的问题".to_owned();
    library.keep_answer("city", &old, NOW - 200 * day).unwrap();
    library
        .keep_answer("city", &answer("4567ef01"), NOW)
        .unwrap();
    let before = verify(&log, None).unwrap();
    assert_eq!(
        library.drop_answers("city", NOW - 183 * day, NOW).unwrap(),
        1
    );
    assert_eq!(
        library.answer("0123abcd").unwrap_err().code(),
        "ZS-KB-UNKNOWN"
    );
    assert!(library.answer("4567ef01").unwrap().answer.is_some());
    // Nothing more to drop writes nothing.
    assert_eq!(
        library.drop_answers("city", NOW - 183 * day, NOW).unwrap(),
        0
    );
    let told = &library.history("city", None, 1).unwrap()[0];
    assert_eq!(
        (told.action.as_str(), &told.detail["answers"]),
        ("drop_answers", &json!(1))
    );
    drop(library);
    let after = verify(&log, None).unwrap();
    assert_eq!(after.events, before.events + 1);
    assert_eq!(lines(&log).last().unwrap()["kind"], "drop_answers");
    // Not even the file's free pages remember.
    for path in [file.clone(), file.with_extension("sqlite-wal")] {
        let bytes = fs::read(path).unwrap_or_default();
        assert!(
            !bytes
                .windows(15)
                .any(|part| part == "从前的问题".as_bytes())
        );
    }
}

/// Cuts the newest lines off a log of one file.
fn cut(log: &Path, lines: usize) {
    let path = files(log).remove(0);
    let text = fs::read_to_string(&path).unwrap();
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&path, all[..all.len() - lines].concat()).unwrap();
}

#[test]
fn a_log_whose_end_was_cut_off_is_missed_and_not_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let (log, file) = (folder.path().join("log"), folder.path().join("kb.sqlite"));
    drop(library(&folder));
    let open = || Library::open_with(&file, Some(Chain::open(&log).unwrap()));
    let begun = open().unwrap();
    for id in ["0123abcd", "4567ef01", "89ab2345"] {
        begun.keep_answer("city", &answer(id), NOW).unwrap();
    }
    let head = begun.log_head().unwrap().unwrap();
    drop(begun);
    // Its head is kept apart, found offline, and moves with deeds and answers alike.
    assert_eq!(kept_head(&file).unwrap(), Some(head.clone()));
    assert_eq!(verify(&log, Some(&head)).unwrap().head, head);
    drop(open().unwrap());
    let whole = fs::read(files(&log).remove(0)).unwrap();

    cut(&log, 2);
    let lost = Lost::CutOff {
        last: head.seq - 2,
        head: head.seq,
    };
    let refused = open().err().unwrap();
    assert_eq!(refused.code(), "ZS-AUDIT-LOST");
    assert!(
        matches!(refused, LibraryError::Log(VerifyError::Lost { lost: found, .. }) if found == lost)
    );
    let offline = verify(&log, Some(&head)).unwrap_err().to_string();
    assert!(
        offline.contains(&format!("从第 {} 条起缺失", head.seq - 1)),
        "{offline}"
    );
    // The refused start wrote nothing; the missing lines brought back make it whole.
    fs::write(files(&log).remove(0), &whole).unwrap();
    drop(open().unwrap());

    // What cannot be had back is answered for by somebody, in the history and in the log itself.
    cut(&log, 1);
    assert!(open().is_err());
    assert!(accept_log(&file, &log, &checker(), NOW).unwrap().is_some());
    let again = open().unwrap();
    assert_eq!(
        again.history("city", None, 1).unwrap()[0].action,
        "log_lost"
    );
    drop(again);
    let last = lines(&log).pop().unwrap();
    assert_eq!(
        (&last["kind"], &last["seq"]),
        (&json!("log_lost"), &json!(head.seq))
    );
    assert_eq!(last["detail"]["reached"], head.to_string());
    let now = kept_head(&file).unwrap().unwrap();
    verify(&log, Some(&now)).unwrap();
    assert!(verify(&log, Some(&head)).is_err());
    assert_eq!(accept_log(&file, &log, &checker(), NOW).unwrap(), None);

    // A log that is gone as a whole is missed too.
    fs::remove_file(files(&log).remove(0)).unwrap();
    assert!(
        open()
            .err()
            .unwrap()
            .to_string()
            .contains("从第 1 条起缺失")
    );
}
