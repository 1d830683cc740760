//! Several bases behind one address: each with its own texts, people and permissions.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use zhisuan_apps::kb::{Audience, Library};
use zhisuan_apps::pages::{Bases, Desk, Site};
use zhisuan_apps::service::Qa;
use zhisuan_apps::staff::{Door, Entering, Person};

use crate::console::token;
use crate::library::{NOW, guide};
use crate::support::DAY;

/// Everybody of the staff has a key that is their id, and a name of their own.
struct Staff;

impl Door for Staff {
    fn enter<'a>(&'a self, secret: &'a str) -> Entering<'a> {
        let name = match secret {
            "key-anna" => "安娜",
            "key-boris" => "鲍里斯",
            "key-carol" => "卡罗",
            _ => return Box::pin(async { None }),
        };
        Box::pin(async move { Some(Person::both(secret, name)) })
    }
}

/// The pages of a library with the public base `gov`, which holds a text, and nothing else.
fn town(folder: &std::path::Path) -> (Library, Router) {
    let library = Library::open(&folder.join("library.sqlite")).unwrap();
    let person = Person::both("import", "目录导入");
    library
        .put_base("gov", "政务知识库", &Audience::Public, &person, NOW)
        .unwrap();
    let qa = Qa::over_on(&library, "gov", Arc::new(|| DAY)).unwrap();
    let desk = Desk::new(library.clone(), "gov", Arc::new(Staff));
    let router = Bases::new(Site::new(qa), desk).router();
    (library, router)
}

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, Vec<String>, String) {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let told = head.headers.get_all(header::SET_COOKIE).iter();
    let told = told.chain(head.headers.get(header::LOCATION));
    let told = told.map(|value| value.to_str().unwrap().to_owned());
    let bytes = to_bytes(body, 1 << 24).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (head.status, told.collect(), text)
}

/// As a program with a key, or without one where it is empty; an empty body asks.
async fn call(router: &Router, key: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let request = match body {
        "" => Request::get(path),
        _ => Request::post(path),
    };
    let request = match key {
        "" => request,
        key => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
    };
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let (status, _, text) = send(router, request).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn add_inner(router: &Router) {
    let base = json!({
        "base": "inner", "title": "内部知识库", "place": "云麓市",
        "audience": "key-anna、key-boris",
    });
    let path = "/api/kb/do/add_base";
    let (status, told) = call(router, "key-anna", path, &base.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(told["home"], "云麓市");
    let (status, told) = call(router, "key-anna", path, &base.to_string()).await;
    assert_eq!(
        (status, &told["error"]["code"]),
        (StatusCode::CONFLICT, &json!("ZS-KB-EXISTS"))
    );
}

/// Brings the parking guide into a base and publishes it.
async fn publish(router: &Router, base: &str, name: &str, text: &str) -> Value {
    let add = format!("/api/kb/add?name={name}&base={base}");
    let (status, added) = call(router, "key-anna", &add, text).await;
    assert_eq!(status, StatusCode::OK, "{added}");
    let body = json!({"document": added["document"], "number": 1}).to_string();
    let path = format!("/api/kb/do/publish?base={base}");
    let (status, told) = call(router, "key-boris", &path, &body).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    added
}

/// An answer of a base, as soon as it answers from what was published.
async fn answer(router: &Router, key: &str, base: &str) -> Value {
    let path = format!("/api/qa/ask?base={base}");
    for _ in 0..200 {
        let body = json!({"question": "停车证每月多少钱"}).to_string();
        let (status, answer) = call(router, key, &path, &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        if answer["outcome"] == "answered" {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{base} does not answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_base_is_made_filled_asked_and_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let (library, router) = town(folder.path());
    add_inner(&router).await;
    publish(&router, "inner", "permit.txt", &guide("2024-01-01", "80")).await;
    let told = answer(&router, "key-anna", "inner").await;
    assert!(
        told["sentences"][0]["text"]
            .as_str()
            .unwrap()
            .contains("80元")
    );
    // The first base knows nothing of it, and nobody else does.
    let question = json!({"question": "停车证每月多少钱"}).to_string();
    let (_, first) = call(&router, "", "/api/qa/ask", &question).await;
    assert_eq!(first["outcome"], "no_evidence", "{first}");
    let kept = format!("/api/qa/answers/{}", told["id"].as_str().unwrap());
    let said = format!("{kept}?base=inner");
    for key in ["", "key-carol", "key-of-a-tenant"] {
        let (status, told) = call(&router, key, &kept, "").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{told}");
        for (path, body) in [
            ("/api/qa/ask?base=inner", question.as_str()),
            ("/api/qa/status?base=inner", ""),
            ("/api/kb/versions?base=inner", ""),
            ("/api/kb/do/home?base=inner", "{\"place\": \"临江市\"}"),
            (said.as_str(), ""),
        ] {
            let (status, told) = call(&router, key, path, body).await;
            let closed = [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED];
            assert!(closed.contains(&status), "{key} {path} {told}");
            assert!(!told.to_string().contains("80元"), "{told}");
        }
        let (_, told) = call(&router, key, "/api/kb/bases", "").await;
        assert!(!told.to_string().contains("inner"), "{told}");
    }
    let (_, bases) = call(&router, "key-boris", "/api/kb/bases", "").await;
    assert_eq!(bases["items"].as_array().map(Vec::len), Some(2));
    let (_, mine) = call(&router, "key-boris", &kept, "").await;
    assert_eq!(mine["id"], told["id"]);
    let (status, told) = call(&router, "key-anna", "/api/kb/versions?base=inne", "").await;
    assert_eq!(
        (status, &told["error"]["code"], &told["error"]["field"]),
        (
            StatusCode::NOT_FOUND,
            &json!("ZS-KB-UNKNOWN"),
            &json!("base")
        )
    );
    assert!(library.published("gov").unwrap().versions.is_empty());
    // Nothing can be said of an answer, or done to it, from another base.
    let id = &mine["id"];
    let erase = json!({"id": id}).to_string();
    let erased = call(&router, "key-carol", "/api/kb/do/erase", &erase).await;
    assert_eq!(erased.0, StatusCode::NOT_FOUND);
    let opinion = json!({"id": id, "verdict": "helpful"}).to_string();
    let (status, _) = call(&router, "key-carol", "/api/qa/feedback", &opinion).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_names_no_text_of_another_base() {
    let folder = tempfile::tempdir().unwrap();
    let (_, router) = town(folder.path());
    add_inner(&router).await;
    let text = guide("2024-01-01", "80").replace("停车证办事指南", "密件停车证办事指南");
    publish(&router, "inner", "secret.txt", &text).await;
    // The same words and the same number, by somebody who may not see the other base.
    let path = "/api/kb/add?name=parking.txt";
    let (status, added) = call(&router, "key-carol", path, &guide("2024-01-01", "80")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!added.to_string().contains("密件"), "{added}");
    assert!(!added.to_string().contains("secret"), "{added}");
    assert_eq!(added["stage"], "ready", "{added}");
    let path = "/api/kb/add?name=secret.txt";
    let (status, told) = call(&router, "key-carol", path, "密件柜开放时间为每天九点。").await;
    assert_eq!(
        (status, &told["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!("ZS-FIELD"))
    );
    assert!(!told.to_string().contains("inner"), "{told}");
    // Within its own base it is still named.
    let path = "/api/kb/add?name=again.txt&base=inner";
    let (_, added) = call(&router, "key-anna", path, &text).await;
    assert!(added.to_string().contains("几乎逐字相同"), "{added}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_with_the_base_that_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let (library, router) = town(folder.path());
    add_inner(&router).await;
    publish(&router, "inner", "permit.txt", &guide("2024-01-01", "80")).await;
    let told = answer(&router, "key-anna", "inner").await;
    let enter = Request::post("/kb/signin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("key=key-anna"))
        .unwrap();
    let (_, session, _) = send(&router, enter).await;
    let session = session[0].split(';').next().unwrap().to_owned();
    let look = |path: &str, cookie: String| {
        let request = Request::get(path).header(header::COOKIE, cookie);
        send(&router, request.body(Body::empty()).unwrap())
    };
    let (_, _, first) = look("/kb", session.clone()).await;
    assert!(
        first.contains("/kb?base=inner") && !first.contains("停车证"),
        "{first}"
    );
    let (status, chosen, page) = look("/kb?base=inner", session.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(chosen[0].starts_with("zhisuan_base=inner;"), "{chosen:?}");
    assert!(page.contains("知识库管理 · 内部知识库"), "{page}");
    let both = format!("{session}; zhisuan_base=inner");
    let (_, _, page) = look("/kb/version/1/permit", both.clone()).await;
    // People go by their names there.
    assert!(page.contains("安娜 入库或修改；鲍里斯 发布"), "{page}");
    assert!(!page.contains("key-boris"), "{page}");
    // A form of one base is not taken for another.
    let (_, _, words) = look("/kb/words", session.clone()).await;
    let form = Request::post("/kb/do/home")
        .header(header::COOKIE, &both)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("token={}&place=x", token(&words))))
        .unwrap();
    assert_eq!(send(&router, form).await.0, StatusCode::FORBIDDEN);
    let homes: Vec<_> = library.bases().into_iter().map(|info| info.home).collect();
    assert_eq!(homes, [None, Some("云麓市".to_owned())]);
    // Sources and answers are found without being told the base, by whom it admits alone.
    let answer = format!("/qa/answer/{}", told["id"].as_str().unwrap());
    for path in ["/qa/source/permit?version=1", answer.as_str()] {
        let (status, _, page) = look(path, session.clone()).await;
        assert!(
            status == StatusCode::OK && page.contains("停车证"),
            "{path} {page}"
        );
        // To others it is as if there were no such thing.
        let (status, _, page) = look(path, String::new()).await;
        assert!(
            status == StatusCode::NOT_FOUND && !page.contains("停车证"),
            "{path}"
        );
    }
    assert_eq!(
        look("/kb?base=nowhere", session).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_repair_makes_no_version() {
    let folder = tempfile::tempdir().unwrap();
    let (library, router) = town(folder.path());
    publish(&router, "gov", "parking.txt", &guide("2024-01-01", "80")).await;
    let body = json!({"document": "parking", "number": 1, "pick": ["all"]}).to_string();
    for deed in ["repair", "drop_repairs"] {
        let path = format!("/api/kb/do/{deed}");
        let (status, told) = call(&router, "key-anna", &path, &body).await;
        assert_eq!(
            (status, &told["error"]["code"]),
            (StatusCode::CONFLICT, &json!("ZS-KB-NOTHING")),
            "{told}"
        );
    }
    assert_eq!(library.versions("gov", None).unwrap().len(), 1);
}
