//! A base whose texts are brought in while it listens already.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;
use zhisuan_apps::answer::Outcome;
use zhisuan_apps::pages::{self, Site};
use zhisuan_apps::service::{Qa, Question};

use crate::library::{NOW, add, guide, library, maker};

async fn get(site: &Site, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = pages::router(site.clone()).oneshot(request).await.unwrap();
    let bytes = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_waits_for_the_first_texts() {
    let folder = tempfile::tempdir().unwrap();
    let library = library(&folder);
    let qa = Qa::before_reading(&library, "city").unwrap();
    let site = Site::new(qa.clone());
    assert!(get(&site, "/qa").await.contains("正在读入文件"));
    assert!(
        get(&site, "/api/qa/status")
            .await
            .contains("\"reading\":true")
    );
    let following = qa.follow(&library, "city", None);
    let asking = tokio::spawn({
        let qa = qa.clone();
        async move { qa.ask(&Question::plain("停车证每月多少钱")).await }
    });
    let added = add(&library, "parking.md", &guide("2025-03-01", "30"));
    library.publish(&added.version, &maker(), NOW).unwrap();
    qa.caught_up(&library, "city").await;
    qa.reading(false);
    let answer = asking.await.unwrap().unwrap();
    assert_eq!(answer.outcome, Outcome::Answered, "{}", answer.message);
    assert!(!get(&site, "/qa").await.contains("正在读入文件"));
    assert!(
        get(&site, "/api/qa/status")
            .await
            .contains("\"reading\":false")
    );
    following.abort();
}
