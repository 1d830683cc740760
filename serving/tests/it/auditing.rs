//! The audit: a chain over restarts and rotations, that shows every change.

use crate::records::{folder, lines};
use crate::world::{World, chat, eventually, request_id, streamed, world_of};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zhisuan_serving::{AuditOptions, Operations, Options, VerifyError, start, verify_audit};

async fn audited(folder: &Path, rotate_bytes: u64) -> World {
    let operations = Operations {
        audit: Some(AuditOptions {
            rotate_bytes,
            ..AuditOptions::in_folder(folder.to_owned())
        }),
        ..Operations::default()
    };
    world_of(8, None, operations).await
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn an_event_says_who_did_what_with_hashes_of_the_words() {
    let folder = folder("audit-event");
    let world = audited(&folder, 1_000_000).await;
    let response = world.chat(&chat("保密的问题")).await;
    let id = request_id(&response);
    let answer = response.bytes().await.unwrap();
    let broken = world.chat(&streamed("die")).await;
    drop(broken.text().await.unwrap());
    let file = folder.join("audit-000000000001.jsonl");
    eventually("two events", || async { lines(&file).len() == 2 }).await;
    let event = &lines(&file)[0];
    assert_eq!(
        (&event["id"], &event["tenant"]),
        (&id.as_str().into(), &"hospital".into())
    );
    assert_eq!(
        (&event["model"], &event["outcome"]),
        (&"tiny".into(), &"stop".into())
    );
    let hash = |bytes: &[u8]| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(bytes))
    };
    assert_eq!(event["answer_sha256"], hash(&answer));
    assert_eq!(
        event["request_sha256"],
        hash(&serde_json::to_vec(&chat("保密的问题")).unwrap())
    );
    assert_eq!(lines(&file)[1]["outcome"], "replica_unavailable");
    assert!(!std::fs::read_to_string(&file).unwrap().contains("保密"));
}

#[tokio::test]
async fn the_chain_goes_on_over_rotation_restart_and_a_torn_line() {
    let folder = folder("audit-chain");
    for _ in 0..2 {
        let world = audited(&folder, 1_500).await;
        for _ in 0..4 {
            assert_eq!(world.chat(&chat("hello")).await.status(), 200);
        }
        world.gateway.shutdown(Duration::from_secs(5)).await;
        // A crash in the middle of a line.
        let newest = files(&folder).pop().unwrap();
        let mut bytes = std::fs::read(&newest).unwrap();
        bytes.extend_from_slice(b"{\"torn\":");
        std::fs::write(&newest, bytes).unwrap();
    }
    let world = audited(&folder, 1_500).await;
    assert_eq!(world.chat(&chat("hello")).await.status(), 200);
    world.gateway.shutdown(Duration::from_secs(5)).await;
    let verified = verify_audit(&folder, None).unwrap();
    assert_eq!((verified.events, verified.first), (9, 1));
    assert!(files(&folder).len() > 2, "rotated");
    let first = &files(&folder)[0];
    let text = std::fs::read_to_string(first).unwrap();
    std::fs::write(first, text.replacen("hospital", "school", 1)).unwrap();
    let error = verify_audit(&folder, None).unwrap_err();
    assert!(
        matches!(error, VerifyError::Broken { line: 1, .. }),
        "{error}"
    );
    let all: Vec<&str> = text.lines().collect();
    std::fs::write(first, format!("{}\n", all[1..].join("\n"))).unwrap();
    let later = verify_audit(&folder, None);
    assert!(
        later.is_ok_and(|later| later.first == 2),
        "what was taken from the front shows"
    );
    assert!(matches!(
        verify_audit(&folder.join("none"), None),
        Err(VerifyError::Read { .. })
    ));
}

#[tokio::test]
async fn a_second_gateway_on_the_same_audit_is_told_what_to_do() {
    let folder = folder("audit-second");
    let world = audited(&folder, 1_000_000).await;
    let second = start(Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        scheduler_url: world.scheduler_url.clone(),
        key: "zs-gateway".to_owned(),
        max_inflight: 1,
        extra: None,
        operations: Operations {
            audit: Some(AuditOptions::in_folder(folder.clone())),
            ..Operations::default()
        },
    })
    .await;
    let refused = second.err().expect("two writers tear a chain apart");
    assert_eq!(refused.code(), "ZS-GATEWAY-FILE");
    let told = refused.to_string();
    for words in [&*folder.to_string_lossy(), "stop it", "another folder"] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(world.chat(&chat("hello")).await.status(), 200);
    world.gateway.shutdown(Duration::from_secs(5)).await;
    assert_eq!(verify_audit(&folder, None).unwrap().events, 1);
}
