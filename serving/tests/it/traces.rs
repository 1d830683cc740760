//! Traces: the caller's goes on to replicas and other servers, spans reach a collector, and a
//! caller's own request id comes back.

use crate::world::{chat, eventually, world, world_of};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use std::sync::{Arc, Mutex};
use zhisuan_serving::Operations;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_span_per_request_reaches_the_collector() {
    let got: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = Arc::clone(&got);
    let export = post(move |body: Bytes| async move {
        kept.lock().unwrap().extend_from_slice(&body);
        // An empty answer: one frame of no bytes.
        let headers = [("content-type", "application/grpc"), ("grpc-status", "0")];
        (headers, vec![0_u8; 5])
    });
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let collector = Router::new().route(path, export);
    tokio::spawn(async move { axum::serve(listener, collector).await });
    let operations = Operations {
        otlp_endpoint: Some(format!("http://{address}")),
        ..Operations::default()
    };
    let world = world_of(8, None, operations).await;
    let request = world
        .post("/v1/chat/completions")
        .header("traceparent", PARENT);
    let response = request.json(&chat("秘密的话")).send().await.unwrap();
    drop(response.text().await.unwrap());
    let has = |needle: &[u8]| {
        let got = got.lock().unwrap();
        got.windows(needle.len()).any(|window| window == needle)
    };
    eventually("the span arrived", || async {
        has(b"gen_ai.request.model")
    })
    .await;
    assert!(
        has(&hex::decode("0af7651916cd43dd8448eb211c80319c").unwrap()),
        "in the caller's trace"
    );
    assert!(has(b"tiny") && has(b"gen_ai.usage.output_tokens"));
    assert!(!has("秘密".as_bytes()), "no content");
}

#[tokio::test]
async fn a_callers_own_id_comes_back_when_it_is_well_formed() {
    let world = world().await;
    let ask = async |id: &str| {
        let request = world
            .post("/v1/chat/completions")
            .header("x-request-id", id);
        let response = request.json(&chat("hello")).send().await.unwrap();
        response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask("order-7.a:b").await, "order-7.a:b");
    assert!(ask("no good").await.starts_with("chatcmpl-"));
    assert!(ask(&"x".repeat(200)).await.starts_with("chatcmpl-"));
    // The ledger goes by ids of our own.
    let settled = world.scheduler.authorized.lock().unwrap();
    assert!(
        settled
            .iter()
            .all(|hold| hold.request_id.starts_with("chatcmpl-"))
    );
}
