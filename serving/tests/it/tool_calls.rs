//! Tool calls and thoughts: from the text of an answer to every interface's shape.

use crate::world::{World, chat, parse_events, streamed, world};
use serde_json::{Value, json};
use zhisuan_proto::v1::constraint::Form;
use zhisuan_proto::v1::generate_request::Input;

const CALL: &str =
    "say <tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"北京\"}}\n</tool_call>";
const TWO: &str = "say <tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"a\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"b\"}}\n</tool_call>";

fn tools() -> Value {
    json!([{"type": "function", "function": {"name": "weather", "description": "d",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}])
}

fn with_tools(mut body: Value) -> Value {
    body["tools"] = tools();
    body
}

async fn answer(world: &World, body: &Value) -> Value {
    let response = world.chat(body).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn arguments(call: &Value) -> Value {
    serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_call_is_read_out_of_the_text() {
    let world = world().await;
    let answer = answer(&world, &with_tools(chat(CALL))).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(arguments(&calls[0]), json!({"city": "北京"}));
    assert_eq!(
        (&calls[0]["type"], &calls[0]["function"]["name"]),
        (&json!("function"), &json!("weather"))
    );
    assert!(!calls[0]["id"].as_str().unwrap().is_empty());
    let asked = world.replica.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.constraint, None, "the model decides");
    let Some(Input::Chat(chat)) = asked.input else {
        panic!("a chat")
    };
    assert_eq!(
        (chat.tools.len(), chat.tools[0].description.as_str()),
        (1, "d")
    );
}

#[tokio::test]
async fn a_streamed_call_is_a_head_and_pieces_of_arguments() {
    let world = world().await;
    let text = world
        .chat(&with_tools(streamed(CALL)))
        .await
        .text()
        .await
        .unwrap();
    let (mut name, mut whole, mut reason, mut heads) =
        (String::new(), String::new(), Value::Null, 0);
    for (_, data) in parse_events(&text) {
        let Ok(chunk) = serde_json::from_str::<Value>(&data) else {
            continue;
        };
        let choice = &chunk["choices"][0];
        assert!(
            choice["delta"]["content"]
                .as_str()
                .is_none_or(str::is_empty),
            "{chunk}"
        );
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            assert_eq!(call["index"], 0);
            heads += usize::from(call.get("id").is_some());
            name.push_str(call["function"]["name"].as_str().unwrap_or(""));
            whole.push_str(call["function"]["arguments"].as_str().unwrap());
        }
        if !choice["finish_reason"].is_null() {
            reason = choice["finish_reason"].clone();
        }
    }
    assert_eq!(
        (heads, name.as_str(), &reason),
        (1, "weather", &json!("tool_calls"))
    );
    assert_eq!(
        serde_json::from_str::<Value>(&whole).unwrap(),
        json!({"city": "北京"})
    );
}

#[tokio::test]
async fn one_call_is_enough_where_calls_may_not_be_parallel() {
    let world = world().await;
    let mut body = with_tools(chat(TWO));
    let both = answer(&world, &body).await;
    assert_eq!(
        both["choices"][0]["message"]["tool_calls"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    body["parallel_tool_calls"] = json!(false);
    let one = answer(&world, &body).await;
    let message = &one["choices"][0]["message"];
    assert_eq!(message["tool_calls"].as_array().unwrap().len(), 1);
    assert_eq!(one["choices"][0]["finish_reason"], "tool_calls");
    assert!(
        one["usage"]["completion_tokens"].as_u64() < both["usage"]["completion_tokens"].as_u64()
    );
}

#[tokio::test]
async fn a_choice_of_tools_is_a_grammar() {
    let world = world().await;
    for choice in [
        json!("required"),
        json!({"type": "function", "function": {"name": "weather"}}),
    ] {
        let mut body = with_tools(chat(CALL));
        body["tool_choice"] = choice;
        answer(&world, &body).await;
        let asked = world.replica.asked.lock().unwrap().last().unwrap().clone();
        let Some(Form::Lark(grammar)) = asked.constraint.unwrap().form else {
            panic!("a grammar")
        };
        assert!(grammar.contains("weather"), "{grammar}");
    }
    let mut body = with_tools(chat(CALL));
    body["tool_choice"] = json!("none");
    let answer = answer(&world, &body).await;
    assert_eq!(
        answer["choices"][0]["finish_reason"], "stop",
        "no text is a call"
    );
    let asked = world.replica.asked.lock().unwrap().last().unwrap().clone();
    let Some(Input::Chat(chat)) = asked.input else {
        panic!("a chat")
    };
    assert!(chat.tools.is_empty());
    let mut both = with_tools(chat_of_json());
    both["tool_choice"] = json!("required");
    let response = world.chat(&both).await;
    let error: Value = response.json().await.unwrap();
    assert_eq!(error["error"]["param"], "response_format");
}

fn chat_of_json() -> Value {
    let mut body = chat(CALL);
    body["response_format"] = json!({"type": "json_object"});
    body
}

#[tokio::test]
async fn thoughts_are_told_apart_from_the_answer() {
    let world = world().await;
    let order = "say <think>\nhm, so\n</think>\n\nYes.";
    let whole = answer(&world, &chat(order)).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(
        (&message["reasoning_content"], &message["content"]),
        (&json!("hm, so"), &json!("Yes."))
    );
    let thought = whole["usage"]["completion_tokens_details"]["reasoning_tokens"]
        .as_u64()
        .unwrap();
    assert!((1..=6).contains(&thought), "{thought}");
    let text = world.chat(&streamed(order)).await.text().await.unwrap();
    let (mut thought, mut said) = (String::new(), String::new());
    for (_, data) in parse_events(&text) {
        let Ok(chunk) = serde_json::from_str::<Value>(&data) else {
            continue;
        };
        let delta = &chunk["choices"][0]["delta"];
        thought.push_str(delta["reasoning_content"].as_str().unwrap_or(""));
        said.push_str(delta["content"].as_str().unwrap_or(""));
    }
    assert_eq!((thought.as_str(), said.as_str()), ("hm, so", "Yes."));
    let body = json!({"model": "tiny", "prompt": order, "max_tokens": 60});
    let bare = world
        .post("/v1/completions")
        .json(&body)
        .send()
        .await
        .unwrap();
    let bare: Value = bare.json().await.unwrap();
    assert_eq!(
        bare["choices"][0]["text"],
        json!(&order[4..]),
        "bare text stays bare"
    );
}

#[tokio::test]
async fn responses_and_messages_have_items_and_blocks_of_them() {
    let world = world().await;
    let order = format!("say <think>hm</think>{}", &CALL[4..]);
    let tool = json!({"type": "function", "name": "weather", "parameters": {"type": "object"}});
    let body = json!({"model": "tiny", "input": order, "tools": [tool], "stream": true});
    let response = world
        .post("/v1/responses")
        .json(&body)
        .send()
        .await
        .unwrap();
    let events = parse_events(&response.text().await.unwrap());
    let last: Value = serde_json::from_str(&events.last().unwrap().1).unwrap();
    let output = last["response"]["output"].as_array().unwrap();
    let kinds: Vec<_> = output
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["reasoning", "function_call"]);
    assert_eq!(output[0]["content"][0]["text"], "hm");
    let told: Value = serde_json::from_str(output[1]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(told, json!({"city": "北京"}));
    let names: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    for name in [
        "response.reasoning_text.done",
        "response.function_call_arguments.done",
    ] {
        assert_eq!(
            names.iter().filter(|other| **other == name).count(),
            1,
            "{name}"
        );
    }
    let body = json!({"model": "tiny", "max_tokens": 200,
        "messages": [{"role": "user", "content": order}],
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}]});
    let request = world
        .post("/v1/messages")
        .header("anthropic-version", "2023-06-01");
    let answer: Value = request
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["stop_reason"], "tool_use", "{answer}");
    assert_eq!(answer["content"][0]["thinking"], "hm");
    assert_eq!(
        (
            &answer["content"][1]["type"],
            &answer["content"][1]["input"]
        ),
        (&json!("tool_use"), &json!({"city": "北京"}))
    );
}
