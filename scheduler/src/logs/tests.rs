//! Logs keep order, ignore repeats, count what is missing, and end when closed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::{LogTask, Logs};
use futures::StreamExt as _;
use zhisuan_proto::v1::LogChunk;

const TASK: LogTask = LogTask {
    job: 7,
    attempt: 1,
    task: 0,
};

fn text(chunks: &[LogChunk]) -> (String, u64) {
    let bytes: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.data.clone()).collect();
    let dropped = chunks.iter().map(|chunk| chunk.dropped_bytes).sum();
    (String::from_utf8(bytes).unwrap(), dropped)
}

async fn add(logs: &Logs, offset: u64, data: &str) {
    logs.append(TASK, offset, data.as_bytes().to_vec())
        .await
        .unwrap();
}

#[tokio::test]
async fn repeats_are_ignored_and_gaps_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path(), 1000);
    add(&logs, 0, "one\n").await;
    add(&logs, 0, "one\n").await;
    add(&logs, 2, "e\ntwo\n").await;
    add(&logs, 18, "four\n").await;
    let chunks = logs.read(TASK, 0).await.unwrap();
    assert_eq!(text(&chunks), ("one\ntwo\nfour\n".into(), 10));
    assert_eq!(
        chunks[1].dropped_bytes, 10,
        "told before the chunk that follows it"
    );
    // A restart goes on where the log was.
    let again = Logs::open(folder.path(), 1000);
    again
        .append(TASK, 18, b"four\nfive\n".to_vec())
        .await
        .unwrap();
    assert_eq!(
        text(&again.read(TASK, 0).await.unwrap()),
        ("one\ntwo\nfour\nfive\n".into(), 10)
    );
    assert_eq!(text(&again.read(TASK, 1).await.unwrap()).0, "five\n");
    assert_eq!(
        text(&again.read(TASK, 2).await.unwrap()),
        ("four\nfive\n".into(), 10)
    );
    assert_eq!(
        text(&again.read(TASK, 99).await.unwrap()).0,
        "one\ntwo\nfour\nfive\n"
    );
}

#[tokio::test]
async fn what_exceeds_the_limit_is_counted_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path(), 6);
    add(&logs, 0, "12345678").await;
    add(&logs, 8, "9012").await;
    let chunks = logs.read(TASK, 0).await.unwrap();
    assert_eq!(text(&chunks), ("123456".into(), 6));
    let file = folder.path().join("logs/7/1.0.log");
    assert_eq!(std::fs::metadata(file).unwrap().len(), 6);
}

#[tokio::test]
async fn a_follower_sees_everything_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path(), 1000);
    let early = logs.follow(TASK, 0).await.unwrap();
    add(&logs, 0, "one\n").await;
    let late = logs.follow(TASK, 0).await.unwrap();
    let readers = tokio::spawn(async move {
        let early: Vec<_> = early.map(Result::unwrap).collect().await;
        let late: Vec<_> = late.map(Result::unwrap).collect().await;
        (text(&early), text(&late))
    });
    for n in 0..50_u64 {
        add(&logs, 4 + n * 2, "x\n").await;
    }
    add(&logs, 200, "end\n").await;
    logs.close(TASK).await.unwrap();
    let (early, late) = readers.await.unwrap();
    assert_eq!(early, late);
    assert_eq!((early.0.len(), early.1), (108, 96));
    // Closed logs end at once, also after a restart.
    let again = Logs::open(folder.path(), 1000);
    assert_eq!(again.follow(TASK, 1).await.unwrap().count().await, 1);
}

#[tokio::test]
async fn a_log_that_never_was_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path(), 1000);
    assert!(logs.read(TASK, 10).await.unwrap().is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
