//! Clients that are slow on purpose: heads and bodies that never become whole.

use crate::world::{KEY, World, chat, world_of};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zhisuan_serving::Operations;

/// A gateway that waits for hardly anything.
async fn hasty(change: impl FnOnce(&mut Operations)) -> World {
    let mut operations = Operations::default();
    change(&mut operations);
    world_of(8, None, operations).await
}

/// Sends byte by byte until the gateway closes the connection; what it said.
async fn drip(world: &World, text: &str) -> String {
    let stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let bytes: Vec<u8> = text.bytes().collect();
    let dripping = async {
        for byte in bytes {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut said = Vec::new();
    tokio::select! {
        () = dripping => {}
        // A reset is an end too.
        _ = reader.read_to_end(&mut said) => {}
    }
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let world = hasty(|operations| operations.request_head = Duration::from_millis(150)).await;
    let endless = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: {}",
        "y".repeat(5_000)
    );
    assert_eq!(drip(&world, &endless).await, "");
    assert_eq!(drip(&world, "").await, "", "silence is no head either");
    // The others are served.
    assert_eq!(world.chat(&chat("hello")).await.status(), 200);
}

#[tokio::test]
async fn a_body_that_never_becomes_whole_is_refused_and_takes_no_room() {
    let world = hasty(|operations| operations.request_body = Duration::from_millis(150)).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n{{\"model\":"
    );
    let stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(head.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    reader.read_to_end(&mut said).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(
        said.starts_with("HTTP/1.1 408 ") && said.contains("body_timeout"),
        "{said}"
    );
    let health = world.get("/healthz", "").await;
    let health: serde_json::Value = health.json().await.unwrap();
    assert_eq!(health["inflight"], 0);
}

#[tokio::test]
async fn an_answer_takes_its_time_and_silence_after_it_does_not() {
    let world = hasty(|operations| {
        operations.request_head = Duration::from_millis(100);
        operations.idle = Duration::from_millis(100);
    })
    .await;
    let body = crate::world::streamed("endless").to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    while said.matches("data: ").count() < 30 {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "closed while it answered: {said}");
        said += &String::from_utf8_lossy(&piece[..count]);
    }
    drop(stream);
    let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut said = String::new();
    // Comes back only because the connection, kept alive, is closed after its silence.
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
}
