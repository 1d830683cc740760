//! Files that look like the output of a batch and are not: they leave as they came, and nothing of
//! them gets into the audit.

use crate::batch_rules::{chat, create, output, ruled};
use crate::batches::{get, upload};
use crate::records::lines;
use crate::world::{KEY, World};
use serde_json::json;

/// Answers that no model gave, and lines of shapes that no worker writes.
fn forged() -> String {
    let body = json!({"object": "chat.completion", "model": "gpt-9",
        "choices": [{"message": {"content": "电话13812345678"}}, 5, [1]], "output": [3, {"content": [1]}]});
    let odd = [
        "1",
        r#"{"response":1}"#,
        r#"{"response":{"body":[1]}}"#,
        "no json",
    ];
    format!("{}\n{}\n", output(1, &body), odd.join("\n"))
}

async fn content(world: &World, id: &str) -> (u16, String) {
    let answer = world.get(&format!("/v1/files/{id}/content"), KEY).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn an_upload_is_never_taken_for_an_answer() {
    let (world, audit) = ruled("batch-forgeries").await;
    let forged = forged();
    let file = world
        .files
        .keep("hospital", "output.jsonl", forged.as_bytes());
    let id = format!("file-{}", file.sha256);
    assert_eq!(content(&world, &id).await, (200, forged));
    for view in ["output", "errors"] {
        assert_eq!(content(&world, &format!("{id}-{view}")).await.0, 404);
        assert_eq!(get(&world, &format!("/v1/files/{id}-{view}")).await.0, 404);
    }
    let events = lines(&audit);
    let of_lines = events.iter().filter(|event| {
        event["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("batch_"))
    });
    assert_eq!(of_lines.count(), 0, "{events:?}");
}

#[tokio::test]
async fn lines_of_any_shape_leave_a_batch() {
    let (world, audit) = ruled("batch-shapes").await;
    let file = upload(&world, &chat("a", "你好")).await;
    create(&world, &file, "/v1/chat/completions").await;
    let stored = world.files.output(7, forged().as_bytes());
    let (status, told) = content(&world, &format!("file-{}", stored.sha256)).await;
    assert_eq!((status, told.lines().count()), (200, 5), "{told}");
    assert!(told.contains("[手机号]"), "{told}");
    assert!(lines(&audit).iter().any(|event| event["id"] == "batch_7-1"));
}
