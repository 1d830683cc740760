//! Bounds: the gateway's own places, full replicas, replicas that are gone.

use crate::fake_replica::FakeReplica;
use crate::world::{KEY, chat, eventually, route, streamed, world, world_with};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use zhisuan_proto::v1::Routes;

#[tokio::test]
async fn one_request_more_than_the_limit_is_refused_at_once_and_places_come_back() {
    let world = world_with(2, None).await;
    let first = world.chat(&streamed("endless")).await;
    let second = world.chat(&streamed("endless")).await;
    let third = world.chat(&chat("hello")).await;
    assert_eq!(third.status(), 429);
    let seconds: u64 = third.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds));
    let body: Value = third.json().await.unwrap();
    assert_eq!(body["error"]["code"], "overloaded");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(
        world.get("/v1/models", KEY).await.status(),
        200,
        "cheap calls need no place"
    );
    drop((first, second));
    eventually("a place is free", || async {
        world.chat(&chat("hello")).await.status() == 200
    })
    .await;
}

async fn closed_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_replica_that_is_gone_is_passed_over_before_the_first_token() {
    let world = world().await;
    let gone = closed_address().await;
    world.scheduler.routes.send_replace(Routes {
        routes: vec![
            route("tiny", "", &[gone, world.replica_address]),
            route("lost", "", &[gone]),
        ],
        revision: 2,
    });
    eventually("new routes", || async {
        let health: Value = world.get("/healthz", "").await.json().await.unwrap();
        health["routes_revision"] == 2
    })
    .await;
    for _ in 0..4 {
        assert_eq!(world.chat(&chat("hello")).await.status(), 200);
    }
    let mut body = chat("hello");
    body["model"] = "lost".into();
    let response = world.chat(&body).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn load_is_spread_over_replicas() {
    let world = world().await;
    let other = FakeReplica::default();
    let address = crate::world::serve_replica(other.clone()).await;
    world.scheduler.routes.send_replace(Routes {
        routes: vec![route("tiny", "", &[world.replica_address, address])],
        revision: 2,
    });
    eventually("new routes", || async {
        let health: Value = world.get("/healthz", "").await.json().await.unwrap();
        health["routes_revision"] == 2
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(world.chat(&streamed("endless")).await);
    }
    assert_eq!(world.replica.asked.lock().unwrap().len(), 3);
    assert_eq!(other.asked.lock().unwrap().len(), 3);
    drop(open);
    eventually("all cancelled", || async {
        other.cancelled.load(Ordering::SeqCst) == 3
    })
    .await;
}
