//! What is written down of a request, and readers that do not read.

use crate::world::{KEY, chat, eventually, request_id, streamed, world_of};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use zhisuan_serving::Operations;

/// A fresh folder for one test's files.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("zhisuan-serving-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn lines(path: &PathBuf) -> Vec<Value> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn the_access_log_has_a_line_per_request_and_no_content() {
    let path = folder("access").join("access.jsonl");
    let operations = Operations {
        access_log: Some(path.clone()),
        ..Operations::default()
    };
    let world = world_of(8, None, operations).await;
    let whole = world.chat(&chat("秘密的问题")).await;
    let id = request_id(&whole);
    drop(whole.text().await.unwrap());
    drop(world.chat(&streamed("die")).await.text().await.unwrap());
    drop(
        world
            .get("/v1/models", "zs-none")
            .await
            .text()
            .await
            .unwrap(),
    );
    eventually("three lines", || async { lines(&path).len() == 3 }).await;
    let all = lines(&path);
    let line = all.iter().find(|line| line["id"] == id.as_str()).unwrap();
    assert_eq!(line["key"], format!("id-{KEY}"));
    assert_eq!(line["tenant"], "hospital");
    assert_eq!(line["model"], "tiny");
    assert_eq!(
        (&line["status"], &line["reason"]),
        (&200.into(), &"stop".into())
    );
    assert_eq!(
        (&line["prompt_tokens"], &line["completion_tokens"]),
        (&7.into(), &6.into())
    );
    assert_eq!(line["replica"], world.replica_address.to_string());
    assert!(line["ttft_ms"].is_number());
    let reasons: Vec<&str> = all
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert!(
        reasons.contains(&"replica_unavailable") && reasons.contains(&"invalid_api_key"),
        "{reasons:?}"
    );
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("秘密") && !text.contains("你好"), "{text}");
}

#[tokio::test]
async fn a_reader_that_stalls_loses_its_stream_and_frees_the_replica() {
    let operations = Operations {
        reader_stall: Duration::from_millis(200),
        ..Operations::default()
    };
    let world = world_of(8, None, operations).await;
    let mut reader = TcpStream::connect(world.gateway.address()).await.unwrap();
    let body = streamed("flood").to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    reader.write_all(head.as_bytes()).await.unwrap();
    eventually("the replica is free", || async {
        world.replica.cancelled.load(Ordering::SeqCst) == 1
    })
    .await;
    eventually("settled", || async {
        world.scheduler.settled.lock().unwrap().len() == 1
    })
    .await;
    let settled = world.scheduler.settled.lock().unwrap()[0].clone();
    assert!(
        settled.prompt_tokens == 7 && settled.completion_tokens > 0,
        "{settled:?}"
    );
    let metrics = world.get("/metrics", "").await.text().await.unwrap();
    assert!(
        metrics.contains("zhisuan_gateway_readers_stalled_total 1"),
        "{metrics}"
    );
    drop(reader);
}
