//! Files and batches over HTTP: uploads, views, checks before the queue, states, other tenants.

use crate::world::{KEY, World, world};
use reqwest::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;
use zhisuan_proto::v1::job_spec::Work;

const BOUNDARY: &str = "----a-form-of-the-tests";

/// A form with `fields` of (name, file name or empty, content).
fn form(fields: &[(&str, &str, &str)]) -> String {
    let mut text = String::new();
    for (name, file, content) in fields {
        let file = if file.is_empty() {
            String::new()
        } else {
            format!("; filename=\"{file}\"")
        };
        write!(
            text,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n"
        )
        .unwrap();
    }
    text + &format!("--{BOUNDARY}--\r\n")
}

async fn send(world: &World, key: &str, body: String) -> (u16, Value) {
    let request = world.http.post(format!("{}/v1/files", world.base));
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = request
        .bearer_auth(key)
        .header("content-type", kind)
        .body(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

pub(crate) async fn upload(world: &World, content: &str) -> String {
    let body = form(&[("purpose", "", "batch"), ("file", "asks.jsonl", content)]);
    let (status, card) = send(world, KEY, body).await;
    assert_eq!(status, 200, "{card}");
    card["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn call(
    world: &World,
    method: Method,
    path: &str,
    key: &str,
    body: &Value,
) -> (u16, Value) {
    let url = format!("{}{path}", world.base);
    let mut request = world.http.request(method, url).bearer_auth(key);
    if !body.is_null() {
        request = request.json(body);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

pub(crate) async fn get(world: &World, path: &str) -> (u16, Value) {
    call(world, Method::GET, path, KEY, &Value::Null).await
}

fn line(id: &str) -> String {
    json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions",
        "body": {"model": "tiny", "messages": [{"role": "user", "content": "你好"}]}})
    .to_string()
}

fn ask(file: &str) -> Value {
    json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"})
}

#[tokio::test]
async fn a_file_is_kept_listed_read_and_forgotten() {
    let world = world().await;
    let content = format!("{}\n{}\n", line("a"), line("b"));
    let id = upload(&world, &content).await;
    let (_, card) = get(&world, &format!("/v1/files/{id}")).await;
    assert_eq!(
        card,
        json!({"id": id, "object": "file", "bytes": content.len(), "created_at": 1_700_000_000,
            "expires_at": null, "filename": "asks.jsonl", "purpose": "batch",
            "status": "processed", "status_details": null})
    );
    let (_, list) = get(&world, "/v1/files?limit=5&purpose=batch").await;
    assert_eq!(
        list,
        json!({"object": "list", "first_id": id, "last_id": id, "has_more": false, "data": [card]})
    );
    assert_eq!(
        get(&world, "/v1/files?purpose=batch_output").await.1["data"],
        json!([])
    );
    assert_eq!(get(&world, "/v1/files?colour=red").await.0, 400);
    let text = world.get(&format!("/v1/files/{id}/content"), KEY).await;
    assert_eq!(text.text().await.unwrap(), content);
    let path = format!("/v1/files/{id}");
    let (_, gone) = call(&world, Method::DELETE, &path, KEY, &Value::Null).await;
    assert_eq!(gone, json!({"id": id, "object": "file", "deleted": true}));
    let (status, error) = get(&world, &path).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (404, &json!("not_found"))
    );
    assert_eq!(get(&world, "/v1/files/file-nonsense").await.0, 404);
}

#[tokio::test]
async fn a_file_may_be_larger_than_other_bodies() {
    let world = world().await;
    let content = format!("{}\n", line(&"x".repeat(99))).repeat(20_000);
    assert!(content.len() > 4 << 20);
    let id = upload(&world, &content).await;
    let text = world.get(&format!("/v1/files/{id}/content"), KEY).await;
    assert_eq!(text.text().await.unwrap(), content);
}

#[tokio::test]
async fn bad_forms_are_refused_by_name_and_keep_nothing() {
    let world = world().await;
    let cases = [
        (
            form(&[("purpose", "", "batch")]),
            "missing_required_parameter",
            json!("file"),
        ),
        (
            form(&[("file", "a", "x")]),
            "missing_required_parameter",
            json!("purpose"),
        ),
        (
            form(&[("purpose", "", "assistants"), ("file", "a", "x")]),
            "invalid_value",
            json!("purpose"),
        ),
        (
            form(&[("purpose", "", "batch"), ("file", "a", "")]),
            "invalid_value",
            json!("file"),
        ),
        (
            form(&[("colour", "", "red")]),
            "unknown_parameter",
            json!("colour"),
        ),
        ("no form".to_owned(), "invalid_form", Value::Null),
    ];
    for (body, code, param) in cases {
        let (status, error) = send(&world, KEY, body).await;
        assert_eq!(status, 400, "{error}");
        assert_eq!(
            (&error["error"]["code"], &error["error"]["param"]),
            (&json!(code), &param)
        );
    }
    let response = world
        .post("/v1/files")
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    assert!(world.files.files.lock().unwrap().is_empty());
    let body = form(&[("purpose", "", "batch"), ("file", "a", "x")]);
    let (status, error) = send(&world, "zs-school", body.clone()).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (403, &json!("insufficient_permissions"))
    );
    assert_eq!(send(&world, "zs-nobody", body).await.0, 401);
}

#[tokio::test]
async fn a_batch_is_a_job_and_its_output_has_two_files() {
    let world = world().await;
    let file = upload(&world, &format!("{}\n{}\n", line("a"), line("b"))).await;
    let (status, batch) = call(&world, Method::POST, "/v1/batches", KEY, &ask(&file)).await;
    assert_eq!(status, 200, "{batch}");
    assert_eq!(
        batch,
        json!({"id": "batch_7", "object": "batch", "endpoint": "/v1/chat/completions",
            "model": "tiny", "errors": null, "input_file_id": file, "completion_window": "24h",
            "status": "in_progress", "output_file_id": null, "error_file_id": null,
            "created_at": 1_700_000_000, "in_progress_at": null, "expires_at": 1_700_086_400,
            "finalizing_at": null, "completed_at": null, "failed_at": null, "expired_at": null,
            "cancelling_at": null, "cancelled_at": null,
            "request_counts": {"total": 0, "completed": 0, "failed": 0}, "metadata": null,
            "job_id": 7, "held_micro": 900, "charged_micro": 0})
    );
    let job = world.files.jobs.lock().unwrap()[0].clone();
    assert_eq!(job.tenant, "hospital");
    let Some(Work::Batch(work)) = job.spec.unwrap().work else {
        panic!("a batch")
    };
    assert_eq!(
        (work.model.as_str(), format!("file-{}", work.input_sha256)),
        ("tiny", file)
    );
    let (good, bad) = (
        r#"{"custom_id":"a","response":{},"error":null}"#,
        r#"{"custom_id":"b","response":null,"error":{"code":"x"}}"#,
    );
    let lines = format!("{good}\n{bad}\n");
    world.files.output(7, lines.as_bytes());
    world.files.change(7, |job| {
        job.progress = "line 2/2".to_owned();
        job.ended_at_ms = 1_700_000_009_000;
        job.charged_micro = 55;
    });
    let (_, batch) = get(&world, "/v1/batches/batch_7").await;
    assert_eq!(
        (&batch["status"], &batch["completed_at"]),
        (&json!("completed"), &json!(1_700_000_009))
    );
    assert_eq!(
        batch["request_counts"],
        json!({"total": 2, "completed": 1, "failed": 1})
    );
    assert_eq!(batch["charged_micro"], 55);
    for (name, content) in [("output_file_id", good), ("error_file_id", bad)] {
        let id = batch[name].as_str().unwrap();
        let text = world.get(&format!("/v1/files/{id}/content"), KEY).await;
        assert_eq!(text.text().await.unwrap(), format!("{content}\n"));
        let (_, card) = get(&world, &format!("/v1/files/{id}")).await;
        assert_eq!(
            (&card["bytes"], &card["purpose"]),
            (&json!(content.len() + 1), &json!("batch_output"))
        );
    }
    let (_, list) = get(&world, "/v1/batches").await;
    assert_eq!(list["data"], json!([batch]));
}

#[tokio::test]
async fn nothing_is_queued_of_a_file_with_a_bad_line() {
    let world = world().await;
    let bad = line("b").replace("user", "king");
    let file = upload(&world, &format!("{}\n\n{bad}\n", line("a"))).await;
    let (status, error) = call(&world, Method::POST, "/v1/batches", KEY, &ask(&file)).await;
    assert_eq!(
        (status, &error["error"]["param"]),
        (400, &json!("input_file_id"))
    );
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("Line 3 of the input: ") && message.contains("body.messages[0].role"),
        "{message}"
    );
    let cases = [
        ("endpoint", json!("/v1/moderations"), "endpoint"),
        ("endpoint", json!("/v2"), "endpoint"),
        ("completion_window", json!("25h"), "completion_window"),
        ("input_file_id", json!("file-x"), "input_file_id"),
        ("metadata", json!({"a": "b"}), "metadata"),
    ];
    for (field, value, param) in cases {
        let mut body = ask(&file);
        body[field] = value;
        let (_, error) = call(&world, Method::POST, "/v1/batches", KEY, &body).await;
        assert_eq!(error["error"]["param"], json!(param), "{error}");
    }
    let strange = upload(&world, &line("a").replace("tiny", "absent")).await;
    let (status, error) = call(&world, Method::POST, "/v1/batches", KEY, &ask(&strange)).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (404, &json!("model_not_found"))
    );
    assert!(world.files.jobs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn batches_end_by_request_and_are_nobody_elses() {
    let world = world().await;
    let file = upload(&world, &line("a")).await;
    for _ in 0..3 {
        call(&world, Method::POST, "/v1/batches", KEY, &ask(&file)).await;
    }
    let (_, gone) = call(
        &world,
        Method::POST,
        "/v1/batches/batch_8/cancel",
        KEY,
        &Value::Null,
    )
    .await;
    assert_eq!(
        (&gone["status"], &gone["cancelled_at"]),
        (&json!("cancelled"), &json!(1_700_000_005))
    );
    let (_, page) = get(&world, "/v1/batches?limit=2").await;
    assert_eq!(
        (&page["first_id"], &page["last_id"], &page["has_more"]),
        (&json!("batch_9"), &json!("batch_8"), &json!(true))
    );
    let (_, page) = get(&world, "/v1/batches?limit=2&after=batch_8").await;
    assert_eq!(
        (&page["first_id"], &page["has_more"]),
        (&json!("batch_7"), &json!(false))
    );
    for path in [
        "/v1/batches/batch_99",
        "/v1/batches/batch_07",
        "/v1/batches/x",
    ] {
        assert_eq!(get(&world, path).await.0, 404, "{path}");
    }
    let (status, _) = call(
        &world,
        Method::GET,
        "/v1/batches/batch_7",
        "zs-poor",
        &Value::Null,
    )
    .await;
    assert_eq!(status, 404);
    world.files.keep("poor", "asks.jsonl", line("a").as_bytes());
    let (status, error) = call(&world, Method::POST, "/v1/batches", "zs-poor", &ask(&file)).await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (429, &json!("insufficient_quota"))
    );
}
