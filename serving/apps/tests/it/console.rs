//! The knowledge console as two clerks use it, through the router.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;
use zhisuan_apps::pages::{self, Site};

use crate::browser::governed;

pub(crate) const KITE: &str = "---\n标题: 风筝放飞许可办事指南\n发布机构: 云麓市文化局\n适用地区: 云麓市\n状态: 现行\n---\n\n# 风筝放飞许可办事指南\n\n## 收费标准\n\n风筝放飞许可收费3元。\n";

pub(crate) async fn send(site: &Site, request: Request<Body>) -> (StatusCode, String, String) {
    let answer = pages::router(site.clone()).oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let cookie = head
        .headers
        .get(header::SET_COOKIE)
        .map(|value| value.to_str().unwrap().to_owned());
    let place = head
        .headers
        .get(header::LOCATION)
        .map(|value| value.to_str().unwrap().to_owned());
    let bytes = to_bytes(body, 1 << 24).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (head.status, cookie.or(place).unwrap_or_default(), text)
}

pub(crate) async fn enter(site: &Site, key: &str) -> (StatusCode, String) {
    let request = Request::post("/kb/signin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("key={key}")))
        .unwrap();
    let (status, cookie, _) = send(site, request).await;
    (status, cookie.split(';').next().unwrap().to_owned())
}

pub(crate) async fn look(site: &Site, cookie: &str, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path)
        .header(header::COOKIE, cookie)
        .body(Body::empty())
        .unwrap();
    send(site, request).await
}

/// The token that every form of a session carries.
pub(crate) fn token(page: &str) -> &str {
    let after = page.split("name=\"token\" value=\"").nth(1).unwrap();
    after.split('"').next().unwrap()
}

pub(crate) async fn submit(
    site: &Site,
    cookie: &str,
    deed: &str,
    fields: &str,
) -> (StatusCode, String, String) {
    let request = Request::post(format!("/kb/do/{deed}"))
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(fields.to_owned()))
        .unwrap();
    send(site, request).await
}

pub(crate) async fn call(
    site: &Site,
    key: &str,
    path: &str,
    body: Option<Vec<u8>>,
) -> (StatusCode, Value) {
    let builder = match body {
        Some(_) => Request::post(path),
        None => Request::get(path),
    };
    let request = builder
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::from(body.unwrap_or_default()))
        .unwrap();
    let (status, _, text) = send(site, request).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_nothing_and_clerks_see_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    for path in [
        "/kb",
        "/kb/documents",
        "/kb/work",
        "/kb/conflicts",
        "/kb/words",
        "/kb/questions",
        "/kb/tickets",
        "/kb/add",
    ] {
        let (status, place, _) = look(&site, "", path).await;
        assert_eq!(
            (status, place.as_str()),
            (StatusCode::SEE_OTHER, "/kb/signin"),
            "{path}"
        );
    }
    assert_eq!(enter(&site, "wrong").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        call(&site, "wrong", "/api/kb/versions", None).await.0,
        StatusCode::UNAUTHORIZED
    );
    let (status, anna) = enter(&site, "key-of-anna").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    for path in [
        "/kb",
        "/kb/documents",
        "/kb/work",
        "/kb/conflicts",
        "/kb/words",
        "/kb/questions",
        "/kb/tickets",
        "/kb/add",
        "/kb/version/1/residence-permit",
    ] {
        let (status, _, page) = look(&site, &anna, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(page.contains("安娜") && !page.contains("<script"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_a_person_changed_takes_two_people() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let body = Some(KITE.as_bytes().to_vec());
    let (status, added) = call(&site, "key-of-anna", "/api/kb/add?name=kite.md", body).await;
    assert_eq!(
        (status, &added["stage"]),
        (StatusCode::OK, &json!("ready")),
        "{added}"
    );
    let head = json!({"document": "kite", "number": 1, "issuer": "云麓市文化和旅游局"});
    let head = Some(head.to_string().into_bytes());
    assert_eq!(
        call(&site, "key-of-anna", "/api/kb/do/head", head).await.0,
        StatusCode::OK
    );
    let (_, anna) = enter(&site, "key-of-anna").await;
    let (_, boris) = enter(&site, "key-of-boris").await;
    let (_, _, page) = look(&site, &anna, "/kb/version/1/kite").await;
    assert!(page.contains("须由另一人发布"), "{page}");
    let seen = |page: &str| {
        let after = page
            .split("name=\"seen\" value=\"")
            .nth(1)
            .unwrap_or_default();
        after.split('"').next().unwrap_or_default().to_owned()
    };
    let (_, _, other) = look(&site, &boris, "/kb/version/1/kite").await;
    let fields = |page: &str| {
        let seen = seen(&other);
        format!("token={}&document=kite&number=1&seen={seen}", token(page))
    };
    let (status, _, refused) = submit(&site, &anna, "publish", &fields(&page)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refused}");
    // Anna's token is of no use in Boris' session.
    let (status, _, _) = submit(&site, &boris, "publish", &fields(&page)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    // What was not looked at is not published.
    let blind = format!("token={}&document=kite&number=1", token(&other));
    let (status, _, refused) = submit(&site, &boris, "publish", &blind).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
    let (status, place, _) = submit(&site, &boris, "publish", &fields(&other)).await;
    assert_eq!(
        (status, place.as_str()),
        (StatusCode::SEE_OTHER, "/kb/version/1/kite")
    );
    let (_, published) = call(
        &site,
        "key-of-anna",
        "/api/kb/versions?stage=published",
        None,
    )
    .await;
    let items = published["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["id"]["document"] == "kite"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_question_becomes_work_that_a_clerk_closes() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let path = "/api/qa/ask?question=%E7%81%AB%E6%98%9F%E4%B8%8A%E6%9C%89%E6%B2%A1%E6%9C%89%E6%94%BF%E5%8A%A1%E5%A4%A7%E5%8E%85";
    let (_, answer) = call(&site, "", path, None).await;
    assert_eq!(answer["outcome"], "no_evidence", "{answer}");
    let (_, work) = call(&site, "key-of-anna", "/api/kb/work", None).await;
    let item = &work["items"][0];
    assert_eq!(item["kind"], "unanswered", "{work}");
    let done = json!({"id": item["id"], "outcome": "不属于政务事项"})
        .to_string()
        .into_bytes();
    let (status, closed) = call(&site, "key-of-anna", "/api/kb/do/close_work", Some(done)).await;
    assert_eq!(status, StatusCode::OK, "{closed}");
    let (_, work) = call(&site, "key-of-anna", "/api/kb/work", None).await;
    assert_eq!(work["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_says_whether_nothing_answered_or_only_a_draft_did() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let ask = async |question: &str| {
        let body = json!({"question": question, "as_of": "2026-01-15"});
        let body = Some(body.to_string().into_bytes());
        call(&site, "", "/api/qa/ask", body).await.1
    };
    let draft = ask("夜间停车证每个月多少钱").await;
    assert_eq!(
        (&draft["outcome"], &draft["reason"]),
        (&json!("not_in_force"), &json!("draft")),
        "{draft}"
    );
    let nothing = ask("火星上有没有政务大厅").await;
    assert_eq!(nothing["outcome"], "no_evidence", "{nothing}");
    let person = json!({"id": draft["id"], "verdict": "person"})
        .to_string()
        .into_bytes();
    let (status, said) = call(&site, "", "/api/qa/feedback", Some(person)).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{said}");
    let (_, work) = call(&site, "key-of-anna", "/api/kb/work", None).await;
    let told: Vec<(&str, &str)> = work["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (
                item["kind"].as_str().unwrap(),
                item["note"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("person", "市民要求人工答复"),
            ("unanswered", "有相近的文件，但没有写明所问的内容"),
            ("not_in_force", "只有草案写到，已按草案作答并注明尚未施行"),
        ]
    );
    let cookie = enter(&site, "key-of-anna").await.1;
    let (_, _, page) = look(&site, &cookie, "/kb/work").await;
    for label in ["没有现行依据", "未能回答", "要求人工"] {
        assert!(page.contains(label), "{label}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_theme_that_is_closed_is_seen_and_synonyms_wait_for_a_second_clerk() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let body = |value: Value| Some(value.to_string().into_bytes());
    let closed = body(json!({"theme": "户籍证件", "closed": true}));
    assert_eq!(
        call(&site, "key-of-anna", "/api/kb/do/switch_theme", closed)
            .await
            .0,
        StatusCode::OK
    );
    let word = body(json!({"word": "炒更", "means": "兼职"}));
    assert_eq!(
        call(&site, "key-of-anna", "/api/kb/do/propose_synonym", word)
            .await
            .0,
        StatusCode::OK
    );
    let accept = || body(json!({"word": "炒更", "means": "兼职", "accept": true}));
    let (status, refused) = call(&site, "key-of-anna", "/api/kb/do/settle_synonym", accept()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refused}");
    let (status, _) = call(&site, "key-of-boris", "/api/kb/do/settle_synonym", accept()).await;
    assert_eq!(status, StatusCode::OK);
    let (_, words) = call(&site, "key-of-boris", "/api/kb/words", None).await;
    assert_eq!(
        (&words["closed_themes"], &words["items"][0]["word"]),
        (&json!(["户籍证件"]), &json!("炒更"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_corrects_repeals_compares_and_erases() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let body = |value: Value| Some(value.to_string().into_bytes());
    let key = "key-of-anna";
    let added = call(
        &site,
        key,
        "/api/kb/add?name=kite.md",
        Some(KITE.as_bytes().to_vec()),
    )
    .await;
    assert_eq!(added.0, StatusCode::OK, "{}", added.1);
    let head = body(json!({
        "document": "kite", "number": 1, "declared": "in_force", "written": "2025-02-01",
        "published": "2025-02-03", "supersedes": "风筝管理须知、云麓文〔2019〕1号",
    }));
    let (status, done) = call(&site, key, "/api/kb/do/head", head).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    let (_, version) = call(&site, key, "/api/kb/version?document=kite", None).await;
    assert_eq!(
        (&version["head"]["written"], &version["head"]["supersedes"]),
        (
            &json!("2025-02-01"),
            &json!(["风筝管理须知", "云麓文〔2019〕1号"])
        )
    );
    let unseen = body(json!({"document": "kite", "number": 1}));
    let (_, refused) = call(&site, "key-of-boris", "/api/kb/do/publish", unseen).await;
    assert_eq!(refused["error"]["field"], "seen", "{refused}");
    let seen = body(json!({"document": "kite", "number": 1, "seen": version["seen"]}));
    let (status, done) = call(&site, "key-of-boris", "/api/kb/do/publish", seen).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    let ended = body(json!({"document": "kite", "number": 1, "from": "2030-01-01"}));
    let (status, ended) = call(&site, key, "/api/kb/do/repeal", ended).await;
    assert_eq!(
        (status, &ended["number"]),
        (StatusCode::OK, &json!(2)),
        "{ended}"
    );
    let second = KITE.replace("收费3元", "收费5元").into_bytes();
    call(&site, key, "/api/kb/add?name=kite.md", Some(second)).await;
    let (_, diff) = call(&site, key, "/api/kb/diff?document=kite&from=1&to=3", None).await;
    let gone = diff["items"].as_array().unwrap().iter();
    let gone: Vec<_> = gone.filter(|item| item["change"] == "gone").collect();
    assert_eq!(gone.len(), 1, "{diff}");
    let (_, anna) = enter(&site, key).await;
    let (_, _, page) = look(&site, &anna, "/kb/version/1/kite").await;
    for field in ["declared", "supersedes", "written", "published", "from"] {
        assert!(page.contains(&format!("name=\"{field}\"")), "{field}");
    }
    // An answer and what became work of it are forgotten together.
    let path = "/api/qa/ask?question=%E7%81%AB%E6%98%9F%E4%B8%8A%E6%9C%89%E6%B2%A1%E6%9C%89%E6%94%BF%E5%8A%A1%E5%A4%A7%E5%8E%85";
    let (_, answer) = call(&site, "", path, None).await;
    let erase = body(json!({"id": answer["id"]}));
    let (status, done) = call(&site, "key-of-boris", "/api/kb/do/erase", erase).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    let (_, work) = call(&site, key, "/api/kb/work", None).await;
    assert_eq!(work["items"][0]["question"], "", "{work}");
}
