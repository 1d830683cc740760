//! Files go in and come out whole, and only their tenant sees them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::store::Limits;
use super::{ArtifactService, Artifacts};
use crate::access::testing::{FakeClock, FakeRecords, code, request};
use crate::access::{Caller, Role};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tonic::Status;
use zhisuan_proto::v1::artifacts_server::Artifacts as _;
use zhisuan_proto::v1::put_artifact_request::Message;
use zhisuan_proto::v1::{
    Artifact, DeleteArtifactRequest, GetArtifactRequest, ListArtifactsRequest, Page,
    PutArtifactRequest,
};

mod sweeping;

struct Bench {
    folder: tempfile::TempDir,
    records: Arc<FakeRecords>,
    store: Artifacts,
    service: ArtifactService,
}

fn bench(limit: u64) -> Bench {
    limited(Limits {
        file_bytes: limit,
        quota_bytes: 1 << 30,
        reserve_bytes: 0,
    })
}

fn limited(limits: Limits) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let records = Arc::new(FakeRecords::default());
    let store = Artifacts::open_with(folder.path(), records.clone(), limits).unwrap();
    let service = ArtifactService::new(store.clone(), FakeClock::at(77).now());
    Bench {
        folder,
        records,
        store,
        service,
    }
}

fn caller(role: Role, tenant: &str) -> Caller {
    Caller {
        tenant: tenant.into(),
        role,
        key_id: "k".into(),
    }
}

fn header(data: &[u8]) -> Artifact {
    Artifact {
        sha256: hex::encode(Sha256::digest(data)),
        bytes: data.len() as u64,
        name: "data.jsonl".into(),
        ..Artifact::default()
    }
}

async fn put(
    bench: &Bench,
    who: &Caller,
    header: Artifact,
    data: &[u8],
) -> Result<Artifact, Status> {
    let first = PutArtifactRequest {
        message: Some(Message::Header(header)),
    };
    let rest = data.chunks(1000).map(|part| PutArtifactRequest {
        message: Some(Message::Data(part.to_vec())),
    });
    let messages: Vec<_> = std::iter::once(first).chain(rest).map(Ok).collect();
    bench
        .service
        .take(who, futures::stream::iter(messages))
        .await
}

async fn get(bench: &Bench, who: &Caller, sha256: &str, offset: u64) -> Result<Vec<u8>, Status> {
    let wanted = GetArtifactRequest {
        sha256: sha256.into(),
        offset,
    };
    let mut chunks = bench.service.get(request(wanted, who)).await?.into_inner();
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await {
        all.extend_from_slice(&chunk?.data);
    }
    Ok(all)
}

fn files_under(bench: &Bench, part: &str) -> usize {
    let folder = bench.folder.path().join("artifacts").join(part);
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_file_comes_back_byte_for_byte_from_any_offset() {
    let bench = bench(1 << 20);
    let acme = caller(Role::Tenant, "acme");
    let data: Vec<u8> = (0..600_000_u32).map(|n| (n % 251) as u8).collect();
    let kept = put(&bench, &acme, header(&data), &data).await.unwrap();
    assert_eq!(
        (kept.tenant.as_str(), kept.bytes, kept.created_at_ms),
        ("acme", 600_000, 77)
    );
    assert_eq!(get(&bench, &acme, &kept.sha256, 0).await.unwrap(), data);
    assert_eq!(
        get(&bench, &acme, &kept.sha256, 599_000).await.unwrap(),
        data[599_000..]
    );
    assert!(
        get(&bench, &acme, &kept.sha256, 600_000)
            .await
            .unwrap()
            .is_empty()
    );
    let refused = get(&bench, &acme, &kept.sha256, 600_001).await.unwrap_err();
    assert_eq!(code(&refused), "ZS-FIELD");
    // Empty files are files.
    let none = put(&bench, &acme, header(b""), b"").await.unwrap();
    assert!(
        get(&bench, &acme, &none.sha256, 0)
            .await
            .unwrap()
            .is_empty()
    );
    // A restart knows the row.
    let again = Artifacts::open(bench.folder.path(), bench.records.clone(), 1).unwrap();
    assert_eq!(again.row("acme", &kept.sha256).unwrap().bytes, 600_000);
}

#[tokio::test]
async fn wrong_bytes_leave_nothing() {
    let bench = bench(1000);
    let acme = caller(Role::Tenant, "acme");
    let right = header(b"hello");
    for wrong in [&b"hellO"[..], b"hell", b"hello!"] {
        let refused = put(&bench, &acme, right.clone(), wrong).await.unwrap_err();
        assert_eq!(code(&refused), "ZS-ARTIFACT-HASH");
    }
    let large = put(&bench, &acme, header(&[0; 1001]), &[0; 1001])
        .await
        .unwrap_err();
    assert_eq!(code(&large), "ZS-ARTIFACT-TOO-LARGE");
    for sha256 in ["../../etc/passwd", "", &"A".repeat(64)] {
        let bad = Artifact {
            sha256: sha256.into(),
            ..right.clone()
        };
        assert_eq!(
            code(&put(&bench, &acme, bad, b"hello").await.unwrap_err()),
            "ZS-FIELD"
        );
        assert_eq!(
            code(&get(&bench, &acme, sha256, 0).await.unwrap_err()),
            "ZS-FIELD"
        );
    }
    assert_eq!(files_under(&bench, "partial"), 0);
    assert_eq!(files_under(&bench, &right.sha256[..2]), 0);
    let broken = futures::stream::iter([
        Ok(PutArtifactRequest {
            message: Some(Message::Header(right.clone())),
        }),
        Ok(PutArtifactRequest {
            message: Some(Message::Data(b"he".to_vec())),
        }),
        Err(Status::cancelled("gone")),
    ]);
    assert!(bench.service.take(&acme, broken).await.is_err());
    assert_eq!(files_under(&bench, "partial"), 0);
}

#[tokio::test]
async fn a_tenant_keeps_no_more_than_its_quota() {
    let bench = limited(Limits {
        file_bytes: 100,
        quota_bytes: 10,
        reserve_bytes: 0,
    });
    let (acme, other) = (caller(Role::Tenant, "acme"), caller(Role::Tenant, "other"));
    let worker = caller(Role::Worker, "centre");
    // Two at once: each fits alone, the second to end does not fit any more.
    let early = bench.store.begin(Some("acme"), &header(b"sixsix")).unwrap();
    put(&bench, &acme, header(b"12345678"), b"12345678")
        .await
        .unwrap();
    let late = bench.store.keep(early, &header(b"sixsix"), Some("acme"), 5);
    assert_eq!(code(&late.unwrap_err().into()), "ZS-ARTIFACT-QUOTA");
    let refused = put(&bench, &acme, header(b"abc"), b"abc").await;
    assert_eq!(code(&refused.unwrap_err()), "ZS-ARTIFACT-QUOTA");
    // To the last byte, what is there already, and what is not the tenant's: all taken.
    put(&bench, &acme, header(b"ab"), b"ab").await.unwrap();
    put(&bench, &acme, header(b"ab"), b"ab").await.unwrap();
    for who in [&other, &worker] {
        put(&bench, who, header(b"abc"), b"abc").await.unwrap();
    }
    assert_eq!(files_under(&bench, "partial"), 0);
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_takes_nothing() {
    let bench = limited(Limits {
        file_bytes: 100,
        quota_bytes: 100,
        reserve_bytes: u64::MAX,
    });
    let acme = caller(Role::Tenant, "acme");
    let refused = put(&bench, &acme, header(b"abc"), b"abc").await;
    assert_eq!(code(&refused.unwrap_err()), "ZS-ARTIFACT-DISK");
    assert_eq!(files_under(&bench, "partial"), 0);
}

#[tokio::test]
async fn only_its_tenant_sees_a_file() {
    let bench = bench(1000);
    let (acme, other) = (caller(Role::Tenant, "acme"), caller(Role::Tenant, "other"));
    let worker = caller(Role::Worker, "centre");
    let kept = put(&bench, &acme, header(b"secret"), b"secret")
        .await
        .unwrap();
    let refused = get(&bench, &other, &kept.sha256, 0).await.unwrap_err();
    assert_eq!(code(&refused), "ZS-ARTIFACT-UNKNOWN");
    assert_eq!(
        get(&bench, &worker, &kept.sha256, 0).await.unwrap(),
        b"secret"
    );
    // Who puts the same bytes sees them: two rows, one file.
    put(&bench, &other, header(b"secret"), b"secret")
        .await
        .unwrap();
    assert_eq!(
        get(&bench, &other, &kept.sha256, 0).await.unwrap(),
        b"secret"
    );
    assert_eq!(files_under(&bench, &kept.sha256[..2]), 1);
}

#[tokio::test]
async fn a_workers_output_gets_its_tenant_by_grant() {
    let bench = bench(1000);
    let (acme, worker) = (caller(Role::Tenant, "acme"), caller(Role::Worker, "centre"));
    let claimed = Artifact {
        tenant: "acme".into(),
        ..header(b"out")
    };
    let kept = put(&bench, &worker, claimed, b"out").await.unwrap();
    assert_eq!(kept.tenant, "", "a worker cannot give files to tenants");
    assert_eq!(
        code(&get(&bench, &acme, &kept.sha256, 0).await.unwrap_err()),
        "ZS-ARTIFACT-UNKNOWN"
    );
    bench
        .store
        .grant("acme", &kept.sha256, "output.jsonl", 7, 5)
        .unwrap();
    let again = bench
        .store
        .grant("acme", &kept.sha256, "other name", 8, 9)
        .unwrap();
    assert_eq!(
        (again.name.as_str(), again.created_at_ms),
        ("output.jsonl", 5)
    );
    assert_eq!(get(&bench, &acme, &kept.sha256, 0).await.unwrap(), b"out");
    assert!(
        bench
            .store
            .grant("acme", &"0".repeat(64), "x", 0, 5)
            .is_err()
    );
}

#[tokio::test]
async fn a_tenant_lists_its_files_page_by_page_and_forgets_them() {
    let bench = bench(1 << 20);
    let (acme, other) = (caller(Role::Tenant, "acme"), caller(Role::Tenant, "other"));
    for data in [b"one".as_slice(), b"two", b"three"] {
        put(&bench, &acme, header(data), data).await.unwrap();
    }
    put(&bench, &other, header(b"one"), b"one").await.unwrap();
    let list = async |who: &Caller, limit: u32, token: &str| {
        let page = Some(Page {
            limit,
            token: token.into(),
        });
        let answer = bench
            .service
            .list(request(ListArtifactsRequest { page }, who));
        answer.await.map(tonic::Response::into_inner)
    };
    let first = list(&acme, 2, "").await.unwrap();
    assert_eq!(first.artifacts.len(), 2);
    let second = list(&acme, 2, &first.next_page_token).await.unwrap();
    assert_eq!(
        (second.artifacts.len(), second.next_page_token.as_str()),
        (1, "")
    );
    let mut seen: Vec<_> = [first.artifacts, second.artifacts]
        .concat()
        .into_iter()
        .map(|file| file.sha256)
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
    for (limit, token) in [(1_001, ""), (1, "x"), (1, "-5-"), (1, "5-zz")] {
        assert_eq!(
            code(&list(&acme, limit, token).await.unwrap_err()),
            "ZS-FIELD"
        );
    }
    let sha256 = header(b"one").sha256;
    let delete = async |who: &Caller| {
        let sha256 = sha256.clone();
        bench
            .service
            .delete(request(DeleteArtifactRequest { sha256 }, who))
            .await
    };
    delete(&acme).await.unwrap();
    assert_eq!(
        code(&delete(&acme).await.unwrap_err()),
        "ZS-ARTIFACT-UNKNOWN"
    );
    assert!(get(&bench, &acme, &sha256, 0).await.is_err());
    assert_eq!(get(&bench, &other, &sha256, 0).await.unwrap(), b"one");
    assert_eq!(list(&acme, 0, "").await.unwrap().artifacts.len(), 2);
}
