//! Wrong command lines, help and completions.

use crate::run::{User, transcript};

#[test]
fn slips_are_told_with_the_nearest_word() {
    let user = User::new();
    let outcomes = [
        user.run(&["sumbit"]),
        user.run(&["submit", "--cpu", "2"]),
        user.run(&["list", "--state", "runing"]),
        user.run(&["show"]),
        user.run(&["list", "-o", "yaml"]),
        user.run(&[]),
        user.run(&["submit", "--json", "-o", "table", "--", "true"]),
    ];
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn english_and_json_forms_of_the_same_slip() {
    let user = User::new().var("ZHISUAN_LANG", "en");
    let outcomes = [
        user.run(&["sumbit"]),
        user.run(&["sumbit", "--json"]),
        user.run(&["submit", "--cpus", "two", "--", "true"]),
        user.run(&["submit", "--memory", "4XB", "--json", "--", "true"]),
        user.run(&["submit", "--env", "PATH", "--", "true"]),
        user.run(&["wait", "1", "--timeout", "soon"]),
        user.run(&["show", "abc"]),
    ];
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn a_period_that_ends_before_it_begins_is_refused() {
    let user = User::new();
    let line = ["statement", "--from", "2026-11-02", "--to", "2026-11-01"];
    let outcome = user.run(&line);
    assert_eq!(outcome.exit, 2, "{}", outcome.whole());
    for day in ["2026-11-02", "2026-11-01"] {
        assert!(outcome.stderr.contains(day), "{}", outcome.whole());
    }
}

#[cfg(feature = "server")]
#[test]
fn a_role_without_a_key_is_told_how_to_get_one() {
    let user = User::new();
    for (line, role) in [
        (&["worker", "--data-dir", "w"][..], "--role worker"),
        (&["gateway", "--listen", "127.0.0.1:0"], "--role gateway"),
    ] {
        let outcome = user.run(line);
        assert_eq!(outcome.exit, 4, "{}", outcome.whole());
        assert!(outcome.stderr.contains(role), "{}", outcome.whole());
    }
}

#[test]
fn every_verb_has_help_in_both_languages() {
    let verbs = [
        "submit",
        "run",
        "list",
        "show",
        "why",
        "logs",
        "wait",
        "cancel",
        "outputs",
        "quote",
        "usage",
        "statement",
        "nodes",
        "models",
        "deploy",
        "undeploy",
        "chat",
        "ask",
        "kb",
        "key",
        "tenant",
        "topup",
        "config",
        "completions",
    ];
    for lang in ["zh", "en"] {
        let user = User::new().var("ZHISUAN_LANG", lang);
        let main = user.run(&["--help"]);
        assert_eq!(main.exit, 0, "{}", main.whole());
        for verb in verbs {
            let help = user.run(&[verb, "--help"]);
            assert_eq!(help.exit, 0, "{}", help.whole());
            assert!(help.stderr.is_empty(), "{}", help.whole());
            let row = main
                .stdout
                .lines()
                .find(|line| line.trim_start().starts_with(verb));
            assert!(row.is_some(), "{verb} is not in the main help");
        }
        assert_eq!(main.stdout.contains("退出码"), lang == "zh");
    }
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = User::new().run(&["completions", shell]);
        assert_eq!(outcome.exit, 0, "{}", outcome.whole());
        assert!(outcome.stdout.contains("statement"), "{shell}");
    }
}

#[cfg(feature = "server")]
#[test]
fn models_that_nothing_could_call_are_refused_before_anything_starts() {
    let user = User::new().var("ZHISUAN_KEY", "zs-test");
    for line in [
        &["gateway", "--knowledge", "k", "--qa-reranker", "m"][..],
        &["gateway", "--knowledge", "k", "--qa-writer", "m"],
        &["gateway", "--qa-key-file", "key"],
        &["gateway", "--knowledge", "k", "--qa-key-file", "missing"],
    ] {
        let outcome = user.run(line);
        assert_eq!(outcome.exit, 2, "{}", outcome.whole());
        assert!(
            outcome.stderr.contains("qa-key-file"),
            "{}",
            outcome.whole()
        );
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    use std::process::Stdio;
    let user = User::new();
    let mut child = user
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start zhisuan");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("wait");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
