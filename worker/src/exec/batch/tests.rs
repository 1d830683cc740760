//! Tests of the batch lines: what is accepted, what becomes an error line, what comes out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::lines::{Answer, LineError, Place, parse, render};
use serde_json::{Value, json};

fn line(body: &Value) -> Vec<u8> {
    json!({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body})
        .to_string()
        .into_bytes()
}

#[test]
fn a_good_line_keeps_what_it_says() {
    let text = line(&json!({
        "model": "m", "max_tokens": 7, "temperature": 0, "stop": "END", "seed": 5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }));
    let parsed = parse(&text, "m", 0);
    let task = parsed.task.unwrap();
    assert_eq!(parsed.custom_id.as_deref(), Some("a"));
    assert_eq!((task.max_tokens, task.stop), (7, vec!["END".to_owned()]));
    assert_eq!(task.messages[0].content, "hi");
    assert_eq!(task.sampling.seed, Some(5));
}

#[test]
fn bad_lines_become_errors_that_name_the_fault() {
    let messages = json!([{"role": "user", "content": "x"}]);
    let cases = [
        (b"{".to_vec(), "invalid_json", "JSON"),
        (b"[]".to_vec(), "invalid_json", "JSON"),
        (b"{}".to_vec(), "invalid_request", "custom_id"),
        (line(&json!({"model": "m"})), "invalid_request", "messages"),
        (
            line(&json!({"model": "other", "messages": messages})),
            "model_not_found",
            "other",
        ),
        (
            line(&json!({"messages": messages, "n": 2})),
            "invalid_request",
            "n ",
        ),
        (
            line(&json!({"messages": messages, "max_tokens": -1})),
            "invalid_request",
            "body",
        ),
    ];
    for (text, code, word) in cases {
        let error = parse(&text, "m", 0).task.unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert!(error.message.contains(word), "{error:?}");
    }
}

#[test]
fn output_lines_have_the_openai_batch_form() {
    let place = Place {
        job_id: 4,
        number: 2,
        created: 9,
    };
    let answer = Answer {
        text: "ok".into(),
        finish: "stop",
        prompt_tokens: 3,
        completion_tokens: 1,
    };
    let good: Value = serde_json::from_str(&render(place, "m", Some("a"), &Ok(answer))).unwrap();
    assert_eq!(good["response"]["status_code"], 200);
    assert_eq!(
        good["response"]["body"]["choices"][0]["message"]["content"],
        "ok"
    );
    assert_eq!(good["response"]["body"]["usage"]["total_tokens"], 4);
    assert_eq!(good["error"], Value::Null);
    let bad = render(place, "m", None, &Err(LineError::new("c", "why")));
    let bad: Value = serde_json::from_str(&bad).unwrap();
    assert_eq!(bad["response"], Value::Null);
    assert_eq!(
        (&bad["error"]["code"], &bad["error"]["line"]),
        (&json!("c"), &json!(2))
    );
}
