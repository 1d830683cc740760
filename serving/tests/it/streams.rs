//! Streams: order of events, usage, keep-alives aside; deaths in the middle are told.

use crate::fake_replica::WORDS;
use crate::world::{chat, parse_events, request_id, streamed, world};
use futures::StreamExt;
use serde_json::{Value, json};

fn parsed(data: &str) -> Value {
    serde_json::from_str(data).unwrap()
}

#[tokio::test]
async fn a_stream_is_role_pieces_reason_usage_done() {
    let world = world().await;
    let mut body = streamed("hello");
    body["stream_options"] = json!({"include_usage": true});
    let response = world.chat(&body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let id = request_id(&response);
    let events = parse_events(&response.text().await.unwrap());
    assert_eq!(events.last().unwrap().1, "[DONE]");
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|e| parsed(&e.1))
        .collect();
    assert_eq!(chunks.len(), 1 + WORDS.len() + 2);
    for chunk in &chunks {
        assert_eq!(chunk["id"], json!(id));
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["created"], chunks[0]["created"]);
        assert_eq!(chunk["system_fingerprint"], chunks[0]["system_fingerprint"]);
    }
    assert_eq!(
        chunks[0]["choices"],
        json!([{"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": null, "finish_reason": null}])
    );
    for (chunk, word) in chunks[1..].iter().zip(WORDS) {
        assert_eq!(
            chunk["choices"],
            json!([{"index": 0, "delta": {"content": word}, "logprobs": null, "finish_reason": null}])
        );
        assert_eq!(chunk["usage"], Value::Null);
    }
    let [reason, usage] = &chunks[chunks.len() - 2..] else {
        panic!("two last chunks")
    };
    assert_eq!(
        reason["choices"],
        json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"}])
    );
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], crate::answers::usage(7, 6));
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 6));
}

#[tokio::test]
async fn without_the_wish_there_is_no_usage_in_any_chunk() {
    let world = world().await;
    let text = world.chat(&streamed("hello")).await.text().await.unwrap();
    assert!(!text.contains("\"usage\""), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn a_slow_stream_is_kept_alive_by_comments() {
    let world = world().await;
    let text = world.chat(&streamed("slow")).await.text().await.unwrap();
    assert!(text.contains(": keep-alive\n\n"), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn a_completion_stream_has_texts_and_running_offsets() {
    let world = world().await;
    let body =
        json!({"model": "tiny", "prompt": "x", "max_tokens": 3, "stream": true, "logprobs": 0});
    let response = world
        .post("/v1/completions")
        .json(&body)
        .send()
        .await
        .unwrap();
    let events = parse_events(&response.text().await.unwrap());
    let offsets: Vec<Value> = events[..3]
        .iter()
        .map(|event| parsed(&event.1)["choices"][0]["logprobs"]["text_offset"][0].clone())
        .collect();
    assert_eq!(offsets, [json!(0), json!(2), json!(3)]);
    assert_eq!(
        parsed(&events[3].1)["choices"][0]["finish_reason"],
        "length"
    );
    assert_eq!(events[4].1, "[DONE]");
}

#[tokio::test]
async fn every_piece_on_the_wire_is_whole_utf8() {
    let world = world().await;
    let mut pieces = world.chat(&streamed("hello")).await.bytes_stream();
    let mut whole = String::new();
    while let Some(piece) = pieces.next().await {
        whole.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    let text: String = parse_events(&whole)
        .iter()
        .filter(|event| event.1 != "[DONE]")
        .filter_map(|event| {
            Some(
                parsed(&event.1)["choices"][0]["delta"]["content"]
                    .as_str()?
                    .to_owned(),
            )
        })
        .collect();
    assert_eq!(text, WORDS.concat());
    assert!(!text.contains('\u{fffd}'));
}

#[tokio::test]
async fn a_death_in_the_middle_is_an_error_event_and_the_end() {
    let world = world().await;
    for (order, code, prompt, completion) in [
        ("die", "replica_unavailable", 7, 2),
        ("vanish", "replica_unavailable", 7, 2),
        ("fault", "replica_error", 7, 1),
        ("evicted", "generation_cancelled", 7, 1),
    ] {
        let response = world.chat(&streamed(order)).await;
        assert_eq!(response.status(), 200);
        let id = request_id(&response);
        let text = response.text().await.unwrap();
        assert!(!text.contains("[DONE]"), "{order}: {text}");
        assert!(
            !text.contains("\"finish_reason\":\"stop\""),
            "{order}: {text}"
        );
        let events = parse_events(&text);
        let (name, data) = events.last().unwrap();
        assert_eq!(name, "error");
        let error = parsed(data);
        assert_eq!(error["error"]["code"], code, "{order}");
        assert_eq!(error["error"]["type"], "server_error");
        let settled = world.settlement(&id).await;
        assert_eq!(
            (settled.prompt_tokens, settled.completion_tokens),
            (prompt, completion),
            "{order}"
        );
    }
}

#[tokio::test]
async fn a_death_is_told_in_chinese_to_who_reads_chinese() {
    let world = world().await;
    let request = world
        .post("/v1/chat/completions")
        .header("accept-language", "zh-CN")
        .json(&streamed("die"));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("副本中途失联"), "{text}");
}

#[tokio::test]
async fn errors_before_the_first_token_are_plain_answers_also_for_streams() {
    let world = world().await;
    let mut body = streamed("hello");
    body["temperature"] = json!(9);
    let response = world.chat(&body).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(world.chat(&streamed("full")).await.status(), 429);
    assert_eq!(
        world.chat(&chat("full")).await.headers()["retry-after"],
        "1"
    );
}
