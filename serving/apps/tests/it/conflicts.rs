//! Contradictions as the staff meets them, and the cookie of their session.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::browser::governed;
use crate::console::{KITE, call, enter, look, send, submit, token};

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_the_session_stays_off_plain_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let request = || {
        Request::post("/kb/signin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("key=key-of-anna"))
            .unwrap()
    };
    let (_, plain, _) = send(&site, request()).await;
    assert!(plain.ends_with("HttpOnly; SameSite=Strict"), "{plain}");
    site.published_at("https://qa.example.gov");
    let (_, tls, _) = send(&site, request()).await;
    assert!(tls.ends_with("HttpOnly; SameSite=Strict; Secure"), "{tls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contradictions_are_shown_with_both_sentences_and_become_work() {
    let folder = tempfile::tempdir().unwrap();
    let (_, site) = governed(folder.path());
    let (_, found) = call(
        &site,
        "key-of-anna",
        "/api/kb/conflicts?as_of=2026-01-15",
        None,
    )
    .await;
    let first = &found["items"][0];
    let side = |at: usize, name: &str| first["sides"][at][name].as_str().unwrap().to_owned();
    assert_eq!(
        (side(0, "value"), side(1, "value")),
        ("0.35元".into(), "0.45元".into())
    );
    assert_eq!(first["work"], Value::Null);
    let (_, anna) = enter(&site, "key-of-anna").await;
    let (_, _, page) = look(&site, &anna, "/kb/conflicts").await;
    for at in 0..2 {
        assert!(page.contains(&side(at, "sentence")), "{page}");
        // The links lead to the sentence itself.
        let (status, _, source) =
            look(&site, "", side(at, "href").split('#').next().unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        let marked = source.split("id=\"cited\"").nth(1).unwrap();
        assert!(marked.contains(&side(at, "value")), "{source}");
    }
    let id = first["id"].as_str().unwrap();
    let fields = format!("token={}&id={id}&as_of=2026-01-15", token(&page));
    let (status, place, _) = submit(&site, &anna, "conflict_work", &fields).await;
    assert_eq!(
        (status, place.as_str()),
        (StatusCode::SEE_OTHER, "/kb/work")
    );
    let (_, work) = call(&site, "key-of-boris", "/api/kb/work", None).await;
    let item = &work["items"][0];
    assert_eq!(item["kind"], "conflict");
    assert!(
        item["note"]
            .as_str()
            .unwrap()
            .contains(&side(1, "sentence")),
        "{work}"
    );
    // The same again is the same work, and both the page and programs say so.
    let again = json!({"id": id, "as_of": "2026-01-15"})
        .to_string()
        .into_bytes();
    let (_, again) = call(
        &site,
        "key-of-boris",
        "/api/kb/do/conflict_work",
        Some(again),
    )
    .await;
    assert_eq!(again["id"], item["id"]);
    let (_, found) = call(&site, "key-of-boris", "/api/kb/conflicts", None).await;
    assert_eq!(found["items"][0]["work"], item["id"]);
    let (status, _) = call(&site, "key-of-anna", "/api/kb/conflicts?as_of=morgen", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let none = Some(json!({"id": "none"}).to_string().into_bytes());
    let (status, _) = call(&site, "key-of-anna", "/api/kb/do/conflict_work", none).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_theme_in_two_scripts_is_one_theme() {
    let folder = tempfile::tempdir().unwrap();
    let (library, site) = governed(folder.path());
    let text = |theme: &str| {
        KITE.replacen("状态: 现行", &format!("主题: {theme}\n状态: 现行"), 1)
            .into_bytes()
    };
    for (name, theme) in [("kite-a", "風箏許可"), ("kite-b", "风筝许可")] {
        let path = format!("/api/kb/add?name={name}.md");
        let (status, added) = call(&site, "key-of-anna", &path, Some(text(theme))).await;
        assert_eq!(status, StatusCode::OK, "{added}");
        let shown = format!("/api/kb/version?document={name}");
        let (_, version) = call(&site, "key-of-boris", &shown, None).await;
        let id = json!({"document": name, "number": 1, "seen": version["seen"]})
            .to_string()
            .into_bytes();
        let (status, said) = call(&site, "key-of-boris", "/api/kb/do/publish", Some(id)).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }
    let close = |closed: bool, theme: &str| {
        Some(
            json!({"theme": theme, "closed": closed})
                .to_string()
                .into_bytes(),
        )
    };
    let switch = "/api/kb/do/switch_theme";
    call(&site, "key-of-anna", switch, close(true, "风筝许可")).await;
    let published = library.published("gov").unwrap();
    assert!(published.is_closed("風箏許可"));
    let (_, anna) = enter(&site, "key-of-anna").await;
    let (_, _, page) = look(&site, &anna, "/kb/words").await;
    let times = |word: &str| page.matches(word).count();
    assert_eq!(
        times("name=\"theme\" value=\"風箏許可\"") + times("name=\"theme\" value=\"风筝许可\""),
        1
    );
    let (status, _) = call(&site, "key-of-boris", switch, close(false, "風箏許可")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!library.published("gov").unwrap().is_closed("风筝许可"));
}
