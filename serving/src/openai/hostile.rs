//! Tests of the whole way from bytes to a wish: it never panics and never lets a bad value by.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::{ApiError, chat, completions, embeddings};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use zhisuan_proto::v1::generate_request::Input;

fn refusal(body: &Value) -> ApiError {
    chat::read(body.to_string().as_bytes()).expect_err(&body.to_string())
}

/// A good request with one field set.
fn with(field: &str, value: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body[field] = value;
    body
}

/// Field, its bad value, the code, the parameter that is named; one case per line.
const BAD: &str = r#"
model | 1 | invalid_type | model
model | "" | invalid_value | model
messages | [] | invalid_value | messages
messages | "hi" | invalid_type | messages
messages | [{"role": "user"}] | missing_required_parameter | messages[0].content
messages | [{"content": "a"}] | missing_required_parameter | messages[0].role
messages | [{"role": "king", "content": "a"}] | invalid_value | messages[0].role
messages | [{"role": "function", "content": "a"}] | unsupported_parameter | messages[0].role
messages | [{"role": "tool", "content": "a"}] | missing_required_parameter | messages[0].tool_call_id
messages | [{"role": "tool", "content": "a", "tool_call_id": "x"}] | invalid_value | messages[0].tool_call_id
messages | [{"role": "user", "content": "a", "tool_calls": [1]}] | unsupported_parameter | messages[0].tool_calls
messages | [{"role": "assistant", "tool_calls": [{"id": "x"}]}] | missing_required_parameter | messages[0].tool_calls[0].function
messages | [{"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "[1]"}}]}] | invalid_type | messages[0].tool_calls[0].function.arguments
messages | [{"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f g", "arguments": ""}}]}] | invalid_value | messages[0].tool_calls[0].function.name
messages | [{"role": "user", "content": "a", "colour": "red"}] | unknown_parameter | messages[0].colour
messages | [{"role": "user", "content": 5}] | invalid_type | messages[0].content
messages | [{"role": 5, "content": "a"}] | invalid_type | messages[0].role
messages | [{"role": "user", "content": "a", "name": 7}] | invalid_type | messages[0].name
messages | [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}] | invalid_value | messages[0].content[1].type
messages | [{"role": "user", "content": [{"type": "text"}]}] | missing_required_parameter | messages[0].content[0].text
max_tokens | 0 | invalid_value | max_tokens
max_tokens | -1 | invalid_value | max_tokens
max_tokens | 4000000000000 | invalid_value | max_tokens
max_tokens | 1.5 | invalid_type | max_tokens
max_completion_tokens | "9" | invalid_type | max_completion_tokens
temperature | 2.01 | invalid_value | temperature
temperature | "hot" | invalid_type | temperature
top_p | 0 | invalid_value | top_p
top_p | 1e-300 | invalid_value | top_p
top_p | 1.1 | invalid_value | top_p
top_k | -2 | invalid_value | top_k
min_p | -0.1 | invalid_value | min_p
repetition_penalty | 0 | invalid_value | repetition_penalty
presence_penalty | 2.1 | invalid_value | presence_penalty
frequency_penalty | -2.1 | invalid_value | frequency_penalty
seed | "a" | invalid_type | seed
stop | ["a", "b", "c", "d", "e"] | invalid_value | stop
stop | [""] | invalid_value | stop[0]
stop | ["a", 1] | invalid_type | stop[1]
logit_bias | {"x": 1} | invalid_value | logit_bias
logit_bias | {"7": 101} | invalid_value | logit_bias.7
logprobs | 1 | invalid_type | logprobs
top_logprobs | 21 | invalid_value | top_logprobs
top_logprobs | 2 | invalid_value | top_logprobs
stream | "yes" | invalid_type | stream
stream_options | {"include_usage": true} | invalid_value | stream_options
user | 1 | invalid_type | user
n | 0 | invalid_value | n
n | 17 | invalid_value | n
tools | [{"type": "function"}] | missing_required_parameter | tools[0].function
tools | [{"type": "web_search"}] | unsupported_parameter | tools[0].type
tools | [{"type": "function", "function": {"name": "f", "parameters": []}}] | invalid_type | tools[0].function.parameters
tools | [{"type": "function", "function": {"name": "f", "paramters": {}}}] | unknown_parameter | tools[0].function.paramters
tools | [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}] | invalid_value | tools[1].function.name
tool_choice | "required" | invalid_value | tool_choice
tool_choice | "maybe" | invalid_value | tool_choice
tool_choice | {"type": "function", "function": {"name": "f"}} | invalid_value | tool_choice.function.name
tool_choice | {"type": "allowed_tools"} | unsupported_parameter | tool_choice.type
response_format | {"type": "json_schema"} | missing_required_parameter | response_format.json_schema
response_format | {"type": "json_schema", "json_schema": {"schema": {}}} | missing_required_parameter | response_format.json_schema.name
response_format | {"type": "json_schema", "json_schema": {"name": "x"}} | missing_required_parameter | response_format.json_schema.schema
response_format | {"type": "xml"} | invalid_value | response_format.type
response_format | 7 | invalid_type | response_format
guided_json | "{" | invalid_type | guided_json
guided_choice | [] | invalid_value | guided_choice
guided_regex | "" | invalid_value | guided_regex
structured_outputs | {"json": {}, "regex": "a"} | invalid_value | structured_outputs.regex
structured_outputs | {"xml": "a"} | unknown_parameter | structured_outputs.xml
prediction | {"type": "content"} | missing_required_parameter | prediction.content
prediction | {"type": "guess", "content": "a"} | invalid_value | prediction.type
reasoning_effort | "huge" | invalid_value | reasoning_effort
chat_template_kwargs | {"tempo": 3} | unknown_parameter | chat_template_kwargs.tempo
continue_final_message | true | invalid_value | continue_final_message
service_tier | "flex" | unsupported_parameter | service_tier
store | true | unsupported_parameter | store
metadata | {"a": "b"} | unsupported_parameter | metadata
priority | 4 | invalid_value | priority
min_tokens | -1 | invalid_value | min_tokens
stream_options | {"include_obfuscation": true} | invalid_value | stream_options
invented_by_nobody | 1 | unknown_parameter | invented_by_nobody
modalities | ["text", "audio"] | unsupported_parameter | modalities
"#;

#[test]
fn every_bad_value_is_refused_by_the_name_of_its_field() {
    let mut cases = 0;
    for line in BAD.lines().filter(|line| !line.is_empty()) {
        let [field, value, code, param] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("four columns: {line}")
        };
        let error = refusal(&with(field, serde_json::from_str(value).unwrap()));
        assert_eq!(
            (error.code, error.param.as_deref()),
            (code, Some(param)),
            "{line}"
        );
        assert!(
            !error.english.is_empty() && !error.chinese.is_ascii(),
            "{line}"
        );
        cases += 1;
    }
    assert_eq!(cases, BAD.lines().count() - 1);
    assert!(cases > 70, "{cases}");
}

#[test]
fn neutral_values_and_unknown_fields_pass() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "developer", "content": "brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "c", "tool_calls": [], "refusal": null, "annotations": []},
        ],
        "n": 1, "tools": [], "tool_choice": "auto", "response_format": {"type": "text"},
        "temperature": null, "stop": null, "max_tokens": null, "logit_bias": {"7": -100},
        "seed": -1, "top_k": -1, "metadata": {}, "service_tier": "auto", "store": false,
    });
    let wish = chat::read(body.to_string().as_bytes()).unwrap();
    assert_eq!(wish.model, "m");
    let Some(Input::Chat(sent)) = &wish.request.input else {
        panic!("a chat")
    };
    let sampling = wish.request.sampling.as_ref().unwrap();
    let said: Vec<_> = sent
        .messages
        .iter()
        .map(|message| (message.role.as_str(), message.content.as_str()))
        .collect();
    assert_eq!(
        said,
        [("system", "brief"), ("user", "a\nb"), ("assistant", "c")]
    );
    assert_eq!(wish.max_prompt_tokens, 9 + 64 + 3 * 32);
    assert_eq!(wish.max_tokens, None);
    assert_eq!((sampling.top_k, sampling.seed), (0, Some(u64::MAX)));
    assert!((sampling.temperature - 1.0).abs() < f32::EPSILON);
}

#[test]
fn both_names_of_the_limit_must_agree() {
    let both = |old: i64, new: i64| {
        let mut body = with("max_tokens", json!(old));
        body["max_completion_tokens"] = json!(new);
        chat::read(body.to_string().as_bytes()).map(|wish| wish.max_tokens)
    };
    assert_eq!(both(5, 5).unwrap(), Some((5, "max_completion_tokens")));
    assert_eq!(
        both(5, 6).unwrap_err().param.as_deref(),
        Some("max_completion_tokens")
    );
}

#[test]
fn completions_take_prompts_and_sixteen_tokens_by_default() {
    let read = |body: Value| completions::read(body.to_string().as_bytes());
    let wish = read(json!({"model": "m", "prompt": ["once"]})).unwrap();
    assert_eq!(wish.request.input, Some(Input::Prompt("once".to_owned())));
    let wish = read(json!({"model": "m", "prompt": ["a", "b"], "n": 2})).unwrap();
    assert_eq!(
        (wish.more_prompts.as_slice(), wish.n),
        ([Input::Prompt("b".to_owned())].as_slice(), 2)
    );
    assert_eq!(wish.max_tokens, Some((16, "max_tokens")));
    let param = |body| read(body).unwrap_err().param.unwrap();
    assert_eq!(&*param(json!({"model": "m"})), "prompt");
    assert_eq!(
        &*param(json!({"model": "m", "prompt": ["a", "b"], "best_of": 40})),
        "best_of"
    );
    assert_eq!(
        &*param(json!({"model": "m", "prompt": vec!["a"; 60], "n": 2})),
        "prompt"
    );
    assert_eq!(
        &*param(json!({"model": "m", "prompt": "a", "n": 1, "best_of": 2, "stream": true})),
        "best_of"
    );
    assert_eq!(
        &*param(json!({"model": "m", "prompt": [1, -2]})),
        "prompt[1]"
    );
    assert_eq!(
        &*param(json!({"model": "m", "prompt": "a", "echo": true})),
        "echo"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!({"type": "text", "text": "hi"})),
        Just(json!({"role": "user", "content": "hi"})),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((field(), inner), 0..6)
                .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    let known = [
        "model",
        "messages",
        "prompt",
        "input",
        "role",
        "content",
        "type",
        "text",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "stream",
        "stream_options",
        "seed",
        "n",
        "tools",
        "encoding_format",
        "user",
        "name",
        "response_format",
        "tool_choice",
        "function",
        "guided_json",
        "structured_outputs",
        "prediction",
        "best_of",
    ];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_json_is_read_or_refused_never_a_panic(
        fields in prop::collection::vec((field(), any_json()), 0..8)
    ) {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}],
            "prompt": "hi", "input": "hi"});
        for (name, value) in fields {
            body[name] = value;
        }
        let bytes = body.to_string();
        if let Ok(wish) = chat::read(bytes.as_bytes()) {
            let sampling = wish.request.sampling.unwrap_or_default();
            prop_assert!((0.0..=2.0).contains(&sampling.temperature));
            prop_assert!(sampling.top_p > 0.0 && sampling.top_p <= 1.0);
            prop_assert!(wish.request.stop.len() <= 4);
            prop_assert!(wish.max_tokens.is_none_or(|(most, _)| most > 0));
        }
        let _ = completions::read(bytes.as_bytes());
        let _ = embeddings::read(bytes.as_bytes());
    }

    #[test]
    fn arbitrary_bytes_are_refused_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(chat::read(&bytes).unwrap_err().status.as_u16(), 400);
    }
}
