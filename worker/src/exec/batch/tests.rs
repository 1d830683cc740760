//! Tests of the batch lines: what is accepted, what becomes an error line, what comes out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::answers::{Answer, Computed, Written};
use super::bodies::{Embed, Form, Input, Task, Write};
use super::files;
use super::lines::{LineError, Place, parse, render};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::task::TaskTracker;
use zhisuan_engine::Prompt;

fn line_to(url: &str, body: &Value) -> Vec<u8> {
    json!({"custom_id": "a", "method": "POST", "url": url, "body": body})
        .to_string()
        .into_bytes()
}

fn line(body: &Value) -> Vec<u8> {
    line_to("/v1/chat/completions", body)
}

fn write(text: &[u8]) -> Write {
    match parse(text, "m", 0).task.unwrap() {
        Task::Write(write) => write,
        Task::Embed(embed) => panic!("{embed:?}"),
    }
}

fn embed(text: &[u8]) -> Embed {
    match parse(text, "m", 0).task.unwrap() {
        Task::Embed(embed) => embed,
        Task::Write(write) => panic!("{write:?}"),
    }
}

#[test]
fn a_good_line_keeps_what_it_says() {
    let text = line(&json!({
        "model": "m", "max_tokens": 7, "temperature": 0, "stop": "END", "seed": 5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }));
    assert_eq!(parse(&text, "m", 0).custom_id.as_deref(), Some("a"));
    let task = write(&text);
    assert_eq!((task.max_tokens, task.stop), (7, vec!["END".to_owned()]));
    let Input::Chat(said) = task.input else {
        panic!("a chat")
    };
    assert_eq!(said[0].content, "hi");
    assert_eq!((task.form, task.sampling.seed), (Form::Chat, Some(5)));
}

#[test]
fn lines_of_the_other_interfaces_are_read_too() {
    for (prompt, wanted) in [
        (json!("hi"), Prompt::Text("hi".into())),
        (json!(["hi"]), Prompt::Text("hi".into())),
        (json!([1, 2]), Prompt::Tokens(vec![1, 2])),
        (json!([[1, 2]]), Prompt::Tokens(vec![1, 2])),
    ] {
        let task = write(&line_to("/v1/completions", &json!({"prompt": prompt})));
        assert!(matches!(&task.input, Input::Prompt(found) if *found == wanted));
        assert_eq!((task.form, task.max_tokens), (Form::Completion, 256));
    }
    let task = write(&line_to(
        "/v1/responses",
        &json!({"instructions": "brief", "max_output_tokens": 9, "input": [
            {"role": "developer", "content": "polite"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        ]}),
    ));
    let Input::Chat(said) = task.input else {
        panic!("a chat")
    };
    let said: Vec<_> = said
        .iter()
        .map(|m| (m.role.as_str(), m.content.as_str()))
        .collect();
    assert_eq!(
        said,
        [("system", "brief"), ("system", "polite"), ("user", "hi")]
    );
    assert_eq!((task.form, task.max_tokens), (Form::Response, 9));
    let task = embed(&line_to(
        "/v1/embeddings",
        &json!({"input": ["a", "b"], "dimensions": 2, "encoding_format": "base64"}),
    ));
    assert_eq!(
        (task.request.texts.len(), task.dimensions, task.base64),
        (2, 2, true)
    );
    let task = embed(&line_to("/v1/embeddings", &json!({"input": [[1], [2, 3]]})));
    assert_eq!(task.request.tokens, [vec![1], vec![2, 3]]);
}

#[test]
fn a_line_asks_for_as_many_vectors_as_a_request_at_the_gateway() {
    let line = |input: Value| line_to("/v1/embeddings", &json!({"input": input}));
    for one in [json!("a"), json!([1])] {
        let most = embed(&line(json!(vec![&one; 2_048]))).request;
        assert_eq!(most.texts.len() + most.tokens.len(), 2_048);
        let error = parse(&line(json!(vec![one; 2_049])), "m", 0).task;
        let error = error.unwrap_err();
        assert_eq!(error.code, "invalid_request");
        assert!(error.message.contains("input"), "{error:?}");
    }
    // Many tokens of one input.
    let long = embed(&line(json!(vec![1; 5_000]))).request;
    assert_eq!(long.tokens[0].len(), 5_000);
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
            line_to("/v1/completions", &json!({"prompt": ["a", "b"]})),
            "invalid_request",
            "prompt",
        ),
        (
            line_to("/v1/embeddings", &json!({"input": []})),
            "invalid_request",
            "input",
        ),
        (
            line_to("/v1/embeddings", &json!({"input": "a", "dimensions": 0})),
            "invalid_request",
            "dimensions",
        ),
        (
            line_to(
                "/v1/responses",
                &json!({"input": [{"type": "function_call", "role": "x", "content": "y"}]}),
            ),
            "invalid_request",
            "function_call",
        ),
        (line_to("/v1/images", &json!({})), "invalid_url", "url"),
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

const PLACE: Place = Place {
    job_id: 4,
    number: 2,
    created: 9,
};

/// The output line of a line that was answered with "ok".
fn said(form: Form, finish: &'static str, stop: Option<&str>) -> Value {
    let text = Answer::Text(Written {
        form,
        text: "ok".into(),
        finish,
        stop: stop.map(str::to_owned),
        prompt_tokens: 3,
        cached_tokens: 2,
        completion_tokens: 1,
    });
    serde_json::from_str(&render(PLACE, "m", Some("a"), &Ok(text))).unwrap()
}

#[test]
fn usage_tells_what_was_counted_and_nothing_else() {
    let response = said(Form::Response, "stop", None);
    assert_eq!(
        response["response"]["body"]["usage"],
        json!({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 2},
            "output_tokens": 1, "total_tokens": 4})
    );
    for form in [Form::Chat, Form::Completion] {
        assert_eq!(
            said(form, "stop", None)["response"]["body"]["usage"],
            json!({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2},
                "completion_tokens": 1, "total_tokens": 4})
        );
    }
}

#[test]
fn output_lines_have_the_openai_batch_form() {
    let completion = said(Form::Completion, "stop", Some("END"));
    let body = &completion["response"]["body"];
    assert_eq!(
        body["choices"][0],
        json!({"index": 0, "text": "ok", "logprobs": null, "finish_reason": "stop", "stop_reason": "END"})
    );
    assert_eq!(body["object"], "text_completion");
    let response = said(Form::Response, "length", None);
    let body = &response["response"]["body"];
    assert_eq!(body["output"][0]["content"][0]["text"], "ok");
    assert_eq!(
        (&body["status"], &body["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    for (base64, vector) in [(false, json!([1.0, -2.0])), (true, json!("AACAPwAAAMA="))] {
        let vectors = Answer::Vectors(Computed {
            vectors: vec![vec![1.0, -2.0]],
            base64,
            tokens: 4,
        });
        let line: Value =
            serde_json::from_str(&render(PLACE, "m", Some("a"), &Ok(vectors))).unwrap();
        let body = &line["response"]["body"];
        assert_eq!(
            (
                &body["data"][0]["embedding"],
                &body["usage"]["total_tokens"]
            ),
            (&vector, &json!(4))
        );
    }
    let good = said(Form::Chat, "stop", None);
    assert_eq!(good["response"]["status_code"], 200);
    assert_eq!(
        good["response"]["body"]["choices"][0]["message"]["content"],
        "ok"
    );
    assert_eq!(good["error"], Value::Null);
    let bad = render(PLACE, "m", None, &Err(LineError::new("c", "why")));
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
