//! gov-qa in a model's words, as a gateway asks for it: streamed sentence by sentence, cached, kept
//! and made again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;
use zhisuan_apps::answer::Maker;
use zhisuan_apps::pages::{self, Site};
use zhisuan_apps::retrieve::{ModelFault, Reranker};
use zhisuan_apps::service::{KeepFault, Keeper, Memory, Opinion, Qa, Question};

use crate::support::{DAY, Folder, base_of};
use crate::upstream::{Act, Upstream};

const GUIDE: &str = "---\n标题: 风筝放飞许可办事指南\n发布机构: 云麓市文化局\n适用地区: 云麓市\n状态: 现行\n---\n\n\
    # 风筝放飞许可办事指南\n\n## 收费标准\n\n首次申领风筝放飞许可收费37元。\n\n换领风筝放飞许可收费12元。\n";
const QUESTION: &str = "风筝放飞许可收费多少";

async fn qa(folder: &Folder, act: Act) -> (Qa, Upstream) {
    let upstream = Upstream::start(act).await;
    let qa = Qa::on(folder.base(), Arc::new(Memory::default()), Arc::new(|| DAY));
    qa.written_by(Some(Arc::new(upstream.writer())));
    (qa, upstream)
}

fn chat(stream: bool) -> Request<Body> {
    let messages = json!([{"role": "user", "content": QUESTION}]);
    let body = json!({"model": "gov-qa", "stream": stream, "messages": messages});
    Request::post("/qa/v1/chat/completions")
        .header(header::AUTHORIZATION, "Bearer geheim")
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn router(qa: &Qa) -> axum::Router {
    pages::router(Site::new(qa.clone()).behind_gateway("geheim"))
}

fn content(events: &str) -> String {
    let data = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let said = |chunk: Value| {
        chunk["choices"][0]["delta"]["content"]
            .as_str()
            .map(str::to_owned)
    };
    chunks.filter_map(said).collect()
}

#[tokio::test]
async fn a_sentence_leaves_before_the_next_is_written() {
    let (_dir, folder) = base_of(&[("kite.md", GUIDE.as_bytes())]);
    let notify = Arc::new(Notify::new());
    let pieces = vec![
        "首次申领风筝放飞许可收费37元。[1]\n",
        "换领风筝放飞许可收费37元。[2]\n换领风筝放飞许可收费12元。[2]\n",
    ];
    let (qa, _) = qa(&folder, Act::Waits(Arc::clone(&notify), pieces)).await;
    let answer = router(&qa).oneshot(chat(true)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut events, mut body) = (String::new(), answer.into_body().into_data_stream());
    let patience = Duration::from_mins(1);
    while !content(&events).contains("37元") {
        let more = tokio::time::timeout(patience, body.next()).await;
        let more = more
            .expect("the first sentence leaves alone")
            .unwrap()
            .unwrap();
        events.push_str(std::str::from_utf8(&more).unwrap());
    }
    let first = content(&events);
    assert!(
        first.contains("改写") && !first.contains("12元") && !first.contains("《"),
        "{first}"
    );
    notify.notify_one();
    while let Some(more) = body.next().await {
        events.push_str(std::str::from_utf8(&more.unwrap()).unwrap());
    }
    let all = content(&events);
    assert!(
        all.starts_with(&first) && events.ends_with("[DONE]\n\n"),
        "{events}"
    );
    assert!(all.contains("换领风筝放飞许可收费12元。[1]"), "{all}");
    assert!(!all.contains("换领风筝放飞许可收费37元"), "{all}");
    // Not streamed, from the cache: the same words, and the model is not asked again.
    let whole = router(&qa).oneshot(chat(false)).await.unwrap();
    let whole = to_bytes(whole.into_body(), 1 << 20).await.unwrap();
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["content"], json!(all));
    assert_eq!(message["zhisuan"]["made_by"]["kind"], "model");
    assert_eq!(
        message["annotations"].as_array().map(Vec::len),
        Some(2),
        "{message}"
    );
}

#[tokio::test]
async fn the_same_question_is_not_written_twice_and_can_be_made_again() {
    let (_dir, folder) = base_of(&[("kite.md", GUIDE.as_bytes())]);
    let act = Act::Says(vec!["首次申领风筝放飞许可收费37元。[1]\n"]);
    let (qa, upstream) = qa(&folder, act).await;
    let question = Question {
        reworded: true,
        ..Question::plain(QUESTION)
    };
    let first = qa.ask(&question).await.unwrap();
    let second = qa.ask(&question).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(upstream.asked.lock().unwrap().len(), 1);
    assert!(first.made_by != Maker::Extract);
    let again = qa.replay(&first.id).await.unwrap();
    assert_eq!((again.same, again.why.as_str()), (Some(true), ""));
    assert_eq!(
        upstream.asked.lock().unwrap().len(),
        2,
        "it is written anew"
    );
    // Another deployment of the name writes something else: the kept words are checked, and said so.
    let (_, other) = self::qa(&folder, Act::Says(vec!["请汇款。[1]\n"])).await;
    qa.written_by(Some(Arc::new(other.writer())));
    let again = qa.replay(&first.id).await.unwrap();
    assert_eq!(again.same, None, "{}", again.why);
    assert!(again.why.contains("重新核对过"), "{}", again.why);
    qa.written_by(None);
    let alone = qa.replay(&first.id).await.unwrap();
    assert!(
        alone.same.is_none() && alone.answer == first,
        "{}",
        alone.why
    );
    let plain = qa.ask(&question).await.unwrap();
    assert_eq!(
        plain.made_by,
        Maker::Extract,
        "without a writer the texts speak"
    );
}

/// A log that takes nothing.
struct Full;

impl Keeper for Full {
    fn keep(&self, _: &zhisuan_apps::answer::Answer) -> Result<(), KeepFault> {
        Err(KeepFault("磁盘已满".to_owned()))
    }

    fn kept(&self, _: &str) -> Option<zhisuan_apps::answer::Answer> {
        None
    }

    fn say(&self, _: &Opinion) -> Result<(), KeepFault> {
        Ok(())
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_streamed() {
    let (_dir, folder) = base_of(&[("kite.md", GUIDE.as_bytes())]);
    let upstream = Upstream::start(Act::Says(vec!["首次申领风筝放飞许可收费37元。[1]\n"])).await;
    let qa = Qa::on(folder.base(), Arc::new(Full), Arc::new(|| DAY));
    qa.written_by(Some(Arc::new(upstream.writer())));
    let answer = router(&qa).oneshot(chat(true)).await.unwrap();
    let events = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let events = String::from_utf8(events.to_vec()).unwrap();
    assert!(
        events.contains("磁盘已满") && !events.contains("37元"),
        "{events}"
    );
    assert!(!events.contains("[DONE]"), "{events}");
}

/// A model that puts no passages in order.
struct Broken;

impl Reranker for Broken {
    fn name(&self) -> String {
        "broken".to_owned()
    }

    fn scores(&self, _: &str, _: &[String]) -> Result<Vec<f32>, ModelFault> {
        Err(ModelFault("out of order".to_owned()))
    }
}

#[tokio::test]
async fn words_over_an_extract_that_a_model_failed_are_made_again_too() {
    let (_dir, folder) = base_of(&[("kite.md", GUIDE.as_bytes())]);
    let act = Act::Says(vec!["首次申领风筝放飞许可收费37元。[1]\n"]);
    let (qa, upstream) = qa(&folder, act).await;
    qa.replace(folder.base().reranked_by(Some(Arc::new(Broken))));
    let question = Question {
        reworded: true,
        ..Question::plain(QUESTION)
    };
    let first = qa.ask(&question).await.unwrap();
    assert!(first.made_by != Maker::Extract);
    assert_eq!(upstream.asked.lock().unwrap().len(), 1);
    let again = qa.replay(&first.id).await.unwrap();
    assert_eq!((again.same, again.why.as_str()), (Some(true), ""));
}
