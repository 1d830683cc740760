//! The rules of the house, read from the repository itself: crate edges, sizes, words, links, codes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/edges.rs"]
mod edges;
#[path = "tidy/pages.rs"]
mod pages;
#[path = "tidy/tree.rs"]
mod tree;

use crate::code::{code_only, functions};
use crate::tree::Tree;

const MOST_LINES: usize = 400;
const MOST_FUNCTION_LINES: usize = 70;

/// Fails with every offence at once, so that one run is enough to mend them.
fn none(offences: &[String], rule: &str) {
    let count = offences.len();
    assert!(
        count == 0,
        "{rule}: {count} offences\n{}",
        offences.join("\n")
    );
}

#[test]
fn every_source_file_says_what_it_is_for_and_is_short() {
    let mut offences = Vec::new();
    for file in Tree::read().rust() {
        let first = file.text.lines().next().unwrap_or("");
        if !first.starts_with("//! ") {
            offences.push(format!("{}:1 does not begin with `//! purpose`", file.path));
        }
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            offences.push(format!(
                "{} has {lines} lines, at most {MOST_LINES}",
                file.path
            ));
        }
    }
    none(&offences, "a file is one idea");
}

#[test]
fn no_function_is_long() {
    let mut offences = Vec::new();
    for file in Tree::read().rust() {
        for function in functions(&code_only(&file.text)) {
            if function.lines > MOST_FUNCTION_LINES {
                let (path, line, name) = (&file.path, function.line, function.name);
                let lines = function.lines;
                offences.push(format!(
                    "{path}:{line} {name} has {lines} lines, at most {MOST_FUNCTION_LINES}"
                ));
            }
        }
    }
    none(&offences, "a function is one step");
}

#[test]
fn nothing_is_left_for_later_or_switched_off() {
    // Written in two parts, so that this file does not offend itself.
    let markers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    let ignore = concat!("#[", "ignore");
    let mut offences = Vec::new();
    for file in Tree::read().texts() {
        for (number, line) in file.text.lines().enumerate() {
            let marked = markers.iter().any(|marker| word(line, marker));
            let ignored = file.is("rs") && line.contains(ignore);
            if marked || ignored {
                offences.push(format!("{}:{} {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(
        &offences,
        "work is done or is an issue, not a note in the source",
    );
}

#[test]
fn no_registry_host_and_no_machine_path_is_named() {
    let banned = [
        concat!("py", "pi.org"),
        concat!("python", "hosted.org"),
        concat!("crates", ".io"),
        concat!("npm", "js.org"),
        concat!("npm", "js.com"),
        concat!("deb.", "debian.org"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/tmp", "/dl"),
    ];
    let mut offences = Vec::new();
    // Cargo writes its own registry into the lock file.
    for file in Tree::read()
        .texts()
        .filter(|file| !file.path.ends_with("Cargo.lock"))
    {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(host) = banned.iter().find(|host| line.contains(**host)) {
                offences.push(format!("{}:{} names {host}", file.path, number + 1));
            }
        }
    }
    none(
        &offences,
        "the repository works on any machine behind any mirror",
    );
}

/// Whether `line` holds `marker` as a word of its own.
fn word(line: &str, marker: &str) -> bool {
    line.match_indices(marker).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + marker.len()..].chars().next();
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(before) && !part(after)
    })
}
