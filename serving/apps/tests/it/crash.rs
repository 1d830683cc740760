//! A library whose program is killed while it writes: what was promised is there.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use zhisuan_apps::audit::{Chain, verify};
use zhisuan_apps::kb::{Audience, Library, Stage};

use crate::library::{NOW, add, checker, guide, maker};

const FOLDER: &str = "ZHISUAN_TEST_CRASH_FOLDER";

fn open(folder: &Path) -> Library {
    let chain = Chain::open_with(&folder.join("log"), 4096).unwrap();
    Library::open_with(&folder.join("kb.sqlite"), Some(chain)).unwrap()
}

/// The other program: writes until it is killed, and says what it was promised. Alone it does
/// nothing.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let library = open(Path::new(&folder));
    let everybody = Audience::Public;
    library
        .put_base("city", "城市", &everybody, &maker(), NOW)
        .unwrap();
    for number in 0.. {
        let text = guide("2025-03-01", &format!("{}", 100 + number));
        let added = add(&library, "parking.md", &text);
        eprintln!("added {}", added.version);
        library.publish(&added.version, &checker(), NOW).unwrap();
        eprintln!("published {}", added.version);
    }
}

#[test]
fn nothing_that_was_promised_is_lost_when_the_program_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=3_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut promised = Vec::new();
        for line in lines.map_while(Result::ok) {
            promised.push(line);
            if promised.len() >= 5 + round as usize {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let library = open(folder.path());
        let versions = library.versions("city", None).unwrap();
        for line in &promised {
            let (word, id) = line.split_once(' ').unwrap();
            let version = versions.iter().find(|v| v.id.to_string() == id);
            let version = version.unwrap_or_else(|| panic!("{line} is lost"));
            assert!(
                word == "added" || version.stage == Stage::Published,
                "{line}"
            );
            assert!(library.raw(&version.id).is_ok(), "{line}");
        }
        drop(library);
        assert!(verify(&folder.path().join("log"), None).is_ok());
    }
}
