//! The model cache against real sources: files, wheels, a hub with Range, the artifact store.

use crate::support::scheduler::Scheduler;
use crate::support::{KEY, Place, digest};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::{
    HubSource, ModelFile, ModelManifest, ModelSource, PythonPackagePart, PythonPackageSource,
};
use zhisuan_worker::HubOptions;
use zhisuan_worker::artifacts::Artifacts;
use zhisuan_worker::models::{FetchEvent, FetchProgress, ModelStore, Silent};

fn manifest(bytes: &[u8], sources: Vec<Source>) -> ModelManifest {
    ModelManifest {
        name: "tiny".into(),
        files: vec![ModelFile {
            path: "tiny.gguf".into(),
            sha256: digest(bytes),
            bytes: bytes.len() as u64,
            sources: sources
                .into_iter()
                .map(|source| ModelSource {
                    source: Some(source),
                })
                .collect(),
        }],
        ..ModelManifest::default()
    }
}

fn local(place: &Place, name: &str, bytes: &[u8]) -> Source {
    std::fs::write(place.path(name), bytes).unwrap();
    Source::LocalPath(place.path(name).display().to_string())
}

fn hub_source() -> Source {
    Source::Hub(HubSource {
        style: "huggingface".into(),
        repository: "owner/tiny".into(),
        revision: String::new(),
        file: "tiny.gguf".into(),
    })
}

fn store(place: &Place, hub: HubOptions) -> ModelStore {
    ModelStore::new(&place.path("cache"), hub, None)
}

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl FetchProgress for Recorder {
    fn report(&self, event: FetchEvent<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Recorder {
    fn count(&self, word: &str) -> usize {
        let seen = self.0.lock().unwrap();
        seen.iter().filter(|text| text.starts_with(word)).count()
    }
}

fn leftovers(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path("cache/models/partial")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_none_or(|ext| ext != "lock"))
        .collect()
}

#[tokio::test]
async fn wrong_bytes_are_deleted_and_the_next_source_is_tried() {
    let place = Place::new();
    let sources = vec![
        local(&place, "wrong", b"wrong"),
        local(&place, "right", b"right"),
    ];
    let (seen, store) = (Recorder::default(), store(&place, HubOptions::default()));
    let paths = store
        .fetch(&manifest(b"right", sources), &seen)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), b"right");
    assert!(paths[0].ends_with(format!("models/sha256/{}", digest(b"right"))));
    assert_eq!((seen.count("SourceFailed"), seen.count("Verified")), (1, 1));
    assert!(leftovers(&place).is_empty());
}

#[tokio::test]
async fn only_wrong_bytes_fail_with_both_digests() {
    let place = Place::new();
    let sources = vec![local(&place, "wrong", b"wrong")];
    let store = store(&place, HubOptions::default());
    let error = store
        .fetch(&manifest(b"right", sources), &Silent)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ZS-MODEL-HASH");
    let text = error.to_string();
    assert!(
        text.contains(&digest(b"right")) && text.contains(&digest(b"wrong")),
        "{text}"
    );
    assert!(leftovers(&place).is_empty());
    // A hub that nobody set up is not contacted.
    let error = store
        .fetch(&manifest(b"right", vec![hub_source()]), &Silent)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ZS-MODEL-SOURCE");
}

#[tokio::test]
async fn a_damaged_cached_file_is_found_and_fetched_again() {
    let place = Place::new();
    let wanted = manifest(b"right", vec![local(&place, "right", b"right")]);
    let path = store(&place, HubOptions::default())
        .fetch(&wanted, &Silent)
        .await
        .unwrap()
        .remove(0);
    std::fs::write(&path, b"wring").unwrap();
    let (seen, fresh) = (Recorder::default(), store(&place, HubOptions::default()));
    fresh.fetch(&wanted, &seen).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"right");
    fresh.fetch(&wanted, &seen).await.unwrap();
    assert_eq!((seen.count("Verified"), seen.count("Cached")), (1, 1));
}

#[tokio::test]
async fn hostile_manifests_are_refused_before_anything_happens() {
    let place = Place::new();
    let store = store(&place, HubOptions::default());
    let bad_paths = ["../x", "/etc/x", "a/../../x", "a//x", "a\\x"].map(|path| {
        let mut bad_path = manifest(b"x", Vec::new());
        bad_path.files[0].path = path.into();
        bad_path
    });
    let mut bad_digest = manifest(b"x", Vec::new());
    bad_digest.files[0].sha256 = "../../etc/passwd".into();
    let mut bad_name = manifest(b"x", Vec::new());
    bad_name.name = "a/b".into();
    for wanted in bad_paths.into_iter().chain([bad_digest, bad_name]) {
        let error = store.fetch(&wanted, &Silent).await.unwrap_err();
        assert_eq!(error.code(), "ZS-MODEL-MANIFEST");
    }
    assert!(!place.path("cache").exists());
}

/// Serves one file; every answer carries at most `piece` bytes and then breaks off.
struct Hub {
    bytes: Vec<u8>,
    piece: usize,
    requests: AtomicU32,
    ranges: Mutex<Vec<String>>,
}

async fn hub(bytes: Vec<u8>, piece: usize) -> (Arc<Hub>, HubOptions) {
    let state = Arc::new(Hub {
        bytes,
        piece,
        requests: AtomicU32::new(0),
        ranges: Mutex::default(),
    });
    let app = Router::new()
        .route(
            "/owner/tiny/resolve/main/tiny.gguf",
            axum::routing::get(answer),
        )
        .with_state(Arc::clone(&state));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = HubOptions {
        huggingface_endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
        ..HubOptions::default()
    };
    tokio::spawn(async move { axum::serve(listener, app).await });
    (state, options)
}

async fn answer(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Response {
    hub.requests.fetch_add(1, Ordering::SeqCst);
    let range = headers
        .get(header::RANGE)
        .map(|range| range.to_str().unwrap().to_owned());
    let start = range
        .as_deref()
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .unwrap_or(0_usize);
    hub.ranges.lock().unwrap().extend(range);
    let rest = hub.bytes[start..].to_vec();
    let total = hub.bytes.len();
    let mut pieces: Vec<Result<Vec<u8>, std::io::Error>> = Vec::new();
    pieces.push(Ok(rest[..rest.len().min(hub.piece)].to_vec()));
    if rest.len() > hub.piece {
        pieces.push(Err(std::io::Error::other("cut")));
    }
    // Slow enough that a second caller arrives in the middle.
    tokio::time::sleep(Duration::from_millis(30)).await;
    // Each piece leaves before the next one breaks the connection.
    let pieces = futures::stream::iter(pieces).then(async |piece| {
        tokio::time::sleep(Duration::from_millis(30)).await;
        piece
    });
    let body = axum::body::Body::from_stream(Box::pin(pieces));
    let status = if start == 0 {
        StatusCode::OK
    } else {
        StatusCode::PARTIAL_CONTENT
    };
    let content_range = format!("bytes {start}-{}/{total}", total - 1);
    (status, [(header::CONTENT_RANGE, content_range)], body).into_response()
}

#[tokio::test]
async fn a_broken_download_goes_on_with_range() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    let (hub, options) = hub(bytes.clone(), 90_000).await;
    let seen = Recorder::default();
    let paths = store(&place, options)
        .fetch(&manifest(&bytes, vec![hub_source()]), &seen)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), bytes);
    assert!(
        !hub.ranges.lock().unwrap().is_empty(),
        "resumed, not repeated"
    );
    assert!(seen.count("Bytes") > 0);
}

#[tokio::test]
async fn a_stale_partial_file_costs_one_more_try_not_the_source() {
    let place = Place::new();
    let (_hub, options) = hub(b"the right bytes".to_vec(), 1_000).await;
    let wanted = manifest(b"the right bytes", vec![hub_source()]);
    let partial = place.path("cache/models/partial");
    std::fs::create_dir_all(&partial).unwrap();
    let name = format!("{}.part", digest(b"the right bytes"));
    std::fs::write(partial.join(name), b"not th").unwrap();
    let paths = store(&place, options)
        .fetch(&wanted, &Silent)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), b"the right bytes");
}

#[tokio::test]
async fn two_tasks_that_want_the_same_model_fetch_it_once() {
    let place = Place::new();
    let (hub, options) = hub(vec![7; 40_000], 100_000).await;
    let wanted = manifest(&vec![7; 40_000], vec![hub_source()]);
    let (store, first, second) = (
        store(&place, options),
        Recorder::default(),
        Recorder::default(),
    );
    let (a, b) = tokio::join!(store.fetch(&wanted, &first), store.fetch(&wanted, &second));
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(hub.requests.load(Ordering::SeqCst), 1);
    assert_eq!(first.count("Waiting") + second.count("Waiting"), 1);
}

/// A wheel with just what pip asks of one.
fn wheel(folder: &Path, package: &str, member: &str, bytes: &[u8]) {
    let file = std::fs::File::create(folder.join(format!("{package}-1.0.0-py3-none-any.whl")));
    let mut zip = zip::ZipWriter::new(file.unwrap());
    let info = format!("{package}-1.0.0.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n");
    let tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    for (name, text) in [
        (member.to_owned(), bytes),
        (format!("{info}/METADATA"), metadata.as_bytes()),
        (format!("{info}/WHEEL"), tags.as_bytes()),
        (format!("{info}/RECORD"), b"".as_slice()),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text).unwrap();
    }
    zip.finish().unwrap();
}

#[tokio::test]
async fn members_of_wheels_are_joined_and_the_wheels_are_gone() {
    let place = Place::new();
    let wheels = place.path("wheels");
    std::fs::create_dir(&wheels).unwrap();
    wheel(
        &wheels,
        "zs_tiny_a",
        "zs_tiny_a/part01.bin",
        b"first half, ",
    );
    wheel(&wheels, "zs_tiny_b", "zs_tiny_b/part02.bin", b"second half");
    let part = |package: &str, member: &str| PythonPackagePart {
        package: package.into(),
        version: "1.0.0".into(),
        member: member.into(),
    };
    let parts = vec![
        part("zs-tiny-a", "zs_tiny_a/part01.bin"),
        part("zs-tiny-b", "zs_tiny_b/part02.bin"),
    ];
    let source = Source::PythonPackage(PythonPackageSource { parts });
    let wanted = manifest(b"first half, second half", vec![source]);
    let hub = HubOptions {
        pip_env: BTreeMap::from([
            ("PIP_NO_INDEX".into(), "1".into()),
            ("PIP_FIND_LINKS".into(), wheels.display().to_string()),
        ]),
        ..HubOptions::default()
    };
    let paths = store(&place, hub.clone())
        .fetch(&wanted, &Silent)
        .await
        .unwrap();
    assert_eq!(
        std::fs::read(&paths[0]).unwrap(),
        b"first half, second half"
    );
    assert!(leftovers(&place).is_empty());
    let hostile = Source::PythonPackage(PythonPackageSource {
        parts: vec![part("--index-url=http://evil", "x")],
    });
    let error = store(&place, hub)
        .fetch(&manifest(b"other", vec![hostile]), &Silent)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("package"), "{error}");
}

#[tokio::test]
async fn artifacts_are_a_source_and_go_on_after_a_cut() {
    let (place, scheduler) = (Place::new(), Scheduler::start().await);
    let bytes = vec![42; 300_000];
    let sha256 = scheduler.put(&bytes);
    scheduler.script.cut_at.store(100_000, Ordering::SeqCst);
    let artifacts = Artifacts::new(&scheduler.url, KEY, &place.path("cache"), None).unwrap();
    let store = ModelStore::new(
        &place.path("cache"),
        HubOptions::default(),
        Some(artifacts.clone()),
    );
    let wanted = manifest(&bytes, vec![Source::ArtifactSha256(sha256.clone())]);
    let paths = store.fetch(&wanted, &Silent).await.unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), bytes);
    let got = artifacts.get(&sha256).await.unwrap();
    assert_eq!(std::fs::read(got).unwrap(), bytes);
    assert_eq!(
        artifacts.get("../x").await.unwrap_err().code(),
        "ZS-ARTIFACT-DIGEST"
    );
    assert_eq!(
        artifacts.get(&digest(b"none")).await.unwrap_err().code(),
        "ZS-ARTIFACT-CALL"
    );
}
