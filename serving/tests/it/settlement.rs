//! Usage reaches the ledger exactly once, whatever happens to caller, replica or scheduler.

use crate::log_recorder::LogRecorder;
use crate::world::{KEY, chat, eventually, request_id, streamed, world};
use futures::StreamExt;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn a_caller_that_vanishes_stops_the_work_and_pays_for_what_was_made() {
    let world = world().await;
    let response = world.chat(&streamed("endless")).await;
    let id = request_id(&response);
    let mut pieces = response.bytes_stream();
    let mut seen = String::new();
    while seen.matches("啊").count() < 3 {
        seen.push_str(std::str::from_utf8(&pieces.next().await.unwrap().unwrap()).unwrap());
    }
    drop(pieces);
    let settled = world.settlement(&id).await;
    assert_eq!(settled.prompt_tokens, 7);
    assert!((3..40).contains(&settled.completion_tokens), "{settled:?}");
    eventually("the replica noticed", || async {
        world.replica.cancelled.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_vanishes_from_a_whole_answer_stops_it_too() {
    let world = world().await;
    let body = chat("endless");
    let request = world.chat(&body);
    assert!(
        tokio::time::timeout(Duration::from_millis(500), request)
            .await
            .is_err()
    );
    eventually("the replica noticed", || async {
        world.replica.cancelled.load(Ordering::SeqCst) == 1
    })
    .await;
    eventually("settled", || async {
        world.scheduler.settled.lock().unwrap().len() == 1
    })
    .await;
    let settled = world.scheduler.settled.lock().unwrap()[0].clone();
    assert_eq!(settled.prompt_tokens, 7);
    assert!(settled.completion_tokens > 0);
}

#[tokio::test]
async fn a_caller_that_vanishes_before_the_first_token_pays_nothing() {
    let world = world().await;
    let body = streamed("silent");
    let request = world.chat(&body);
    assert!(
        tokio::time::timeout(Duration::from_millis(500), request)
            .await
            .is_err()
    );
    eventually("settled", || async {
        world.scheduler.settled.lock().unwrap().len() == 1
    })
    .await;
    let settled = world.scheduler.settled.lock().unwrap()[0].clone();
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (0, 0));
}

#[tokio::test]
async fn a_scheduler_that_is_briefly_away_gets_the_settlement_later_once() {
    let world = world().await;
    world.scheduler.settle_failures.store(3, Ordering::SeqCst);
    let response = world.chat(&chat("hello")).await;
    assert_eq!(
        response.status(),
        200,
        "the answer does not wait for the ledger"
    );
    let id = request_id(&response);
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 6));
    let metrics = world.get("/metrics", "").await.text().await.unwrap();
    assert!(
        metrics.contains("zhisuan_gateway_settlement_retries_total 3"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_settlement_whose_hold_expired_meanwhile_is_an_error_with_its_numbers() {
    let errors = LogRecorder::default();
    let _recording = tracing::subscriber::set_default(errors.clone());
    let world = world().await;
    world.scheduler.settle_failures.store(1, Ordering::SeqCst);
    world.scheduler.holds_expired.store(true, Ordering::SeqCst);
    let id = request_id(&world.chat(&chat("hello")).await);
    eventually("the loss is logged", || async {
        errors.lines().iter().any(|line| {
            line.contains("settlement not booked")
                && line.contains(&id)
                && line.contains("prompt_tokens=7 completion_tokens=6")
        })
    })
    .await;
}

#[tokio::test]
async fn shutdown_waits_for_settlements() {
    let world = world().await;
    world.scheduler.settle_failures.store(2, Ordering::SeqCst);
    let id = request_id(&world.chat(&chat("hello")).await);
    world.gateway.shutdown(Duration::from_secs(5)).await;
    let settled = world.scheduler.settled.lock().unwrap().clone();
    assert_eq!(settled.len(), 1, "settled before shutdown returned");
    assert_eq!(settled[0].request_id, id);
}

#[tokio::test]
async fn a_stream_longer_than_the_grace_ends_with_an_error_and_is_settled() {
    let world = world().await;
    let response = world.chat(&streamed("endless")).await;
    let reading = tokio::spawn(response.text());
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.gateway.shutdown(Duration::from_millis(100)).await;
    let text = reading.await.unwrap().unwrap();
    assert!(
        text.contains("event: error") && text.contains("shutting_down"),
        "{text}"
    );
    assert!(!text.contains("[DONE]"));
    let settled = world.scheduler.settled.lock().unwrap().clone();
    assert_eq!(settled.len(), 1);
    assert!(settled[0].completion_tokens > 0);
}

#[tokio::test]
async fn without_the_scheduler_nothing_is_given_away() {
    let world = world().await;
    assert_eq!(world.get("/v1/models", KEY).await.status(), 200);
    world.scheduler.away.store(true, Ordering::SeqCst);
    let response = world.chat(&chat("hello")).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "2");
    assert!(world.replica.asked.lock().unwrap().is_empty());
}
