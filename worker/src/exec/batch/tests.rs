//! Tests of the batch lines: what is accepted, what becomes an error line, what comes out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::files;
use super::lines::{Answer, LineError, Place, parse, render};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::task::TaskTracker;

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

#[tokio::test]
async fn files_are_read_and_written_off_the_async_thread() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, copy) = (folder.path().join("pipe"), folder.path().join("copy"));
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
    let blocking = TaskTracker::new();
    // Reader and writer of a pipe wait for each other: the runtime's only thread must do neither.
    let (mut lines, read) = files::read(&blocking, pipe.clone());
    let (sink, written) = files::write(&blocking, pipe);
    sink.send("a\n\n b".to_owned()).await.unwrap();
    drop(sink);
    let (sink, copied) = files::write(&blocking, copy.clone());
    let mut numbers = Vec::new();
    while let Some((number, text)) = lines.recv().await {
        numbers.push(number);
        let text = String::from_utf8(text).unwrap();
        sink.send(text.trim_end().to_owned()).await.unwrap();
    }
    drop(sink);
    for end in [read, written, copied] {
        end.wait().await.unwrap();
    }
    assert_eq!(numbers, [1, 3]);
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "a\n b\n");
    assert_eq!(files::count(&blocking, copy).wait().await.unwrap(), 2);
}

#[tokio::test]
async fn an_unreadable_file_is_an_error_and_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let blocking = TaskTracker::new();
    let (mut lines, read) = files::read(&blocking, folder.path().to_path_buf());
    assert!(lines.recv().await.is_none());
    assert!(read.wait().await.is_err());
    let (sink, written) = files::write(&blocking, folder.path().to_path_buf());
    tokio::time::timeout(Duration::from_secs(10), sink.closed())
        .await
        .unwrap();
    assert!(written.wait().await.is_err());
}
