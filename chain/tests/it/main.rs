//! Chains on the disk: whole after a restart, broken by any change, readable for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod stored;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use zhisuan_chain::{
    Break, Digest, Files, Kind, Link, Lost, ROTATE_BYTES, VerifyError, holds, verify,
};

const ANSWERS: Kind = Kind {
    name: "answers",
    digest: Digest::Sm3,
};
const EVENTS: Kind = Kind {
    name: "audit",
    digest: Digest::Sha256,
};

fn event(number: u64) -> Map<String, Value> {
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
fn written(events: u64, kind: Kind) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Files::open(folder.path(), kind, ROTATE_BYTES).unwrap();
    let events: Vec<_> = (0..events).map(event).collect();
    chain.append(&events).unwrap();
    drop(chain);
    let path = files(folder.path()).remove(0);
    (folder, path)
}

#[test]
fn a_chain_goes_on_after_a_restart_and_over_its_files() {
    for kind in [ANSWERS, EVENTS] {
        let folder = tempfile::tempdir().unwrap();
        for start in [0, 10] {
            let mut chain = Files::open(folder.path(), kind, 600).unwrap();
            for number in start..start + 10 {
                let links = chain.append(&[event(number)]).unwrap();
                assert_eq!(links[0].seq, number + 1);
            }
        }
        let verified = verify(folder.path(), kind, None).unwrap();
        assert_eq!((verified.events, verified.first), (20, 1));
        let paths = files(folder.path());
        assert!(paths.len() > 3);
        // The oldest may be kept elsewhere; one from the middle may not be missing.
        assert!(verify(&paths[1], kind, None).unwrap().first > 1);
        fs::remove_file(&paths[1]).unwrap();
        let broken = verify(folder.path(), kind, None).unwrap_err();
        assert_eq!(broken.code(), "ZS-AUDIT-BROKEN");
        let VerifyError::Broken {
            path, line, why, ..
        } = broken
        else {
            panic!("not broken")
        };
        assert_eq!((path, line), (paths[2].clone(), 1));
        assert!(matches!(why, Break::Missing { .. }), "{why}");
    }
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Files::open(folder.path(), EVENTS, 1).unwrap();
    let refused = Files::open(folder.path(), EVENTS, 1)
        .unwrap_err()
        .to_string();
    for told in [
        &*folder.path().to_string_lossy(),
        "先停止那个程序",
        "另外的目录",
    ] {
        assert!(refused.contains(told), "{refused}");
    }
    drop(first);
    assert!(Files::open(folder.path(), EVENTS, 1).is_ok());
}

#[test]
fn a_line_that_a_crash_tore_is_set_aside() {
    let (folder, path) = written(3, ANSWERS);
    let whole = fs::read(&path).unwrap();
    let torn = [whole.as_slice(), br#"{"at_ms":1,"kind":"ans"#].concat();
    fs::write(&path, torn).unwrap();
    assert!(verify(folder.path(), ANSWERS, None).is_err());
    let mut chain = Files::open(folder.path(), ANSWERS, ROTATE_BYTES).unwrap();
    assert_eq!(chain.append(&[event(3)]).unwrap()[0].seq, 4);
    drop(chain);
    assert_eq!(verify(folder.path(), ANSWERS, None).unwrap().events, 4);
    assert!(path.with_extension("torn").exists());
}

/// What is told of a chain against a head that was kept, checked whole and looked up.
fn told(folder: &Path, head: &Link) -> Lost {
    let whole = verify(folder, ANSWERS, Some(head)).unwrap_err();
    let looked = holds(folder, ANSWERS, head).unwrap_err();
    assert_eq!(whole.code(), "ZS-AUDIT-LOST");
    let (VerifyError::Lost { lost, .. }, VerifyError::Lost { lost: same, .. }) = (whole, looked)
    else {
        panic!("not lost")
    };
    assert_eq!(lost, same);
    lost
}

#[test]
fn what_was_cut_off_is_seen_by_who_kept_the_head() {
    // Over several files, in one of which the cut falls, or of which the last is gone.
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Files::open(folder.path(), ANSWERS, 600).unwrap();
    let places: Vec<Link> = (0..9)
        .flat_map(|number| chain.append(&[event(number)]).unwrap())
        .collect();
    drop(chain);
    for place in &places {
        verify(folder.path(), ANSWERS, Some(place)).unwrap();
        holds(folder.path(), ANSWERS, place).unwrap();
    }
    let head = places.last().unwrap();
    for last in (0..9).rev() {
        // The newest line goes, with its file where it was the only one.
        let newest = files(folder.path()).into_iter().rev();
        let mut newest = newest.map(|path| (fs::read_to_string(&path).unwrap(), path));
        let (text, path) = newest.find(|(text, _)| !text.is_empty()).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        fs::write(&path, lines[..lines.len() - 1].concat()).unwrap();
        let lost = told(folder.path(), head);
        assert_eq!(lost, Lost::CutOff { last, head: 9 });
        assert!(
            lost.to_string()
                .contains(&format!("从第 {} 条起缺失", last + 1))
        );
    }
}

#[test]
fn a_chain_written_anew_is_not_the_one_whose_head_was_kept() {
    let (folder, path) = written(4, ANSWERS);
    let head = verify(folder.path(), ANSWERS, None).unwrap().head;
    let (other, anew) = (tempfile::tempdir().unwrap(), [9, 8, 7, 6, 5].map(event));
    let mut chain = Files::open(other.path(), ANSWERS, ROTATE_BYTES).unwrap();
    chain.append(&anew).unwrap();
    drop(chain);
    fs::copy(files(other.path()).remove(0), &path).unwrap();
    assert_eq!(verify(folder.path(), ANSWERS, None).unwrap().events, 5);
    assert_eq!(told(folder.path(), &head), Lost::Rewritten { head: 4 });
    // Only the later files: what was kept cannot be shown by them.
    let (folder, _) = written(9, ANSWERS);
    let early = verify(folder.path(), ANSWERS, None).unwrap();
    let text = fs::read_to_string(files(folder.path()).remove(0)).unwrap();
    let (third, rest) = text.split_once('\n').unwrap();
    let first = Link {
        seq: 1,
        hash: third[third.len() - 66..third.len() - 2].to_owned(),
    };
    verify(folder.path(), ANSWERS, Some(&first)).unwrap();
    let later = folder.path().join("answers-000000000002.jsonl");
    fs::write(&later, rest).unwrap();
    let missing = verify(&later, ANSWERS, Some(&first)).unwrap_err();
    assert!(
        missing.to_string().contains("请连同更早的文件一起核对"),
        "{missing}"
    );
    assert!(verify(&later, ANSWERS, Some(&early.head)).is_ok());
}

#[test]
fn a_broken_chain_says_from_which_event_on() {
    let (folder, path) = written(5, ANSWERS);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"at_ms\":2", "\"at_ms\":7", 1)).unwrap();
    let broken = verify(folder.path(), ANSWERS, None).unwrap_err();
    assert!(matches!(
        broken,
        VerifyError::Broken {
            seq: 3,
            line: 3,
            ..
        }
    ));
    assert!(
        broken.to_string().contains("从第 3 条起不能证明"),
        "{broken}"
    );
}

#[test]
fn a_folder_without_a_chain_is_told_apart_from_a_broken_one() {
    let (folder, _) = written(2, ANSWERS);
    let other = verify(folder.path(), EVENTS, None).unwrap_err();
    assert!(matches!(other, VerifyError::Empty { .. }), "{other}");
    let none = verify(&folder.path().join("none"), EVENTS, None).unwrap_err();
    assert!(matches!(none, VerifyError::Read { .. }), "{none}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_changed_byte_is_found(place in 0.0..1.0_f64, mask in 1_u8..=255, sm3: bool) {
        let kind = if sm3 { ANSWERS } else { EVENTS };
        let (folder, path) = written(5, kind);
        let mut bytes = fs::read(&path).unwrap();
        let at = (place * bytes.len() as f64) as usize;
        bytes[at] ^= mask;
        fs::write(&path, &bytes).unwrap();
        let broken = verify(folder.path(), kind, None);
        prop_assert!(matches!(broken, Err(VerifyError::Broken { .. })), "byte {at}: {broken:?}");
    }

    #[test]
    fn lines_cannot_change_places_or_go(one in 0_usize..5, two in 0_usize..5) {
        let (folder, path) = written(5, ANSWERS);
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        if one == two {
            lines.remove(one);
        } else {
            lines.swap(one, two);
        }
        fs::write(&path, lines.concat()).unwrap();
        // Only the last line can go unseen, and the first as if kept elsewhere.
        let seen = verify(folder.path(), ANSWERS, None).is_err();
        prop_assert_eq!(seen, one != two || (one != 0 && one != 4));
    }
}
