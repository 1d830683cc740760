//! Who may do what: a key that was taken back, a base that is not for everybody, another base.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use serde_json::json;
use zhisuan_apps::kb::{Add, Audience, Library};
use zhisuan_apps::pages::{Desk, Site};
use zhisuan_apps::service::Qa;
use zhisuan_apps::staff::{Door, Entering, Person};

use crate::console::{call, enter, look, submit, token};
use crate::library::{NOW, guide};
use crate::support::DAY;

/// People whose keys are their names, as long as they are in the list.
#[derive(Clone, Default)]
struct Staff(Arc<Mutex<HashSet<&'static str>>>);

impl Door for Staff {
    fn enter<'a>(&'a self, secret: &'a str) -> Entering<'a> {
        let known = self.0.lock().unwrap().contains(secret);
        Box::pin(async move { known.then(|| Person::both(secret, secret)) })
    }
}

fn put(library: &Library, base: &str, name: &str, text: &str) {
    let add = Add {
        base: base.to_owned(),
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
        document: None,
        person: Person::both("import", "导入"),
        now_ms: NOW,
    };
    library.add(&add).unwrap();
}

/// A desk over the base `gov` of an audience, beside a base `inner`, each with a text that waits.
fn desk(folder: &std::path::Path, audience: &Audience) -> (Library, Staff, Site) {
    let library = Library::open(&folder.join("library.sqlite")).unwrap();
    let person = Person::both("import", "导入");
    library
        .put_base("gov", "政务", audience, &person, NOW)
        .unwrap();
    library
        .put_base("inner", "内部", &Audience::Staff, &person, NOW)
        .unwrap();
    put(&library, "gov", "parking.txt", &guide("2024-01-01", "80"));
    put(
        &library,
        "inner",
        "secret.txt",
        &guide("2024-01-01", "80").replace("停车证", "密件柜"),
    );
    let staff = Staff::default();
    staff.0.lock().unwrap().extend(["anna", "boris"]);
    let qa = Qa::over_on(&library, "gov", Arc::new(|| DAY)).unwrap();
    let desk = Desk::new(library.clone(), "gov", Arc::new(staff.clone()));
    (
        library,
        staff,
        Site::new(qa).with_desk(desk).behind_gateway("geheim"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_back_ends_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let (library, staff, site) = desk(folder.path(), &Audience::Public);
    let (_, anna) = enter(&site, "anna").await;
    let (status, _, page) = look(&site, &anna, "/kb/version/1/parking").await;
    assert_eq!(status, StatusCode::OK);
    let fields = format!("token={}&document=parking&number=1", token(&page));
    staff.0.lock().unwrap().remove("anna");
    let (status, place, _) = submit(&site, &anna, "publish", &fields).await;
    assert_eq!(
        (status, place.as_str()),
        (StatusCode::SEE_OTHER, "/kb/signin")
    );
    assert!(library.published("gov").unwrap().versions.is_empty());
    assert_eq!(look(&site, &anna, "/kb").await.0, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_of_named_people_is_closed_to_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let named = Audience::Named(vec!["boris".to_owned()]);
    let (_, _, site) = desk(folder.path(), &named);
    assert_eq!(enter(&site, "anna").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(enter(&site, "boris").await.0, StatusCode::SEE_OTHER);
    for path in [
        "/api/kb/versions",
        "/api/kb/work",
        "/api/kb/history",
        "/api/qa/status",
        "/qa",
    ] {
        assert_eq!(
            call(&site, "anna", path, None).await.0,
            StatusCode::FORBIDDEN,
            "{path}"
        );
        assert_eq!(
            call(&site, "boris", path, None).await.0,
            StatusCode::OK,
            "{path}"
        );
    }
    // As a model it would be there for everybody with a key of the gateway.
    let chat = json!({"model": "gov-qa", "messages": [{"role": "user", "content": "停车证"}]});
    let body = Some(chat.to_string().into_bytes());
    let (status, _) = call(&site, "geheim", "/qa/v1/chat/completions", body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_another_base_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _, site) = desk(folder.path(), &Audience::Public);
    let secret = "/api/kb/version?document=secret&number=1";
    assert_eq!(
        call(&site, "anna", secret, None).await.0,
        StatusCode::NOT_FOUND
    );
    let (_, anna) = enter(&site, "anna").await;
    for path in [
        "/kb/version/1/secret",
        "/kb/raw/1/secret",
        "/kb/diff/1/1/secret",
    ] {
        assert_eq!(
            look(&site, &anna, path).await.0,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for deed in [
        "publish",
        "withdraw",
        "repair",
        "drop_repairs",
        "head",
        "repeal",
    ] {
        let body = json!({
            "document": "secret", "number": 1, "reason": "x", "pick": "all", "from": "2026-01-01",
        });
        let body = Some(body.to_string().into_bytes());
        let (status, _) = call(&site, "anna", &format!("/api/kb/do/{deed}"), body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{deed}");
    }
    assert!(library.published("inner").unwrap().versions.is_empty());
}
