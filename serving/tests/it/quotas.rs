//! Limits per minute with true headers, and the fair queue in front of the places.

use crate::world::{World, chat, eventually, streamed, world_of};
use serde_json::Value;
use std::time::Duration;
use zhisuan_proto::v1::{Key, Limits};
use zhisuan_serving::{Operations, Rates};

/// A key of the hospital with limits of its own.
fn limited(world: &World, requests_per_minute: u32, tokens_per_minute: u64) {
    let key = Key {
        id: "id-limited".to_owned(),
        tenant: "hospital".to_owned(),
        role: "tenant".to_owned(),
        limits: Some(Limits {
            requests_per_minute,
            tokens_per_minute,
            priority: 0,
        }),
        ..Key::default()
    };
    let mut keys = world.scheduler.keys.lock().unwrap();
    keys.insert("zs-limited".to_owned(), key);
}

async fn ask(world: &World, body: &Value) -> reqwest::Response {
    world
        .http
        .post(format!("{}/v1/chat/completions", world.base))
        .bearer_auth("zs-limited")
        .json(body)
        .send()
        .await
        .unwrap()
}

fn number(response: &reqwest::Response, header: &str) -> u64 {
    response.headers()[header]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn requests_per_minute_are_told_in_headers_and_refused_with_a_true_time() {
    let world = world_of(8, None, Operations::default()).await;
    limited(&world, 2, 0);
    let first = ask(&world, &chat("hello")).await;
    assert_eq!(first.status(), 200);
    assert_eq!(number(&first, "x-ratelimit-limit-requests"), 2);
    assert_eq!(number(&first, "x-ratelimit-remaining-requests"), 1);
    assert!(first.headers().contains_key("x-ratelimit-reset-requests"));
    assert!(!first.headers().contains_key("x-ratelimit-limit-tokens"));
    assert_eq!(ask(&world, &chat("hello")).await.status(), 200);
    let refused = ask(&world, &chat("hello")).await;
    assert_eq!(refused.status(), 429);
    // Two a minute: the next one is there within thirty seconds.
    assert!((1..=30).contains(&number(&refused, "retry-after")));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    assert_eq!(body["error"]["type"], "requests");
    assert_eq!(
        world.chat(&chat("hello")).await.status(),
        200,
        "another key"
    );
}

#[tokio::test]
async fn tokens_are_estimated_before_and_put_right_after() {
    let world = world_of(8, None, Operations::default()).await;
    limited(&world, 0, 150);
    let short = |order: &str| {
        let mut body = chat(order);
        body["max_tokens"] = 20.into();
        body
    };
    let first = ask(&world, &short("hello")).await;
    assert_eq!(first.status(), 200);
    let estimated = 150 - number(&first, "x-ratelimit-remaining-tokens");
    assert!(estimated > 13, "{estimated}");
    drop(first.text().await.unwrap());
    eventually("put right to the 13 tokens that were used", || async {
        let again = ask(&world, &short("too long")).await;
        // A refused answer costs nothing, so only the first one's tokens and this estimate are gone.
        150 - number(&again, "x-ratelimit-remaining-tokens") <= estimated + 13
    })
    .await;
    let mut large = chat(&"很".repeat(3_000));
    large["max_tokens"] = 10.into();
    let refused = ask(&world, &large).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["x-should-retry"], "false");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["type"], "tokens");
    assert!(
        world
            .scheduler
            .authorized
            .lock()
            .unwrap()
            .iter()
            .all(|hold| hold.max_prompt_tokens < 9_000)
    );
}

#[tokio::test]
async fn the_gateways_own_limits_bind_tenants_without_any() {
    let operations = Operations {
        tenant_limits: Rates {
            requests_per_minute: 1,
            tokens_per_minute: 0,
        },
        ..Operations::default()
    };
    let world = world_of(8, None, operations).await;
    assert_eq!(world.chat(&chat("hello")).await.status(), 200);
    let refused = world.chat(&chat("hello")).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.text().await.unwrap().contains("tenant"));
}

#[tokio::test]
async fn a_request_waits_its_turn_and_is_refused_after_its_patience() {
    let mut operations = Operations::default();
    operations.queue.waiting = 1;
    operations.queue.patience = Duration::from_millis(300);
    let world = world_of(1, None, operations).await;
    let running = world.chat(&streamed("endless")).await;
    let refused = world.chat(&chat("hello")).await;
    assert_eq!(refused.status(), 429);
    assert!(number(&refused, "retry-after") >= 1);
    assert!(refused.text().await.unwrap().contains("waited"));
    let body = chat("hello");
    let (answer, ()) = tokio::join!(world.chat(&body), async {
        eventually("it waits", || async {
            let health: Value = world.get("/healthz", "").await.json().await.unwrap();
            health["waiting"] == 1
        })
        .await;
        drop(running);
    });
    assert_eq!(
        answer.status(),
        200,
        "the place came free within its patience"
    );
    let metrics = world.get("/metrics", "").await.text().await.unwrap();
    assert!(
        metrics.contains("zhisuan_gateway_requests_refused_total{code=\"overloaded\"} 1"),
        "{metrics}"
    );
}
