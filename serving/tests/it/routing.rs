//! Routes of one name by weight, sleepers that are woken, replicas by cached prompt.

use crate::fake_replica::FakeReplica;
use crate::world::{World, chat, eventually, route, serve_replica, streamed, world, world_of};
use serde_json::{Value, json};
use std::time::Duration;
use zhisuan_proto::v1::Route;
use zhisuan_serving::Operations;

fn asked(replica: &FakeReplica) -> usize {
    replica.asked.lock().unwrap().len()
}

fn share(deployment: &str, weight: u32, address: std::net::SocketAddr) -> Route {
    Route {
        deployment: deployment.to_owned(),
        weight,
        ..route("tiny", "", &[address])
    }
}

#[tokio::test]
async fn a_name_is_divided_by_weight_and_a_conversation_stays_with_its_version() {
    let world = world().await;
    let canary = FakeReplica::default();
    let address = serve_replica(canary.clone()).await;
    let shares = |stable, new| {
        vec![
            share("v1", stable, world.replica_address),
            share("v2", new, address),
        ]
    };
    world.reroute(shares(3, 1), 2).await;
    for number in 0..80 {
        let response = world.chat(&chat(&format!("question {number}"))).await;
        assert_eq!(response.status(), 200);
    }
    let (stable, new) = (asked(&world.replica), asked(&canary));
    assert_eq!(stable + new, 80);
    assert!((8..=34).contains(&new), "{new} of 80 at a quarter");
    // Later turns of one conversation go where its first went, also with a cached answer between.
    let mut body = chat("begin");
    for turn in 0..6 {
        assert_eq!(world.chat(&body).await.status(), 200);
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": "ok"}));
        messages.push(json!({"role": "user", "content": format!("turn {turn}")}));
    }
    let moved = (asked(&world.replica) - stable, asked(&canary) - new);
    assert!(matches!(moved, (6, 0) | (0, 6)), "{moved:?}");
    // Back to the old version: nothing more for the new one, and no request is lost.
    world.reroute(shares(1, 0), 3).await;
    let before = asked(&canary);
    for number in 0..10 {
        assert_eq!(
            world.chat(&chat(&format!("again {number}"))).await.status(),
            200
        );
    }
    assert_eq!(asked(&canary), before);
}

#[tokio::test]
async fn a_version_whose_replicas_died_hands_over_to_its_sibling() {
    let world = world().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let routes = vec![share("v1", 1, gone), share("v2", 1, world.replica_address)];
    world.reroute(routes, 2).await;
    for number in 0..10 {
        assert_eq!(world.chat(&chat(&format!("q{number}"))).await.status(), 200);
    }
    assert_eq!(asked(&world.replica), 10);
}

fn asleep() -> Route {
    Route {
        wakes: true,
        ..route("tiny", "", &[])
    }
}

fn demand_of_tiny(world: &World) -> (u32, u32) {
    let reports = world.scheduler.demand.lock().unwrap();
    let last = reports
        .last()
        .map(|report| report.demand.clone())
        .unwrap_or_default();
    last.iter()
        .filter(|route| route.deployment == "tiny")
        .fold((0, 0), |sum, route| {
            (sum.0 + route.running, sum.1 + route.waiting)
        })
}

#[tokio::test]
async fn a_sleeping_model_is_wanted_and_its_first_request_waits_for_it() {
    let world = world().await;
    world.reroute(vec![asleep()], 2).await;
    let body = chat("hello");
    let (answer, ()) = tokio::join!(world.chat(&body), async {
        eventually("the scheduler hears of it", || async {
            demand_of_tiny(&world) == (0, 1)
        })
        .await;
        world
            .reroute(vec![route("tiny", "", &[world.replica_address])], 3)
            .await;
    });
    assert_eq!(answer.status(), 200);
    let running = world.chat(&streamed("endless")).await;
    eventually("one runs", || async { demand_of_tiny(&world) == (1, 0) }).await;
    drop(running);
    eventually("none does", || async { demand_of_tiny(&world) == (0, 0) }).await;
}

#[tokio::test]
async fn a_model_that_does_not_wake_in_time_is_refused_with_the_reason() {
    let mut operations = Operations::default();
    operations.queue.patience = Duration::from_millis(200);
    let world = world_of(4, None, operations).await;
    world.reroute(vec![asleep()], 2).await;
    let response = world.chat(&chat("hello")).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "model_not_ready");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("asleep"),
        "{body}"
    );
    assert!(
        world.scheduler.authorized.lock().unwrap().is_empty(),
        "no money was held"
    );
}

#[tokio::test]
async fn a_long_prompt_goes_back_to_the_replica_that_has_read_it() {
    let world = world().await;
    let mut replicas = vec![world.replica.clone()];
    let mut addresses = vec![world.replica_address];
    for _ in 0..3 {
        let replica = FakeReplica::default();
        addresses.push(serve_replica(replica.clone()).await);
        replicas.push(replica);
    }
    world.reroute(vec![route("tiny", "", &addresses)], 2).await;
    let policy = "政策全文。".repeat(200);
    let counts = |replicas: &[FakeReplica]| -> Vec<usize> { replicas.iter().map(asked).collect() };
    for question in 0..12 {
        let body = json!({"model": "tiny", "messages": [
            {"role": "system", "content": policy},
            {"role": "user", "content": format!("q{question}")},
        ]});
        assert_eq!(world.chat(&body).await.status(), 200);
    }
    let after = counts(&replicas);
    assert_eq!(after.iter().max(), Some(&12), "{after:?}");
    for question in 0..40 {
        assert_eq!(
            world.chat(&chat(&format!("q{question}"))).await.status(),
            200
        );
    }
    let spread = counts(&replicas)
        .iter()
        .zip(after)
        .filter(|(now, then)| *now > then)
        .count();
    assert_eq!(spread, 4, "short prompts are spread");
}
