//! The pages as a browser sees them, on a fake port.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::testing::bench;
use crate::access::Role;
use crate::access::testing::key;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::Value;

const PAGES: [&str; 6] = [
    "/console",
    "/console/jobs",
    "/console/jobs/1",
    "/console/nodes",
    "/console/models",
    "/console/usage",
];

#[tokio::test]
async fn every_page_is_whole_without_script_and_has_a_json_twin() {
    let bench = bench();
    let cookie = bench.sign_in(Role::Operator, "");
    for path in PAGES {
        let seen = bench.get(path, &cookie).await;
        assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.text);
        assert!(seen.text.starts_with("<!DOCTYPE html>") && seen.text.contains("lang=\"zh-CN\""));
        assert!(
            !seen.text.contains("<script") && !seen.text.contains("style="),
            "{path}"
        );
        assert!(
            !seen.text.contains("<b>") && !seen.text.contains("<job>"),
            "not escaped: {path}"
        );
        assert!(seen.head.contains_key(header::CONTENT_SECURITY_POLICY));
        let twin = bench.get(&format!("{path}?format=json"), &cookie).await;
        assert_eq!(twin.head[header::CONTENT_TYPE], "application/json");
        let json: Value = serde_json::from_str(&twin.text).unwrap();
        assert!(json.is_object(), "{path}");
    }
}

#[tokio::test]
async fn the_overview_counts_what_is_connected() {
    let bench = bench();
    let cookie = bench.sign_in(Role::Auditor, "");
    let seen = bench.get("/console?format=json", &cookie).await;
    let json: Value = serde_json::from_str(&seen.text).unwrap();
    assert_eq!(
        json["fleet"]["devices"], 2,
        "lost nodes have nothing to give"
    );
    assert_eq!(json["fleet"]["device_milli_allocated"], 500);
    assert_eq!(json["fleet"]["cpu_milli_allocated"], 6500);
    assert_eq!((&json["running"], &json["waiting"]), (&1.into(), &1.into()));
    let attention = json["attention"].as_array().unwrap();
    assert_eq!(attention.len(), 2, "{attention:?}");
    let page = bench.get("/console", &cookie).await.text;
    assert!(
        page.contains("0.5 / 2") && page.contains("失联") && page.contains("5.50"),
        "{page}"
    );
}

#[tokio::test]
async fn a_job_is_told_in_words_with_its_log() {
    let bench = bench();
    let cookie = bench.sign_in(Role::Tenant, "acme");
    let page = bench.get("/console/jobs/1", &cookie).await.text;
    for part in [
        "运行中",
        "资源不足：需要 4 核",
        "1.23 元",
        "此处缺少 7 字节",
        "step 1 &lt;b&gt;",
        "http-equiv=\"refresh\"",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    let missing = bench.get("/console/jobs/99", &cookie).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text.contains("没有作业 99"));
    assert_eq!(
        bench.get("/console/jobs/x", &cookie).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn jobs_are_filtered_and_paged() {
    let bench = bench();
    let cookie = bench.sign_in(Role::Operator, "");
    let page = bench.get("/console/jobs?state=queued", &cookie).await.text;
    assert!(page.contains("/console/jobs/2") && !page.contains("/console/jobs/1\""));
    assert!(page.contains("token=t%261"), "the token is encoded");
    assert!(page.contains("<option value=\"queued\" selected>"));
    let last = bench.get("/console/jobs?token=t%261", &cookie).await.text;
    assert!(last.contains("回到第一页") && !last.contains("rel=\"next\""));
}

#[tokio::test]
async fn tenants_see_their_own_only() {
    let bench = bench();
    let cookie = bench.sign_in(Role::Tenant, "acme");
    let jobs = bench
        .get("/console/jobs?tenant=other&format=json", &cookie)
        .await
        .text;
    assert!(jobs.contains("of acme") && !jobs.contains("of other"));
    assert_eq!(
        bench.get("/console/jobs/2", &cookie).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        bench.get("/console/nodes", &cookie).await.status,
        StatusCode::FORBIDDEN
    );
    let overview = bench.get("/console?format=json", &cookie).await.text;
    let overview: Value = serde_json::from_str(&overview).unwrap();
    assert!(overview["fleet"].is_null());
    assert_eq!(overview["accounts"].as_array().unwrap().len(), 1);
    let usage = bench
        .get("/console/usage?tenant=other&format=json", &cookie)
        .await
        .text;
    let usage: Value = serde_json::from_str(&usage).unwrap();
    assert_eq!(usage["tenant"], "acme");
    let models = bench.get("/console/models?format=json", &cookie).await.text;
    assert!(
        !models.contains("77"),
        "jobs of others are not named: {models}"
    );
}

#[tokio::test]
async fn the_models_page_says_how_busy_replicas_are() {
    let bench = bench();
    let cookie = bench.sign_in(Role::Operator, "");
    let page = bench.get("/console/models", &cookie).await.text;
    let load = "3 进行，1 等待，KV 41%，900 词元/分，首词元 40 / 250 毫秒";
    assert!(page.contains(load), "{page}");
}

#[tokio::test]
async fn usage_takes_days_and_refuses_nonsense() {
    let bench = bench();
    let cookie = bench.sign_in(Role::Operator, "");
    let path = "/console/usage?tenant=acme&from=2026-08-01&to=2026-08-01&format=json";
    let json: Value = serde_json::from_str(&bench.get(path, &cookie).await.text).unwrap();
    let day = json["to_ms"].as_i64().unwrap() - json["from_ms"].as_i64().unwrap();
    assert_eq!(day, 86_400_000, "the last day is included");
    let page = bench.get("/console/usage?tenant=acme", &cookie).await.text;
    assert!(
        page.contains("2 × 1 分 0 秒") && page.contains("0.033333"),
        "{page}"
    );
    for wrong in [
        "from=yesterday",
        "to=2026-13-01",
        "from=9999-12-31&to=9999-12-31",
    ] {
        let refused = bench.get(&format!("/console/usage?{wrong}"), &cookie).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_link_is_used_up_by_the_form_not_by_looking() {
    let bench = bench();
    let (_, caller) = key(&bench.access, Role::Tenant, "acme");
    let (token, _) = bench.access.new_link(&caller, 1_790_000_100_000).unwrap();
    for _ in 0..2 {
        let seen = bench.get(&format!("/signin?token={token}"), "").await;
        assert!(seen.status == StatusCode::OK && seen.text.contains("进入控制台"));
    }
    let form = format!("token={token}");
    let entered = bench.post("/signin", "", &form).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    let set = entered.head[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Strict"),
        "{set}"
    );
    assert_eq!(
        bench.post("/signin", "", &form).await.status,
        StatusCode::UNAUTHORIZED
    );
    let cookie = set.split(';').next().unwrap().to_owned();
    assert_eq!(bench.get("/console", &cookie).await.status, StatusCode::OK);
    bench.post("/signout", &cookie, "").await;
    let out = bench.get("/console", &cookie).await;
    assert_eq!(
        (out.status, out.head[header::LOCATION].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/signin")
    );
}

#[tokio::test]
async fn strangers_and_other_roles_stay_outside() {
    let bench = bench();
    for path in PAGES {
        assert_eq!(
            bench.get(path, "zhisuan_session=guess").await.status,
            StatusCode::SEE_OTHER
        );
        let twin = bench.get(&format!("{path}?format=json"), "").await;
        assert_eq!(twin.status, StatusCode::UNAUTHORIZED);
        assert!(twin.text.contains("ZS-KEY-MISSING"), "{}", twin.text);
    }
    let worker = bench.sign_in(Role::Worker, "");
    assert_eq!(
        bench.get("/console", &worker).await.status,
        StatusCode::FORBIDDEN
    );
    // Programs read the JSON with a key.
    let (secret, _) = key(&bench.access, Role::Tenant, "acme");
    let request = Request::get("/console?format=json")
        .header(header::AUTHORIZATION, format!("Bearer {secret}"));
    let seen = bench.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(seen.status, StatusCode::OK);
    // A session ends after twelve hours.
    let cookie = bench.sign_in(Role::Tenant, "acme");
    bench.clock.set(1_790_000_100_000 + 12 * 3_600_000);
    assert_eq!(
        bench.get("/console", &cookie).await.status,
        StatusCode::SEE_OTHER
    );
}
