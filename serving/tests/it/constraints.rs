//! Fields that shape an answer reach the replica in the one form of the wire.

use crate::world::{World, chat, world};
use serde_json::{Value, json};
use zhisuan_proto::v1::GenerateRequest;
use zhisuan_proto::v1::constraint::Form;
use zhisuan_proto::v1::generate_request::Input;

async fn asked(world: &World, field: &str, value: Value) -> GenerateRequest {
    let mut body = chat("hello");
    body[field] = value;
    let response = world.chat(&body).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    world.replica.asked.lock().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn every_name_of_a_constraint_becomes_one_form() {
    let world = world().await;
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}});
    let text = Form::JsonSchema(schema.to_string());
    let cases = [
        (
            "response_format",
            json!({"type": "json_object"}),
            Form::JsonObject(true),
        ),
        ("response_format", format, text.clone()),
        ("guided_json", schema.clone(), text.clone()),
        ("guided_json", json!(schema.to_string()), text.clone()),
        (
            "guided_regex",
            json!("[ab]+"),
            Form::Regex("[ab]+".to_owned()),
        ),
        (
            "guided_grammar",
            json!("start: \"a\""),
            Form::Lark("start: \"a\"".to_owned()),
        ),
        ("structured_outputs", json!({"json": schema}), text),
    ];
    for (field, value, form) in cases {
        let request = asked(&world, field, value).await;
        assert_eq!(request.constraint.unwrap().form, Some(form), "{field}");
    }
    let request = asked(&world, "guided_choice", json!(["yes", "no"])).await;
    let Some(Form::Choices(choices)) = request.constraint.unwrap().form else {
        panic!("choices")
    };
    assert_eq!(choices.texts, ["yes", "no"]);
    let request = asked(&world, "response_format", json!({"type": "text"})).await;
    assert_eq!(request.constraint, None);
}

#[tokio::test]
async fn extensions_reach_the_replica() {
    let world = world().await;
    let mut body = chat("hello");
    let extra = json!({
        "min_tokens": 2, "stop_token_ids": [7], "ignore_eos": true, "priority": 3,
        "cache_salt": "shared", "reasoning_effort": "low",
        "prediction": {"type": "content", "content": [{"type": "text", "text": "likely"}]},
    });
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    assert_eq!(world.chat(&body).await.status(), 200);
    let request = world.replica.asked.lock().unwrap()[0].clone();
    assert_eq!((request.min_tokens, request.priority), (2, 3));
    assert_eq!(request.stop_tokens, [7]);
    assert!(request.ignore_eos);
    assert_eq!(request.cache_salt, "shared");
    assert_eq!(request.prediction, "likely");
    assert_eq!(request.tenant, "hospital");
    let Some(Input::Chat(chat)) = request.input else {
        panic!("a chat")
    };
    assert_eq!(chat.thinking, Some(true));
}
