//! Questions to the sample knowledge base that comes inside the binary.

use super::server::shared;
use serde_json::Value;

#[test]
fn an_answer_carries_its_sources() {
    let (_, user) = shared().tenant("0");
    let json = user.run(&["ask", "办理居住证需要什么材料", "--json"]);
    assert_eq!(json.exit, 0, "{}", json.whole());
    let answer: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(answer["outcome"], "answered", "{}", json.whole());
    let citation = &answer["sentences"][0]["citations"][0];
    assert_eq!(citation["text_sha256"].as_str().map(str::len), Some(64));
    let text = user.run(&["ask", "办理居住证需要什么材料"]);
    assert!(text.stdout.contains("[1]"), "{}", text.whole());
}

#[test]
fn without_a_source_there_is_no_answer() {
    let (_, user) = shared().tenant("0");
    let outcome = user.run(&["ask", "火星移民签证怎么办理", "-o", "name"]);
    assert_eq!(
        (outcome.exit, outcome.stdout.as_str()),
        (0, "no_evidence\n"),
        "{}",
        outcome.whole()
    );
    let empty = user.run(&["ask", ""]);
    assert_eq!(empty.exit, 2, "{}", empty.whole());
}
