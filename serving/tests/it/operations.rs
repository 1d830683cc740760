//! Pages for machines, application pages beside the interface, options that are refused.

use crate::world::{chat, world, world_with};
use axum::Router;
use axum::routing::get;
use std::net::SocketAddr;
use std::time::Duration;
use zhisuan_serving::{Operations, Options, start};

#[tokio::test]
async fn metrics_name_the_times_of_the_field_and_no_tenant() {
    let world = world().await;
    world.chat(&chat("hello")).await.text().await.unwrap();
    let response = world.get("/metrics", "").await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    for line in [
        "zhisuan_gateway_time_to_first_token_seconds_count{model=\"tiny\"} 1",
        "zhisuan_gateway_inter_token_latency_seconds_count{model=\"tiny\"} 5",
        "zhisuan_gateway_prompt_tokens_total{model=\"tiny\"} 7",
        "zhisuan_gateway_generation_tokens_total{model=\"tiny\"} 6",
        "zhisuan_gateway_requests_total{endpoint=\"chat_completions\",status=\"200\"} 1",
        "zhisuan_gateway_requests_inflight 0",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    for name in [
        "e2e_request_latency_seconds",
        "request_queue_time_seconds",
        "num_requests_running",
        "num_requests_waiting",
    ] {
        assert!(
            text.contains(&format!("zhisuan_gateway_{name}")),
            "{name} in\n{text}"
        );
    }
    assert!(!text.contains("hospital") && !text.contains("zs-"));
}

#[tokio::test]
async fn application_pages_live_beside_the_interface() {
    let pages = Router::new()
        .route("/apps", get(|| async { "页面" }))
        .fallback(|| async { (axum::http::StatusCode::NOT_FOUND, "没有这一页") });
    let world = world_with(4, Some(pages)).await;
    assert_eq!(world.get("/apps", "").await.text().await.unwrap(), "页面");
    let absent = world.get("/apps/none", "").await;
    assert_eq!(
        (
            absent.status().as_u16(),
            absent.text().await.unwrap().as_str()
        ),
        (404, "没有这一页")
    );
    let own = world.get("/v1/none", "").await.text().await.unwrap();
    assert!(own.contains("unknown_url"), "{own}");
}

#[tokio::test]
async fn a_gateway_without_its_scheduler_says_that_it_is_not_ready() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gateway = start(options("http://127.0.0.1:9")).await.unwrap();
    let base = format!("http://{}", gateway.address());
    let health = reqwest::get(format!("{base}/healthz")).await.unwrap();
    assert_eq!(health.status(), 503);
    let request = reqwest::Client::new().get(format!("{base}/v1/models"));
    let answer = request.bearer_auth("zs-any").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("scheduler_unavailable")
    );
    gateway.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_gateway_with_a_wrong_key_does_not_blame_its_callers() {
    let world = world().await;
    let gateway = start(options(&world.scheduler_url)).await.unwrap();
    let request = world
        .http
        .get(format!("http://{}/v1/models", gateway.address()));
    let answer = request.bearer_auth(crate::world::KEY).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("scheduler_unavailable")
    );
    gateway.shutdown(Duration::from_secs(1)).await;
}

fn options(scheduler_url: &str) -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        scheduler_url: scheduler_url.to_owned(),
        key: "zs-secret-of-the-gateway".to_owned(),
        max_inflight: 4,
        extra: None,
        operations: Operations::default(),
    }
}

#[tokio::test]
async fn unusable_options_are_refused_by_name_without_the_secret() {
    let mut none = options("http://127.0.0.1:9");
    none.max_inflight = 0;
    let mut key = options("http://127.0.0.1:9");
    key.key = "line\nbreak".to_owned();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut listen = options("http://127.0.0.1:9");
    listen.listen = taken.local_addr().unwrap();
    for (options, word, code) in [
        (none, "max_inflight", "ZS-GATEWAY-OPTION"),
        (key, "key", "ZS-GATEWAY-OPTION"),
        (options("ftp://x"), "scheduler_url", "ZS-GATEWAY-OPTION"),
        (options("not a url"), "scheduler_url", "ZS-GATEWAY-OPTION"),
        (listen, "listen", "ZS-GATEWAY-LISTEN"),
    ] {
        assert!(!format!("{options:?}").contains("secret"));
        let Err(error) = start(options).await else {
            panic!("{word} was accepted")
        };
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.code(), code);
        assert!(!error.to_string().contains("break"), "{error}");
    }
}
