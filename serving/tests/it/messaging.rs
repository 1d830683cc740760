//! The Anthropic-shaped interface: exact objects, events, errors, keys.

use crate::fake_replica::WORDS;
use crate::world::{KEY, World, parse_events, request_id, world};
use serde_json::{Value, json};
use zhisuan_proto::v1::generate_request::Input;

async fn post(world: &World, path: &str, body: &Value) -> reqwest::Response {
    let request = world.http.post(format!("{}{path}", world.base)).json(body);
    let request = request.header("x-api-key", KEY);
    let request = request.header("anthropic-version", "2023-06-01");
    request.send().await.unwrap()
}

fn ask(order: &str) -> Value {
    json!({"model": "tiny", "max_tokens": 9, "messages": [{"role": "user", "content": order}]})
}

#[tokio::test]
async fn a_message_is_exact_and_settled() {
    let world = world().await;
    let response = post(&world, "/v1/messages", &ask("hello")).await;
    assert_eq!(response.status(), 200);
    let id = request_id(&response);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer,
        json!({"id": id, "type": "message", "role": "assistant", "model": "tiny",
            "content": [{"type": "text", "text": WORDS.concat()}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 7, "output_tokens": 6,
                "output_tokens_details": {"thinking_tokens": 0},
                "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}})
    );
    assert!(id.starts_with("msg_"), "{id}");
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 6));
    let mut body = ask("hello");
    body["max_tokens"] = json!(2);
    let cut: Value = post(&world, "/v1/messages", &body)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(cut["stop_reason"], "max_tokens");
}

#[tokio::test]
async fn a_stream_tells_every_block_in_order() {
    let world = world().await;
    let mut body = ask("say ab");
    body["stream"] = json!(true);
    let text = post(&world, "/v1/messages", &body)
        .await
        .text()
        .await
        .unwrap();
    let events = parse_events(&text);
    let names: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let data = |index: usize| -> Value { serde_json::from_str(&events[index].1).unwrap() };
    assert_eq!(data(0)["message"]["usage"]["input_tokens"], 7);
    assert_eq!(
        data(3),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": "a"}})
    );
    assert_eq!(data(6)["delta"]["stop_reason"], "end_turn");
    assert_eq!(data(6)["usage"]["output_tokens"], 2);
    body["messages"][0]["content"] = json!("die");
    let text = post(&world, "/v1/messages", &body)
        .await
        .text()
        .await
        .unwrap();
    let last = parse_events(&text).pop().unwrap();
    assert_eq!(last.0, "error");
    assert!(
        last.1.contains("api_error") && !text.contains("message_stop"),
        "{text}"
    );
}

#[tokio::test]
async fn blocks_become_a_chat() {
    let world = world().await;
    let mut body = ask("hello");
    body["system"] = json!([{"type": "text", "text": "brief", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]);
    body["tools"] = json!([{"name": "weather", "input_schema": {"type": "object"}}]);
    body["stop_sequences"] = json!(["END"]);
    body["thinking"] = json!({"type": "disabled"});
    body["metadata"] = json!({"user_id": "clerk"});
    body["messages"] = json!([
        {"role": "user", "content": "rain?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "look", "signature": ""},
            {"type": "text", "text": "one moment"},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"at": 1}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "no"}], "is_error": true},
            {"type": "text", "text": "so?"},
        ]},
        {"role": "assistant", "content": "Well"},
    ]);
    let response = post(&world, "/v1/messages", &body).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    let asked = world.replica.asked.lock().unwrap()[0].clone();
    assert_eq!((asked.pin_s, asked.stop), (3_600, vec!["END".to_owned()]));
    let Some(Input::Chat(chat)) = asked.input else {
        panic!("a chat")
    };
    let said: Vec<_> = chat
        .messages
        .iter()
        .map(|message| (message.role.as_str(), message.content.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("system", "brief"),
            ("user", "rain?"),
            ("assistant", "one moment"),
            ("tool", "Error: no"),
            ("user", "so?"),
            ("assistant", "Well"),
        ]
    );
    assert_eq!(chat.messages[2].reasoning, "look");
    assert_eq!(chat.messages[2].tool_calls[0].arguments, "{\"at\":1}");
    assert!(
        chat.continue_last,
        "the answer goes on where the last turn ends"
    );
    assert_eq!(chat.thinking, Some(false));
}

#[tokio::test]
async fn tokens_are_counted_by_the_same_reading() {
    let world = world().await;
    let mut body = ask("hello");
    body.as_object_mut().unwrap().remove("max_tokens");
    body["system"] = json!("brief");
    let answer: Value = post(&world, "/v1/messages/count_tokens", &body)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(answer, json!({"input_tokens": 20}));
}

#[tokio::test]
async fn errors_have_the_shape_of_the_interface() {
    let world = world().await;
    let mut body = ask("hello");
    body["temperature"] = json!(1.5);
    let response = post(&world, "/v1/messages", &body).await;
    assert_eq!(response.status(), 400);
    let id = request_id(&response);
    assert_eq!(response.headers()["request-id"], id.as_str());
    assert_eq!(
        response.json::<Value>().await.unwrap(),
        json!({"type": "error", "request_id": id, "error": {"type": "invalid_request_error",
            "message": "Invalid value for 'temperature': '1.5'. Expected a number from 0 to 1."}})
    );
    let cases = [
        ("max_tokens", Value::Null, "max_tokens"),
        (
            "messages",
            json!([{"role": "king", "content": "a"}]),
            "messages[0].role",
        ),
        (
            "messages",
            json!([{"role": "user", "content": [{"type": "image"}]}]),
            "messages[0].content[0].type",
        ),
        (
            "messages",
            json!([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]),
            "messages[0].content[0].tool_use_id",
        ),
        (
            "tools",
            json!([{"type": "bash_20250124", "name": "bash"}]),
            "tools[0].type",
        ),
        ("tools", json!([{"name": "a"}]), "tools[0].input_schema"),
        ("tool_choice", json!({"type": "any"}), "tool_choice"),
        (
            "thinking",
            json!({"type": "enabled", "budget_tokens": 1024}),
            "thinking.budget_tokens",
        ),
        ("stop_sequences", json!([""]), "stop_sequences[0]"),
        ("n", json!(2), "'n'"),
    ];
    for (field, value, word) in cases {
        let mut body = ask("hello");
        body[field] = value;
        let response = post(&world, "/v1/messages", &body).await;
        assert_eq!(response.status(), 400, "{field}");
        let error: Value = response.json().await.unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
    }
}

#[tokio::test]
async fn keys_versions_and_languages() {
    let world = world().await;
    let url = format!("{}/v1/messages", world.base);
    let bare = world
        .http
        .post(&url)
        .json(&ask("hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 401);
    let error: Value = bare.json().await.unwrap();
    assert_eq!(error["error"]["type"], "authentication_error");
    let request = world
        .http
        .post(&url)
        .json(&ask("hello"))
        .header("x-api-key", KEY);
    let response = request
        .header("accept-language", "zh")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let error: Value = response.json().await.unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("anthropic-version") && message.contains("请发送"),
        "{message}"
    );
    let request = world
        .http
        .post(&url)
        .json(&ask("hello"))
        .bearer_auth("zs-poor");
    let response = request
        .header("anthropic-version", "2023-06-01")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["x-should-retry"].as_bytes()
        ),
        (429, b"false".as_slice())
    );
    let error: Value = response.json().await.unwrap();
    assert_eq!(error["error"]["type"], "billing_error");
}
