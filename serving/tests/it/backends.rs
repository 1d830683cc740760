//! Somebody else's server behind a route: a fake OpenAI server, and a second gateway of ours.

use crate::fake_replica::WORDS;
use crate::log_recorder::LogRecorder;
use crate::records::{folder, lines};
use crate::world::{
    KEY, World, chat, eventually, parse_events, request_id, route, streamed, world, world_of,
};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zhisuan_proto::v1::{ExternalServer, Route};
use zhisuan_serving::Operations;

const SECRET: &str = "sk-of-the-other-server";

/// A fake OpenAI server: streams what the last message asks for, and writes down what it was sent.
#[derive(Clone, Default)]
struct Other {
    asked: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

async fn complete(
    State(other): State<Other>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let order = body["messages"]
        .as_array()
        .and_then(|all| all.last())
        .map_or("", |last| last["content"].as_str().unwrap())
        .to_owned();
    let count = {
        let mut asked = other.asked.lock().unwrap();
        asked.push((headers, body));
        asked.len()
    };
    match order.as_str() {
        "busy once" if count == 1 => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "limited" => {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response();
        }
        "wrong key" => return StatusCode::UNAUTHORIZED.into_response(),
        "bad" => {
            let body = json!({"error": {"message": "top_p is odd"}});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
        _ => {}
    }
    let chunk = |delta: Value, reason: Value| {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}).to_string()
    };
    let mut chunks = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    for word in WORDS {
        chunks.push(chunk(json!({"content": word}), Value::Null));
    }
    chunks.push(chunk(json!({}), json!("stop")));
    if order != "no usage" {
        let usage = json!({"prompt_tokens": 21, "completion_tokens": 6, "total_tokens": 27, "prompt_tokens_details": {"cached_tokens": 16}});
        chunks.push(json!({"choices": [], "usage": usage}).to_string());
    }
    chunks.push("[DONE]".to_owned());
    if order == "cut" {
        chunks.truncate(3);
    }
    let endless = order == "endless";
    let events = async_stream::stream! {
        for data in chunks {
            yield Ok::<_, std::io::Error>(format!("data: {data}\n\n"));
            loop {
                if !endless { break; }
                tokio::time::sleep(Duration::from_millis(10)).await;
                yield Ok(format!("data: {}\n\n", chunk(json!({"content": "啊"}), Value::Null)));
            }
        }
    };
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(events),
    )
        .into_response()
}

async fn embeddings(Json(body): Json<Value>) -> Json<Value> {
    let texts = body["input"].as_array().unwrap();
    let data: Vec<Value> = texts.iter().enumerate().map(|(index, text)| json!({"index": index, "embedding": [text.as_str().unwrap().len(), 0.5]})).collect();
    Json(json!({"data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}))
}

async fn serve(other: Other) -> String {
    let router = Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/embeddings", post(embeddings))
        .with_state(other);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

fn backend(url: &str, key: &str, model: &str) -> Route {
    Route {
        external: Some(ExternalServer {
            url: url.to_owned(),
            model: model.to_owned(),
            api_key: key.to_owned(),
        }),
        ..route("theirs", "", &[])
    }
}

/// A world whose model "theirs" another server answers, and its access log.
async fn with_other(name: &str) -> (World, Other, std::path::PathBuf) {
    let path = folder(name).join("access.jsonl");
    let operations = Operations {
        access_log: Some(path.clone()),
        ..Operations::default()
    };
    let world = world_of(8, None, operations).await;
    let other = Other::default();
    let url = serve(other.clone()).await;
    world
        .reroute(vec![backend(&url, SECRET, "big-model")], 2)
        .await;
    (world, other, path)
}

fn to_theirs(mut body: Value) -> Value {
    body["model"] = "theirs".into();
    body
}

#[tokio::test]
async fn another_server_answers_behind_our_keys_and_meter() {
    let (world, other, path) = with_other("other").await;
    let mut body = to_theirs(streamed("hello"));
    body["stream_options"] = json!({"include_usage": true});
    body["temperature"] = 0.25.into();
    let response = world.chat(&body).await;
    assert_eq!(response.status(), 200);
    let id = request_id(&response);
    let text = response.text().await.unwrap();
    let events = parse_events(&text);
    assert_eq!(events.last().unwrap().1, "[DONE]");
    let said: String = events
        .iter()
        .filter_map(|event| {
            let chunk: Value = serde_json::from_str(&event.1).ok()?;
            Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
        })
        .collect();
    assert_eq!(said, WORDS.concat());
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (21, 6));
    let whole: Value = world
        .chat(&to_theirs(chat("hello")))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], WORDS.concat());
    assert_eq!(whole["model"], "theirs");
    assert_eq!(whole["usage"]["prompt_tokens"], 21);
    let (headers, sent) = other.asked.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
    assert!(
        headers.contains_key("traceparent"),
        "its work is in our trace"
    );
    assert_eq!(
        (&sent["model"], &sent["temperature"]),
        (&json!("big-model"), &json!(0.25))
    );
    eventually("two lines", || async { lines(&path).len() == 2 }).await;
    let line = &lines(&path)[0];
    assert_eq!(
        (&line["cached_tokens"], &line["estimated"]),
        (&json!(16), &json!(false))
    );
    assert!(!std::fs::read_to_string(&path).unwrap().contains(SECRET));
}

#[tokio::test]
async fn its_refusals_and_deaths_are_ours_to_explain() {
    let (world, other, path) = with_other("trouble").await;
    let errors = LogRecorder::default();
    let _recording = tracing::subscriber::set_default(errors.clone());
    assert_eq!(
        world.chat(&to_theirs(chat("busy once"))).await.status(),
        200
    );
    assert_eq!(
        other.asked.lock().unwrap().len(),
        2,
        "asked again before the first byte"
    );
    let limited = world.chat(&to_theirs(chat("limited"))).await;
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    let bad = world.chat(&to_theirs(chat("bad"))).await;
    assert_eq!(bad.status(), 400);
    assert!(bad.text().await.unwrap().contains("top_p is odd"));
    let key = world.chat(&to_theirs(chat("wrong key"))).await;
    assert_eq!(key.status(), 500);
    assert!(
        key.text()
            .await
            .unwrap()
            .contains("backend_refused_its_key")
    );
    let cut = world.chat(&to_theirs(streamed("cut"))).await;
    let id = request_id(&cut);
    let text = cut.text().await.unwrap();
    assert!(
        text.contains("event: error") && !text.contains("[DONE]"),
        "{text}"
    );
    let settled = world.settlement(&id).await;
    assert!(
        settled.prompt_tokens > 0 && settled.completion_tokens == 2,
        "{settled:?}"
    );
    let counted = world.chat(&to_theirs(chat("no usage"))).await;
    let id = request_id(&counted);
    drop(counted.text().await.unwrap());
    assert_eq!(
        world.settlement(&id).await.completion_tokens,
        6,
        "counted by us"
    );
    eventually("marked", || async {
        lines(&path)
            .iter()
            .any(|line| line["id"] == id.as_str() && line["estimated"] == true)
    })
    .await;
    assert!(errors.lines().iter().all(|line| !line.contains(SECRET)));
}

#[tokio::test]
async fn a_caller_that_vanishes_is_charged_for_what_the_other_server_made() {
    let (world, _, _) = with_other("vanish").await;
    let response = world.chat(&to_theirs(streamed("endless"))).await;
    let id = request_id(&response);
    let mut pieces = response.bytes_stream();
    for _ in 0..5 {
        pieces.next().await.unwrap().unwrap();
    }
    drop(pieces);
    let settled = world.settlement(&id).await;
    assert!((1..60).contains(&settled.completion_tokens), "{settled:?}");
}

#[tokio::test]
async fn embeddings_of_another_server_keep_their_order() {
    let (world, _, _) = with_other("embed").await;
    let body = json!({"model": "theirs", "input": ["a", "bcd"]});
    let response = world
        .post("/v1/embeddings")
        .json(&body)
        .send()
        .await
        .unwrap();
    let id = request_id(&response);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["data"][1]["embedding"], json!([3.0, 0.5]));
    assert_eq!(world.settlement(&id).await.prompt_tokens, 4);
}

#[tokio::test]
async fn a_gateway_can_stand_behind_a_gateway() {
    let (near, far) = (world().await, world().await);
    let url = format!("{}/v1", far.base);
    near.reroute(vec![backend(&url, KEY, "tiny")], 2).await;
    let response = near.chat(&to_theirs(chat("hello"))).await;
    let id = request_id(&response);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], WORDS.concat());
    let settled = near.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 6));
    let completion = json!({"model": "theirs", "prompt": "x", "max_tokens": 3, "stream": true});
    let text = near
        .post("/v1/completions")
        .json(&completion)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.ends_with("data: [DONE]\n\n") && text.contains("\"finish_reason\":\"length\""),
        "{text}"
    );
    let died = near.chat(&to_theirs(streamed("die"))).await;
    let id = request_id(&died);
    assert!(died.text().await.unwrap().contains("event: error"));
    assert_eq!(near.settlement(&id).await.completion_tokens, 2);
}
