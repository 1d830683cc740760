//! A server that is not there: exit code 6 from every verb that needs one.

use crate::run::{User, transcript};

fn lonely() -> User {
    User::new()
        .var("ZHISUAN_SCHEDULER", "http://127.0.0.1:1")
        .var("ZHISUAN_GATEWAY", "http://127.0.0.1:1")
}

#[test]
fn an_absent_server_is_named_with_what_to_do() {
    let user = lonely();
    let outcomes = [
        user.run(&["list"]),
        user.run(&["list", "--json", "--lang", "en"]),
        user.run(&["chat", "m", "hi"]),
        user.run(&["ask", "居住证", "-o", "json"]),
    ];
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn every_verb_that_needs_a_server_says_so() {
    let user = lonely();
    let lines: [&[&str]; 20] = [
        &["submit", "--", "true"],
        &["run", "--", "true"],
        &["show", "1"],
        &["why", "last"],
        &["logs", "1"],
        &["wait", "1"],
        &["cancel", "1"],
        &["outputs", "1"],
        &["quote", "--", "true"],
        &["usage"],
        &["statement"],
        &["nodes"],
        &["nodes", "drain", "n"],
        &["models"],
        &["models", "show", "m"],
        &["deploy", "m"],
        &["undeploy", "m"],
        &["key", "list"],
        &["tenant", "list"],
        &["topup", "t", "1", "--reference", "r"],
    ];
    for line in lines {
        let outcome = user.run(line);
        assert_eq!(outcome.exit, 6, "{}", outcome.whole());
        assert!(outcome.stdout.is_empty(), "{}", outcome.whole());
    }
}
