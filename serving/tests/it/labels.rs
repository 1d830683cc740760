//! Marks of generated content by GB 45438-2025: no interface, whole or streamed, is without them.

use crate::records::{folder, lines};
use crate::world::{KEY, World, chat, eventually, parse_events, request_id, world_of};
use serde_json::{Value, json};
use zhisuan_serving::{AuditOptions, LabelOptions, Operations};

async fn labelled(name: &str, explicit: bool) -> (World, std::path::PathBuf) {
    let folder = folder(name);
    let operations = Operations {
        label: LabelOptions {
            producer: "某市政务 91350000".to_owned(),
            implicit: true,
            explicit,
        },
        audit: Some(AuditOptions::in_folder(folder.clone())),
        ..Operations::default()
    };
    (world_of(8, None, operations).await, folder)
}

/// Every path on which a model's words leave, with a body that asks for some.
fn paths() -> Vec<(&'static str, Value)> {
    let said = json!([{"role": "user", "content": "hello"}]);
    vec![
        (
            "/v1/chat/completions",
            json!({"model": "tiny", "messages": said}),
        ),
        (
            "/v1/completions",
            json!({"model": "tiny", "prompt": "hello"}),
        ),
        (
            "/v1/responses",
            json!({"model": "tiny", "input": "hello", "store": false}),
        ),
        (
            "/v1/messages",
            json!({"model": "tiny", "max_tokens": 9, "messages": said}),
        ),
    ]
}

async fn post(world: &World, path: &str, body: &Value) -> reqwest::Response {
    let request = world.post(path).header("anthropic-version", "2023-06-01");
    let response = request
        .header("x-api-key", KEY)
        .json(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response
}

fn check(mark: &Value, id: &str) {
    assert_eq!(mark["Label"], "1", "{mark}");
    assert_eq!(mark["ContentProducer"], "某市政务 91350000");
    assert_eq!(mark["ProduceID"], id);
    for field in [
        "ReservedCode1",
        "ContentPropagator",
        "PropagateID",
        "ReservedCode2",
    ] {
        assert!(mark[field].is_string(), "{field}");
    }
}

#[tokio::test]
async fn every_interface_carries_the_metadata_and_its_id_is_in_the_audit() {
    let (world, folder) = labelled("labels", false).await;
    let mut ids = Vec::new();
    for (path, mut body) in paths() {
        let whole = post(&world, path, &body).await;
        let id = request_id(&whole);
        let header = whole.headers()["x-aigc"].to_str().unwrap().to_owned();
        check(&serde_json::from_str(&header).unwrap(), &id);
        check(&whole.json::<Value>().await.unwrap()["aigc"], &id);
        ids.push(id);
        body["stream"] = json!(true);
        let stream = post(&world, path, &body).await;
        let id = request_id(&stream);
        assert!(stream.headers().contains_key("x-aigc"), "{path}");
        let text = stream.text().await.unwrap();
        let first: Value = serde_json::from_str(&parse_events(&text)[0].1).unwrap();
        check(&first["aigc"], &id);
        ids.push(id);
    }
    let file = folder.join("audit-000000000001.jsonl");
    eventually("all events", || async { lines(&file).len() == ids.len() }).await;
    let events = lines(&file);
    for id in ids {
        assert!(
            events
                .iter()
                .any(|event| event["produce_id"] == id.as_str()),
            "{id}"
        );
    }
}

#[tokio::test]
async fn what_no_model_wrote_is_not_marked() {
    let (world, _) = labelled("unmarked", true).await;
    let refused = world.chat(&chat("refused")).await;
    assert!(!refused.headers().contains_key("x-aigc"));
    assert!(!refused.text().await.unwrap().contains("aigc"));
    let models = world.get("/v1/models", KEY).await;
    assert!(!models.text().await.unwrap().contains("aigc"));
    let embed = json!({"model": "tiny", "input": "x"});
    let embed = world
        .post("/v1/embeddings")
        .json(&embed)
        .send()
        .await
        .unwrap();
    assert!(!embed.text().await.unwrap().contains("aigc"));
}

#[tokio::test]
async fn the_visible_label_ends_free_text_and_breaks_no_other_form() {
    let (world, _) = labelled("visible", true).await;
    let mark = "（本内容由人工智能生成）";
    for (path, mut body) in paths() {
        let whole = post(&world, path, &body).await.text().await.unwrap();
        assert_eq!(whole.matches(mark).count(), 1, "{path} {whole}");
        body["stream"] = json!(true);
        let stream = post(&world, path, &body).await.text().await.unwrap();
        assert!(stream.contains(mark), "{path} {stream}");
    }
    let mut body = chat("say {}");
    body["response_format"] = json!({"type": "json_object"});
    let answer: Value = world.chat(&body).await.json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "{}");
    let counted: Value = world.chat(&chat("hello")).await.json().await.unwrap();
    assert_eq!(
        counted["usage"]["completion_tokens"], 6,
        "the label costs nothing"
    );
}
