//! Bytes that nobody can reach any more, with real files.

use super::super::Swept;
use super::{Bench, bench, caller, get, header, put};
use crate::access::Role;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// Makes the bytes of a digest look as old as this.
fn age(bench: &Bench, sha256: &str, hours: u64) {
    let file = std::fs::File::options()
        .write(true)
        .open(bench.store.path(sha256))
        .unwrap();
    let then = SystemTime::now() - Duration::from_hours(hours);
    file.set_modified(then).unwrap();
}

#[tokio::test]
async fn bytes_that_nobody_can_reach_go_after_a_day() {
    let bench = bench(1 << 20);
    let acme = caller(Role::Tenant, "acme");
    let now_ms = i64::try_from(
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap();
    let mut digests = Vec::new();
    for data in [
        &b"seen"[..],
        b"deleted",
        b"deleted, in use",
        b"just deleted",
    ] {
        let kept = put(&bench, &acme, header(data), data).await.unwrap();
        digests.push(kept.sha256);
    }
    for sha256 in &digests {
        age(&bench, sha256, 48);
    }
    for sha256 in &digests[1..] {
        bench.store.forget("acme", sha256).unwrap();
    }
    let nothing = BTreeSet::new();
    let swept = bench.store.sweep(&nothing, now_ms).unwrap();
    assert_eq!(
        swept,
        Swept::default(),
        "the grace begins with the deletion"
    );
    for sha256 in &digests[..3] {
        age(&bench, sha256, 25);
    }
    // Not the store's: it stays, and disturbs nothing.
    let foreign = bench.folder.path().join("artifacts/aa");
    std::fs::create_dir_all(&foreign).unwrap();
    std::fs::write(foreign.join("note.txt"), "mine").unwrap();
    let wanted = BTreeSet::from([digests[2].clone()]);
    let swept = bench.store.sweep(&wanted, now_ms).unwrap();
    assert_eq!((swept.files, swept.bytes), (1, 7));
    let there: Vec<bool> = digests
        .iter()
        .map(|sha256| bench.store.path(sha256).exists())
        .collect();
    assert_eq!(there, [true, false, true, true]);
    assert!(foreign.join("note.txt").exists());
    // Who has the bytes may bring them again.
    put(&bench, &acme, header(b"deleted"), b"deleted")
        .await
        .unwrap();
    assert_eq!(
        get(&bench, &acme, &digests[1], 0).await.unwrap(),
        b"deleted"
    );
    // A clock that went back removes nothing.
    assert_eq!(bench.store.sweep(&nothing, 0).unwrap(), Swept::default());
}
