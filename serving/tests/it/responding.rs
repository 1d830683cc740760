//! The responses interface: exact objects, events in order, items in and out.

use crate::fake_replica::WORDS;
use crate::world::{World, parse_events, request_id, world};
use serde_json::{Value, json};
use zhisuan_proto::v1::generate_request::Input;

async fn ask(world: &World, body: &Value) -> reqwest::Response {
    let request = world.post("/v1/responses").json(body);
    request.send().await.unwrap()
}

/// The events of a streamed answer, after a check of names and sequence numbers.
async fn events(world: &World, body: &Value) -> Vec<Value> {
    let text = ask(world, body).await.text().await.unwrap();
    let mut events = Vec::new();
    for (index, (name, data)) in parse_events(&text).into_iter().enumerate() {
        let event: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(event["type"], json!(name));
        assert_eq!(event["sequence_number"], json!(index));
        events.push(event);
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_response_is_exact_and_settled() {
    let world = world().await;
    let body = json!({"model": "tiny", "input": "hello", "instructions": "brief",
        "max_output_tokens": 9, "metadata": {"case": "7"}});
    let response = ask(&world, &body).await;
    assert_eq!(response.status(), 200);
    let id = request_id(&response);
    assert!(id.starts_with("resp_"), "{id}");
    let mut answer: Value = response.json().await.unwrap();
    assert!(answer["created_at"].take().as_u64().unwrap() > 1_700_000_000);
    let tail = id.strip_prefix("resp_").unwrap();
    assert_eq!(
        answer,
        json!({
            "id": id, "object": "response", "created_at": null, "status": "completed",
            "background": false, "error": null, "incomplete_details": null,
            "instructions": "brief", "max_output_tokens": 9, "max_tool_calls": null,
            "metadata": {"case": "7"}, "model": "tiny",
            "output": [{"id": format!("msg_{tail}00"), "type": "message", "role": "assistant",
                "status": "completed", "content": [{"type": "output_text",
                    "text": WORDS.concat(), "annotations": [], "logprobs": []}]}],
            "parallel_tool_calls": true, "previous_response_id": null, "prompt_cache_key": null,
            "reasoning": {"effort": null, "summary": null}, "safety_identifier": null,
            "service_tier": "default", "store": false, "temperature": 1.0,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": 1.0,
            "truncation": "disabled", "user": null,
            "usage": {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 6, "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 13},
        })
    );
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 6));
    let asked = world.replica.asked.lock().unwrap()[0].clone();
    let Some(Input::Chat(chat)) = asked.input else {
        panic!("a chat")
    };
    let said: Vec<_> = chat
        .messages
        .iter()
        .map(|message| (message.role.as_str(), message.content.as_str()))
        .collect();
    assert_eq!(said, [("system", "brief"), ("user", "hello")]);
    assert_eq!(asked.max_tokens, 9);
}

#[tokio::test]
async fn a_stream_tells_every_step_in_order() {
    let world = world().await;
    let body = json!({"model": "tiny", "input": "say ab", "stream": true});
    let events = events(&world, &body).await;
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(events[6]["text"], "ab");
    assert_eq!(events[0]["response"]["status"], "in_progress");
    let last = &events[9]["response"];
    assert_eq!(last["output"][0], events[8]["item"]);
    assert_eq!(last["usage"]["output_tokens"], 2);
}

#[tokio::test]
async fn a_cut_response_is_incomplete_and_a_broken_one_failed() {
    let world = world().await;
    let mut body = json!({"model": "tiny", "input": "hello", "max_output_tokens": 2});
    let answer: Value = ask(&world, &body).await.json().await.unwrap();
    assert_eq!(answer["status"], "incomplete");
    assert_eq!(
        answer["incomplete_details"],
        json!({"reason": "max_output_tokens"})
    );
    body["stream"] = json!(true);
    assert_eq!(
        events(&world, &body).await.last().unwrap()["type"],
        "response.incomplete"
    );
    body["input"] = json!("die");
    body["max_output_tokens"] = json!(9);
    let events = events(&world, &body).await;
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["status"], "failed");
    assert_eq!(last["response"]["error"]["code"], "server_error");
}

#[tokio::test]
async fn items_of_earlier_answers_become_a_chat() {
    let world = world().await;
    let tool = json!({"type": "function", "name": "weather", "parameters": {"type": "object"}});
    let body = json!({"model": "tiny", "tools": [tool], "input": [
        {"role": "developer", "content": "brief"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "rain?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [],
            "content": [{"type": "reasoning_text", "text": "look"}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{\"at\":1}"},
        {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "yes"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "no"}]},
    ]});
    let response = ask(&world, &body).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    let asked = world.replica.asked.lock().unwrap()[0].clone();
    let Some(Input::Chat(chat)) = asked.input else {
        panic!("a chat")
    };
    let roles: Vec<_> = chat
        .messages
        .iter()
        .map(|message| message.role.as_str())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool"]);
    let calls = &chat.messages[2];
    assert_eq!(calls.reasoning, "look");
    assert_eq!(
        (
            calls.tool_calls.len(),
            calls.tool_calls[0].arguments.as_str()
        ),
        (2, "{\"at\":1}")
    );
    assert_eq!(chat.messages[4].content, "no");
    assert_eq!(chat.tools[0].name, "weather");
}

/// Field, its value, the code, the parameter that is named; one case per line.
const REFUSED: &str = r#"
store | true | unsupported_parameter | store
previous_response_id | "resp_1" | unsupported_parameter | previous_response_id
background | true | unsupported_parameter | background
truncation | "auto" | unsupported_parameter | truncation
include | ["file_search_call.results"] | unsupported_parameter | include[0]
tools | [{"type": "web_search"}] | unsupported_parameter | tools[0].type
text | {"format": {"type": "json_schema"}} | missing_required_parameter | text.format.name
text | {"verbosity": "low"} | unsupported_parameter | text.verbosity
reasoning | {"effort": "vast"} | invalid_value | reasoning.effort
reasoning | {"budget": 3} | unknown_parameter | reasoning.budget
input | [] | invalid_value | input
input | [{"type": "item_reference", "id": "x"}] | unsupported_parameter | input[0].type
input | [{"role": "user", "content": [{"type": "input_image"}]}] | invalid_value | input[0].content[0].type
input | [{"type": "function_call_output", "call_id": "c", "output": "x"}] | invalid_value | input[0].call_id
max_output_tokens | 0 | invalid_value | max_output_tokens
metadata | {"a": 1} | invalid_value | metadata
top_logprobs | 2 | invalid_value | top_logprobs
messages | [] | unknown_parameter | messages
"#;

#[tokio::test]
async fn what_is_not_offered_is_refused_by_name() {
    let world = world().await;
    for line in REFUSED.lines().filter(|line| !line.is_empty()) {
        let [field, value, code, param] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("four columns: {line}")
        };
        let mut body = json!({"model": "tiny", "input": "hello"});
        body[field] = serde_json::from_str(value).unwrap();
        let response = ask(&world, &body).await;
        assert_eq!(response.status(), 400, "{line}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(
            (&error["error"]["code"], &error["error"]["param"]),
            (&json!(code), &json!(param)),
            "{error}"
        );
    }
}
