//! The service follows its library at once, whatever the models do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use zhisuan_apps::answer::{Base, Outcome};
use zhisuan_apps::kb::{Correction, Library, VersionId, WorkKind};
use zhisuan_apps::service::{Helper, ModelServer, Qa, Question};

use crate::library::{NOW, add, checker, guide, library, maker};
use crate::support::{DAY, ask};

/// Longest wait for what must happen; the time that a model server may take is far longer.
const SOON: Duration = Duration::from_secs(8);

fn published(folder: &TempDir) -> (Library, VersionId) {
    let library = library(folder);
    let added = add(&library, "parking.txt", &guide("2024-01-01", "80"));
    library.publish(&added.version, &maker(), NOW).unwrap();
    (library, added.version)
}

fn helper(address: std::net::SocketAddr) -> Helper {
    // The binary does so at its start.
    drop(rustls::crypto::ring::default_provider().install_default());
    Helper {
        server: ModelServer::new(&format!("http://{address}/v1"), "key").unwrap(),
        embedder: "e5-vectors".to_owned(),
        reranker: Some("order".to_owned()),
        writer: None,
        every: Duration::from_millis(30),
    }
}

async fn until(mut there: impl AsyncFnMut() -> bool, what: &str) {
    let looked = tokio::time::timeout(SOON, async {
        while !there().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(looked.await.is_ok(), "{what}");
}

async fn outcome(qa: &Qa) -> Outcome {
    let question = Question::plain("停车证每个月多少钱");
    qa.ask(&question).await.unwrap().outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_keeps_nothing_alive() {
    let folder = tempfile::tempdir().unwrap();
    let (library, version) = published(&folder);
    let qa = Qa::over_on(&library, "city", Arc::new(|| DAY)).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let following = qa.follow(&library, "city", Some(helper(silent.local_addr().unwrap())));
    assert_eq!(outcome(&qa).await, Outcome::Answered);
    let (connection, _) = silent.accept().await.unwrap();
    library.withdraw(&version, "印错了", &maker(), NOW).unwrap();
    until(
        async || outcome(&qa).await == Outcome::NoEvidence,
        "withdrawn",
    )
    .await;
    drop(connection);
    following.abort();
}

/// A server whose models come and go; it counts the passages that it was asked for.
#[derive(Default)]
struct Served {
    models: Vec<&'static str>,
    passages: usize,
    reranked: usize,
    broken: bool,
}

type Shared = Arc<Mutex<Served>>;

async fn models(State(served): State<Shared>) -> Json<Value> {
    let data = served.lock().unwrap().models.clone();
    let data: Vec<Value> = data.iter().map(|id| json!({"id": id})).collect();
    Json(json!({"data": data}))
}

async fn embeddings(State(served): State<Shared>, Json(asked): Json<Value>) -> Json<Value> {
    let texts = asked["input"].as_array().unwrap();
    if asked["instruction"] == "passage: " {
        served.lock().unwrap().passages += texts.len();
    }
    let rows: Vec<Value> = texts
        .iter()
        .map(|_| json!({"embedding": [1.0, 0.5]}))
        .collect();
    Json(json!({"data": rows}))
}

/// The longer a document, the better.
async fn rerank(State(served): State<Shared>, Json(asked): Json<Value>) -> Json<Value> {
    served.lock().unwrap().reranked += 1;
    let documents = asked["documents"].as_array().unwrap();
    if served.lock().unwrap().broken {
        return Json(json!({"results": []}));
    }
    let results = documents.iter().enumerate().map(|(index, text)| {
        let score = text.as_str().unwrap().len() as f64 / 10_000.0;
        json!({"index": index, "relevance_score": score})
    });
    let results: Vec<Value> = results.rev().collect();
    Json(json!({"results": results}))
}

/// A server of the models; it lives as long as the test.
async fn serving(served: &Shared) -> Helper {
    let router = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/rerank", post(rerank))
        .with_state(Arc::clone(served));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    helper(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_orders_passages_helps_while_it_is_served_and_answers_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _) = published(&folder);
    let qa = Qa::over_on(&library, "city", Arc::new(|| DAY)).unwrap();
    let question = Question::plain("停车证每个月多少钱");
    let by_words = qa.ask(&question).await.unwrap();
    let served = Shared::default();
    served.lock().unwrap().models = vec!["order"];
    let following = qa.follow(&library, "city", Some(serving(&served).await));
    let named = async || qa.status().helpers.reranker.is_some();
    until(named, "the model helps").await;
    assert!(qa.status().helpers.embedder.is_none());
    let helped = qa.ask(&question).await.unwrap();
    assert!(served.lock().unwrap().reranked > 0);
    assert_eq!(helped.outcome, Outcome::Answered);
    assert_ne!(helped.hashes.model, by_words.hashes.model);
    for answer in [&by_words, &helped] {
        let again = qa.replay(&answer.id).await.unwrap();
        assert_eq!(again.same, Some(true), "{}", again.why);
    }
    // It stops giving scores before anybody notices: words answer as before, and say so.
    following.abort();
    served.lock().unwrap().broken = true;
    let other = Question::plain("停车证每月多少钱呢");
    let fallen = qa.ask(&other).await.unwrap();
    assert_eq!(fallen.hashes.model, "");
    assert_eq!(fallen.sentences, by_words.sentences);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_order_passages_is_not_used_and_one_that_keeps_failing_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _) = published(&folder);
    let qa = Qa::over_on(&library, "city", Arc::new(|| DAY)).unwrap();
    let served = Shared::default();
    served.lock().unwrap().models = vec!["order"];
    served.lock().unwrap().broken = true;
    let following = qa.follow(&library, "city", Some(serving(&served).await));
    until(
        async || served.lock().unwrap().reranked > 1,
        "it is tried again and again",
    )
    .await;
    let named = async || qa.status().helpers.reranker.is_some();
    assert!(!named().await);
    served.lock().unwrap().broken = false;
    until(named, "it does what it should").await;
    served.lock().unwrap().broken = true;
    for times in 1..=3 {
        let question = format!("停车证{}多少钱", "每个月".repeat(times));
        let answer = qa.ask(&Question::plain(&question)).await.unwrap();
        assert_eq!(answer.hashes.model, "", "{question}");
    }
    until(async || !named().await, "it is given up").await;
    following.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_embedded_and_a_model_that_goes_is_not_named() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _) = published(&folder);
    let qa = Qa::over_on(&library, "city", Arc::new(|| DAY)).unwrap();
    let served = Shared::default();
    let following = qa.follow(&library, "city", Some(serving(&served).await));
    let named = async || qa.status().helpers.embedder.is_some();
    assert!(!named().await);
    served.lock().unwrap().models = vec!["e5-vectors"];
    until(named, "the model helps").await;
    let first = served.lock().unwrap().passages;
    assert_eq!(first, qa.status().passages);
    let kite = "---\n标题: 风筝许可办事指南\n状态: 现行\n---\n# 风筝许可办事指南\n\n## 收费标准\n\n每只3元。\n";
    let added = add(&library, "kite.md", kite);
    library.publish(&added.version, &checker(), NOW).unwrap();
    until(
        async || qa.status().versions == 2 && named().await,
        "both have vectors",
    )
    .await;
    assert_eq!(served.lock().unwrap().passages, qa.status().passages);
    served.lock().unwrap().models.clear();
    until(async || !named().await, "the model is gone").await;
    assert_eq!(outcome(&qa).await, Outcome::Answered);
    following.abort();
}

#[test]
fn a_base_that_cannot_be_built_anew_loses_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (library, version) = published(&folder);
    let base = Base::build(library.published("city").unwrap(), None).unwrap();
    assert_eq!(ask(&base, "停车证每个月多少钱").outcome, Outcome::Answered);
    let kite = "---\n标题: 风筝许可办事指南\n状态: 现行\n---\n# 风筝许可办事指南\n\n## 收费标准\n\n风筝许可每只3元。\n";
    let added = add(&library, "a-kite.md", kite);
    library.publish(&added.version, &checker(), NOW).unwrap();
    let both = Base::build(library.published("city").unwrap(), None).unwrap();
    library.withdraw(&version, "印错了", &maker(), NOW).unwrap();
    let narrowed = both.narrowed(&library.published("city").unwrap());
    assert_eq!(
        ask(&narrowed, "停车证每个月多少钱").outcome,
        Outcome::NoEvidence
    );
    assert_eq!(
        ask(&narrowed, "风筝许可每只多少钱").outcome,
        Outcome::Answered
    );
    assert_ne!(narrowed.published().digest, both.published().digest);
    assert!(
        narrowed
            .published()
            .versions
            .iter()
            .all(|v| v.id != version)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_that_is_lost_becomes_work() {
    let folder = tempfile::tempdir().unwrap();
    let (library, version) = published(&folder);
    let question = "停车证每个月多少钱";
    let (base, kind) = ("city", WorkKind::LowRating);
    let id = library
        .open_work(base, kind, question, "", "", NOW)
        .unwrap();
    let correction = Correction {
        question,
        as_of: DAY,
        expected: "80元",
    };
    library
        .close_work(base, id, "已核对", Some(&correction), &maker(), NOW)
        .unwrap();
    let qa = Qa::over_on(&library, base, Arc::new(|| DAY)).unwrap();
    let following = qa.follow(&library, base, None);
    let open = || library.work(base, true, 10).unwrap();
    let kite = "---\n标题: 风筝许可办事指南\n状态: 现行\n---\n# 风筝许可办事指南\n\n## 收费标准\n\n每只3元。\n";
    let added = add(&library, "kite.md", kite);
    library.publish(&added.version, &checker(), NOW).unwrap();
    until(async || qa.status().versions == 2, "published").await;
    library.withdraw(&version, "印错了", &maker(), NOW).unwrap();
    until(async || open().len() == 1, "the lost correction").await;
    let work = open();
    assert_eq!(
        (work[0].kind, work[0].question.as_str()),
        (WorkKind::Correction, question)
    );
    assert!(work[0].note.contains("80元"), "{}", work[0].note);
    following.abort();
}
