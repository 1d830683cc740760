//! What holds for interactive work holds for batches: every interface, the filter, the label, the
//! audit.

use crate::batches::{call, get, upload};
use crate::records::{folder, lines};
use crate::world::{KEY, World, eventually, world, world_of};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_serving::{
    AuditOptions, Decision, Decisions, GuardOptions, GuardPolicy, LabelOptions, Operations,
};

fn line(id: &str, url: &str, body: &Value) -> String {
    json!({"custom_id": id, "method": "POST", "url": url, "body": body}).to_string()
}

pub(crate) fn chat(id: &str, said: &str) -> String {
    let body = json!({"model": "tiny", "messages": [{"role": "user", "content": said}]});
    line(id, "/v1/chat/completions", &body)
}

pub(crate) async fn create(world: &World, file: &str, endpoint: &str) -> (u16, Value) {
    let body = json!({"input_file_id": file, "endpoint": endpoint, "completion_window": "1h"});
    call(world, Method::POST, "/v1/batches", KEY, &body).await
}

fn work(world: &World, job: usize) -> zhisuan_proto::v1::BatchWork {
    let job = world.files.jobs.lock().unwrap()[job].clone();
    match job.spec.unwrap().work {
        Some(Work::Batch(work)) => work,
        other => panic!("{other:?}"),
    }
}

fn kept(world: &World, sha256: &str) -> String {
    let seen = world.files.files.lock().unwrap();
    let key = ("hospital".to_owned(), sha256.to_owned());
    assert!(
        !seen.contains_key(&key),
        "the copy is no file of the tenant"
    );
    let bytes = world.files.bytes.lock().unwrap();
    String::from_utf8(bytes[sha256].clone()).unwrap()
}

#[tokio::test]
async fn every_interface_may_be_batched_and_no_two_of_them() {
    let world = world().await;
    let bodies = [
        (
            "/v1/chat/completions",
            json!({"model": "tiny", "messages": [{"role": "user", "content": "a"}]}),
        ),
        (
            "/v1/completions",
            json!({"model": "tiny", "prompt": [1, 2], "max_tokens": 3}),
        ),
        (
            "/v1/embeddings",
            json!({"model": "tiny", "input": ["a", "b"], "dimensions": 2}),
        ),
        (
            "/v1/responses",
            json!({"model": "tiny", "input": "a", "instructions": "b"}),
        ),
    ];
    for (index, (url, body)) in bodies.iter().enumerate() {
        let file = upload(&world, &line("a", url, body)).await;
        let (status, batch) = create(&world, &file, url).await;
        assert_eq!((status, &batch["endpoint"]), (200, &json!(url)), "{batch}");
        assert_eq!(batch["input_file_id"], file);
        assert_eq!(work(&world, index).endpoint, *url);
        let (other, _) = &bodies[(index + 1) % 4];
        let (status, error) = create(&world, &file, other).await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains("'url'"), "{error}");
    }
    let file = upload(
        &world,
        &line(
            "a",
            "/v1/embeddings",
            &json!({"model": "tiny", "input": [[1], []]}),
        ),
    )
    .await;
    let (status, error) = create(&world, &file, "/v1/embeddings").await;
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        status == 400 && message.contains("'body.input[1]'"),
        "{error}"
    );
}

pub(crate) async fn ruled(name: &str) -> (World, PathBuf) {
    let folder = folder(name);
    let policy = GuardPolicy {
        prompt: Decisions {
            personal: Decision::Mask,
            secrecy: Decision::Refuse,
            terms: Decision::Ignore,
        },
        answer: Decisions {
            personal: Decision::Mask,
            secrecy: Decision::Refuse,
            terms: Decision::Ignore,
        },
    };
    let operations = Operations {
        guard: GuardOptions {
            policy,
            ..GuardOptions::default()
        },
        label: LabelOptions {
            producer: "9135".to_owned(),
            implicit: true,
            explicit: true,
        },
        audit: Some(AuditOptions::in_folder(folder.join("audit"))),
        ..Operations::default()
    };
    let file = folder.join("audit").join("audit-000000000001.jsonl");
    (world_of(8, None, operations).await, file)
}

#[tokio::test]
async fn prompts_of_a_batch_are_screened_before_it_is_queued() {
    let (world, audit) = ruled("batch-prompts").await;
    let secret = format!("{}\n\n{}\n", chat("a", "你好"), chat("b", "机密★20年"));
    let file = upload(&world, &secret).await;
    let (status, error) = create(&world, &file, "/v1/chat/completions").await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (400, &json!("content_filter")),
        "{error}"
    );
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Line 3 of the input"), "{message}");
    assert!(world.files.jobs.lock().unwrap().is_empty());

    let (plain, personal) = (chat("a", "你好"), chat("b", "电话13812345678"));
    let file = upload(&world, &format!("{plain}\n\n{personal}\n")).await;
    let (status, batch) = create(&world, &file, "/v1/chat/completions").await;
    assert_eq!(status, 200, "{batch}");
    assert_eq!(batch["input_file_id"], file, "the caller's own file");
    let run = kept(&world, &work(&world, 0).input_sha256);
    let run: Vec<&str> = run.lines().collect();
    assert_eq!(
        (run[0], run[1], run.len()),
        (plain.as_str(), "", 3),
        "lines keep their numbers"
    );
    assert!(
        run[2].contains("电话[手机号]") && !run[2].contains("138"),
        "{}",
        run[2]
    );

    let events = || {
        lines(&audit)
            .into_iter()
            .filter(|one| one["outcome"] == "queued")
    };
    eventually("two events of lines", || async { events().count() == 2 }).await;
    let event = events().next_back().unwrap();
    assert_eq!(
        (&event["id"], &event["caller_id"], &event["endpoint"]),
        (
            &json!("batch_7-3"),
            &json!("b"),
            &json!("batch_chat_completions")
        )
    );
    let hash = hex::encode(Sha256::digest(personal.as_bytes()));
    assert_eq!(
        (&event["request_sha256"], &event["model"]),
        (&json!(hash), &json!("tiny"))
    );
    assert_eq!(event["findings"][0]["decision"], "mask");
    assert!(
        !std::fs::read_to_string(&audit)
            .unwrap()
            .contains("13812345678")
    );
}

/// No model is there to spell them out.
#[tokio::test]
async fn tokens_that_no_filter_can_read_are_not_queued() {
    let (world, _) = ruled("batch-tokens").await;
    let tokens = line(
        "a",
        "/v1/completions",
        &json!({"model": "tiny", "prompt": [1, 2]}),
    );
    let file = upload(&world, &tokens).await;
    let (status, error) = create(&world, &file, "/v1/completions").await;
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        status == 400 && message.contains("'body.prompt'"),
        "{error}"
    );
}

/// A line of output as a worker writes it.
pub(crate) fn output(number: u64, body: &Value) -> String {
    json!({"id": format!("batch_req_7_{number}"), "custom_id": format!("c{number}"),
        "response": {"status_code": 200, "request_id": format!("7-{number}"), "body": body},
        "error": null})
    .to_string()
}

const BAD: &str =
    r#"{"id":"batch_req_7_6","custom_id":"x","response":null,"error":{"code":"invalid_json"}}"#;

/// Answers of a model that said what it should not.
fn said() -> Vec<Value> {
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    let said = |text: &str| {
        json!({"object": "chat.completion", "model": "tiny", "usage": usage, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
    };
    let response = json!({"object": "response", "model": "tiny", "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "绝密★启用前"}]}]});
    let vectors = json!({"object": "list", "model": "tiny", "data": [{"embedding": [1.0]}]});
    let completion = json!({"object": "text_completion", "model": "tiny",
        "choices": [{"index": 0, "text": "好", "finish_reason": "length"}]});
    vec![
        said("电话13812345678"),
        said("前言\n机密★20年"),
        response,
        vectors,
        completion,
    ]
}

#[tokio::test]
async fn answers_of_a_batch_leave_screened_labelled_and_audited() {
    let (world, audit) = ruled("batch-answers").await;
    let file = upload(&world, &chat("a", "你好")).await;
    create(&world, &file, "/v1/chat/completions").await;
    let bodies = said();
    let text: Vec<String> = bodies
        .iter()
        .zip(1..)
        .map(|(body, n)| output(n, body))
        .collect();
    let text = format!("{}\n{BAD}\n", text.join("\n"));
    let stored = world.files.output(7, text.as_bytes());
    let (_, batch) = get(&world, "/v1/batches/batch_7").await;
    let path = format!(
        "/v1/files/{}/content",
        batch["output_file_id"].as_str().unwrap()
    );
    let told = world.get(&path, KEY).await.text().await.unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let body = |n: usize| &told[n]["response"]["body"];
    let end = "\n\n（本内容由人工智能生成）";
    let content = |n: usize| {
        body(n)["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
    };
    assert_eq!(content(0), format!("电话[手机号]{end}"));
    assert_eq!(
        (content(1), &body(1)["choices"][0]["finish_reason"]),
        ("前言\n", &json!("content_filter"))
    );
    assert_eq!(
        (
            &body(2)["status"],
            &body(2)["output"][0]["content"][0]["text"]
        ),
        (&json!("incomplete"), &json!(""))
    );
    assert_eq!(body(3), &bodies[3], "nobody wrote vectors");
    assert_eq!(body(4)["choices"][0]["text"], format!("好{end}"));
    assert_eq!(
        (
            &body(0)["aigc"]["ContentProducer"],
            &body(0)["aigc"]["ProduceID"]
        ),
        (&json!("9135"), &json!("batch_7-1"))
    );
    // The whole file is no way around the rules.
    let whole = format!("/v1/files/file-{}/content", stored.sha256);
    let whole = world.get(&whole, KEY).await.text().await.unwrap();
    assert!(
        whole.contains("[手机号]") && !whole.contains("13812345678") && !whole.contains("机密"),
        "{whole}"
    );
    assert_eq!(whole.lines().last(), Some(BAD));
    downloads_were_noted(&audit).await;
}

/// Both downloads left an event for each of their lines.
async fn downloads_were_noted(audit: &PathBuf) {
    let of = |id: &str| {
        let events = lines(audit).into_iter();
        events
            .filter(|one| one["id"] == id && one["delivered"] == true)
            .collect::<Vec<_>>()
    };
    eventually("events of both downloads", || async {
        of("batch_7-1").len() == 2 && of("batch_7-6").len() == 1
    })
    .await;
    let event = &of("batch_7-1")[0];
    assert_eq!(
        (&event["endpoint"], &event["produce_id"], &event["outcome"]),
        (
            &json!("batch_chat_completions"),
            &json!("batch_7-1"),
            &json!("stop")
        )
    );
    assert_eq!(
        (
            &event["prompt_tokens"],
            &event["completion_tokens"],
            &event["findings"][0]["side"]
        ),
        (&json!(3), &json!(2), &json!("answer"))
    );
    assert_eq!(of("batch_7-2")[0]["outcome"], "content_filter");
    assert_eq!(of("batch_7-6")[0]["outcome"], "invalid_json");
}
