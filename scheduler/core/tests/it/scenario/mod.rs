//! Scenarios: plain text in `tests/scenarios/*.txt`, commands and what the core answers to them.
//!
//! A line that begins with `> ` is a command, the indented lines below it are the expected answer,
//! everything else is prose. `UPDATE_SCENARIOS=1` rewrites the answers.

mod nouns;
mod parse;
mod render;
mod world;

use crate::scenario::world::World;
use std::fmt::Write as _;
use std::path::Path;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the scenarios are files; the core itself reads none"
)]
fn scenarios_answer_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 12, "only {} scenarios found", files.len());
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut failures = String::new();
    for file in files {
        let want = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let have = run(&name, &want);
        if have == want {
            continue;
        }
        if update {
            std::fs::write(&file, have).unwrap();
        } else {
            let _ = writeln!(failures, "{name}:\n{}", difference(&want, &have));
        }
    }
    assert!(
        failures.is_empty(),
        "{failures}\nif the new answers are right: UPDATE_SCENARIOS=1 cargo test -p zhisuan-core scenarios"
    );
}

/// The file with the answers that the core gives now.
fn run(name: &str, text: &str) -> String {
    let mut world = World::new();
    let mut out = String::new();
    let mut answering = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("> ") {
            out.push_str(line);
            out.push('\n');
            let answer = world
                .command(command)
                .unwrap_or_else(|why| panic!("{name}:{}: {command}: {why}", number + 1));
            for line in answer {
                let _ = writeln!(out, "  {line}");
            }
            answering = true;
        } else if !(answering && line.starts_with("  ")) {
            answering = false;
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn difference(want: &str, have: &str) -> String {
    let mut want = want.lines();
    let mut have = have.lines();
    let mut last = "";
    let mut line = 0;
    loop {
        line += 1;
        match (want.next(), have.next()) {
            (None, None) => return "no difference".to_owned(),
            (a, b) if a == b => {
                if let Some(command) = a.filter(|text| text.starts_with("> ")) {
                    last = command;
                }
            }
            (a, b) => {
                let (a, b) = (a.unwrap_or("(end)"), b.unwrap_or("(end)"));
                return format!("line {line}, after `{last}`:\n- {a}\n+ {b}");
            }
        }
    }
}
