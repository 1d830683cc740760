//! Pages and the JSON address through the router.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;
use zhisuan_apps::pages;
use zhisuan_apps::rag::KnowledgeBase;

use crate::support::{base_of, sample};

async fn send(base: KnowledgeBase, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let answer = pages::router(Arc::new(base))
        .oneshot(request)
        .await
        .unwrap();
    let (head, body) = answer.into_parts();
    let bytes = to_bytes(body, 1 << 22).await.unwrap();
    (
        head.status,
        head.headers,
        String::from_utf8(bytes.to_vec()).unwrap(),
    )
}

async fn get(base: KnowledgeBase, path: &str) -> (StatusCode, HeaderMap, String) {
    send(base, Request::get(path).body(Body::empty()).unwrap()).await
}

fn encoded(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |out, byte| format!("{out}%{byte:02X}"))
}

async fn post(body: &str) -> (StatusCode, Value) {
    let request = Request::post("/api/qa/ask")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let (status, _, text) = send(sample(), request).await;
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn the_first_page_has_one_field_and_examples_and_no_script() {
    let (status, head, text) = get(sample(), "/qa").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("<form") && text.contains("name=\"q\"") && text.contains("大家常问"));
    assert!(!text.contains("<script") && !text.contains("http://") && !text.contains("https://"));
    let policy = head[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
}

#[tokio::test]
async fn an_answer_leads_to_the_marked_source() {
    let path = format!("/qa?q={}", encoded("居住证补办多少钱"));
    let (status, _, text) = get(sample(), &path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        text.contains("每证10元") && text.contains("机器摘录") && text.contains("云麓市公安局")
    );
    let link = text
        .split("href=\"")
        .find(|l| l.starts_with("/qa/source/residence-permit?"));
    let link = link
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let (status, _, source) = get(sample(), link.split('#').next().unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let marked = source.split("<mark id=\"cited\">").nth(1).unwrap();
    let marked = marked.split("</mark>").next().unwrap();
    assert!(text.contains(marked), "{marked}");
    assert!(source.contains("云麓公规〔2024〕3号") && source.contains("现行"));
}

#[tokio::test]
async fn no_source_names_people_who_help() {
    let path = format!("/qa?q={}", encoded("火星上有没有政务大厅"));
    let (status, _, text) = get(sample(), &path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        text.contains("没有找到可靠来源") && text.contains("12345"),
        "{text}"
    );
}

#[tokio::test]
async fn markup_in_questions_and_texts_stays_text() {
    let path = format!(
        "/qa?q={}",
        encoded("居住证\"><script>alert(1)</script>多少钱")
    );
    let (_, _, text) = get(sample(), &path).await;
    assert!(!text.contains("<script") && text.contains("&lt;script&gt;"));
    let evil = "---\n标题: <img src=x onerror=alert(1)>风筝许可\n---\n## <b>收费标准</b>\n\
        风筝许可<script>alert(2)</script>收费3元。\n";
    let base = || base_of(&[("a b/<i>.md", evil.as_bytes())]);
    let (_dir, kb) = base();
    let (_, _, answer) = get(kb, &format!("/qa?q={}", encoded("风筝许可多少钱"))).await;
    assert!(answer.contains("收费3元"), "{answer}");
    let (_dir, kb) = base();
    let (status, _, source) = get(kb, "/qa/source/a%20b/%3Ci%3E?start=90&end=99").await;
    assert_eq!(status, StatusCode::OK);
    for page in [answer, source] {
        assert!(!page.contains("<script") && !page.contains("<img src=x") && !page.contains("<b>"));
    }
}

#[tokio::test]
async fn source_links_with_wrong_places_are_harmless() {
    for query in [
        "start=0&end=5",
        "start=99&end=9",
        "start=99999999999999999999&end=3",
        "start=301&end=18446744073709551615",
        "start=-1&end=x",
    ] {
        let (status, _, text) = get(sample(), &format!("/qa/source/passport?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}");
        assert!(!text.contains("<mark"), "{query}");
    }
    for path in [
        "/qa/source/none",
        "/qa/source/../../etc/passwd",
        "/qa/source/%2e%2e%2fa",
    ] {
        let (status, head, _) = get(sample(), path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(head.contains_key(header::CONTENT_SECURITY_POLICY));
    }
}

#[tokio::test]
async fn the_json_form_is_stable() {
    let (status, answer) =
        post(r#"{"question": "护照加急几天能拿到", "as_of": "2026-01-15"}"#).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["schema"], "zhisuan.answer/1");
    assert_eq!(answer["outcome"], "answered");
    assert_eq!(answer["as_of"], "2026-01-15");
    let citation = &answer["sentences"][0]["citations"][0];
    let keys: Vec<_> = citation
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let wanted = [
        "document_id",
        "title",
        "issuer",
        "number",
        "place",
        "status",
        "effective_date",
        "section",
        "start_byte",
        "end_byte",
        "sha256",
    ];
    assert_eq!(keys, wanted);
    assert_eq!(citation["status"], "in_force");
    assert_eq!(citation["effective_date"], "2024-01-15");
    let (_, none) = post(r#"{"question": "怎么种西红柿产量高"}"#).await;
    assert_eq!(none["outcome"], "no_source");
    assert_eq!(none["hand_over"]["phone"], "12345");
    let path = format!("/api/qa/ask?question={}", encoded("护照多少钱"));
    let (status, _, text) = get(sample(), &path).await;
    assert_eq!((status, text.contains("120元")), (StatusCode::OK, true));
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    for (body, field) in [
        (json!({"question": " "}).to_string(), "question"),
        (
            json!({"question": "字".repeat(2001)}).to_string(),
            "question",
        ),
        (
            json!({"question": "居住证", "top_k": 0}).to_string(),
            "top_k",
        ),
        (
            json!({"question": "居住证", "as_of": "明天"}).to_string(),
            "as_of",
        ),
        (
            json!({"question": "居住证", "limit": 3}).to_string(),
            "body",
        ),
        ("{".to_owned(), "body"),
    ] {
        let (status, answer) = post(&body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer["schema"], "zhisuan.error/1");
        assert_eq!(answer["error"]["field"], field, "{answer}");
    }
    let (status, _, text) = get(sample(), "/api/qa/ask?question=a&top_k=many").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("top_k"));
    let huge = Request::post("/api/qa/ask")
        .body(Body::from(vec![b'a'; 1 << 20]))
        .unwrap();
    let (status, _, _) = send(sample(), huge).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}
