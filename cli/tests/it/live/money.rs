//! Quotes, refusals for want of money, statements that add up.

use super::server::{redacted, shared};
use serde_json::Value;

const JOB: [&str; 7] = ["--cpus", "1", "--time", "1h", "--", "true", "x"];

#[test]
fn a_quote_shows_each_line_and_changes_nothing() {
    let (_, user) = shared().tenant("10");
    let quote = user.run(&[&["quote", "--json"], &JOB[..]].concat());
    assert_eq!(quote.exit, 0, "{}", quote.whole());
    let mut value = redacted(&quote.stdout);
    // Whether it starts now depends on the other tests.
    value["starts_now"] = Value::Null;
    value["reason"] = Value::Null;
    insta::assert_json_snapshot!("quote", value);
    let table = user.run(&[&["submit", "--dry-run"], &JOB[..]].concat());
    assert_eq!(table.exit, 0, "{}", table.whole());
    assert!(
        table.stdout.starts_with("cpu\t1\tPT1H\t"),
        "{}",
        table.whole()
    );
    assert_eq!(user.run(&["list", "-o", "name"]).stdout, "");
}

#[test]
fn without_money_the_exit_code_is_five() {
    let (_, user) = shared().tenant("0");
    let quote = user.run(&[&["quote", "--json"], &JOB[..]].concat());
    assert_eq!(quote.exit, 5, "{}", quote.whole());
    let submit = user.run(&[&["submit"], &JOB[..]].concat());
    assert_eq!(submit.exit, 5, "{}", submit.whole());
    assert!(submit.stderr.contains("ZS-BALANCE"), "{}", submit.whole());
    let (_, capped) = shared().tenant("10");
    let over = capped.run(&[&["submit", "--max-cost", "0.000001"], &JOB[..]].concat());
    assert_eq!(over.exit, 5, "{}", over.whole());
}

#[test]
fn the_statement_adds_up_to_the_account() {
    let (name, user) = shared().tenant("10");
    let empty = user.run(&["statement", "--json"]);
    let empty: Value = serde_json::from_str(&empty.stdout).expect("JSON");
    assert_eq!(
        (
            empty["total_micro"].as_i64(),
            empty["closing_micro"].as_i64()
        ),
        (Some(0), Some(10_000_000))
    );
    let run = user.run(&["run", "--cpus", "1", "--time", "1m", "--", "sleep", "1"]);
    assert_eq!(run.exit, 0, "{}", run.whole());
    let whole = user.run(&["statement", "--json"]);
    let bill: Value = serde_json::from_str(&whole.stdout).expect("JSON");
    let lines = bill["lines"].as_array().expect("lines");
    let number = |value: &Value| value.as_i64().expect("a number");
    let sum: i64 = lines.iter().map(|line| number(&line["amount_micro"])).sum();
    assert!(sum > 0, "{}", whole.whole());
    assert_eq!(sum, number(&bill["total_micro"]));
    assert!(
        lines
            .iter()
            .all(|line| number(&line["job_id"]) > 0 && number(&line["attempt"]) == 1)
    );
    let usage = user.run(&["usage", "--json"]);
    let usage: Value = serde_json::from_str(&usage.stdout).expect("JSON");
    assert_eq!(number(&usage["total_micro"]), sum);
    let account = &usage["account"];
    let balance = number(&account["available_micro"]) + number(&account["held_micro"]);
    assert_eq!(10_000_000 - sum, balance);
    assert_eq!(number(&bill["closing_micro"]), balance);
    // The operator sees the same bill.
    let same = shared()
        .operator()
        .run(&["statement", "--tenant", &name, "--json"]);
    let same: Value = serde_json::from_str(&same.stdout).expect("JSON");
    assert_eq!(same["lines"], bill["lines"]);
    let table = user.run(&["statement"]);
    assert!(table.stdout.contains("作业"), "{}", table.whole());
}
