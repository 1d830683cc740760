//! Pure: a request as the interface of the field has it.

use crate::openai::ApiError;
use serde_json::{Map, Value, json};
use zhisuan_proto::v1::constraint::Form;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{Chat, ChatMessage, Constraint, GenerateRequest, Sampling};

/// Path and body of a request for text.
pub(super) fn generate(
    model: &str,
    request: &GenerateRequest,
) -> Result<(&'static str, Value), ApiError> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    put("model", json!(model));
    put("stream", json!(true));
    put("stream_options", json!({"include_usage": true}));
    put("max_tokens", json!(request.max_tokens));
    if !request.stop.is_empty() {
        put("stop", json!(request.stop));
    }
    let chat = matches!(request.input, Some(Input::Chat(_)));
    match (chat, request.top_logprobs) {
        (_, None) => {}
        (true, Some(top)) => {
            put("logprobs", json!(true));
            put("top_logprobs", json!(top));
        }
        (false, Some(top)) => put("logprobs", json!(top)),
    }
    if request.ignore_eos {
        put("ignore_eos", json!(true));
    }
    if request.min_tokens > 0 {
        put("min_tokens", json!(request.min_tokens));
    }
    if !request.stop_tokens.is_empty() {
        put("stop_token_ids", json!(request.stop_tokens));
    }
    if let Some(form) = constraint(request.constraint.as_ref())? {
        put("response_format", form);
    }
    sampling(&request.sampling.clone().unwrap_or_default(), &mut put);
    let path = match &request.input {
        Some(Input::Chat(said)) => {
            fill_chat(said, &mut put);
            "/chat/completions"
        }
        Some(Input::Prompt(prompt)) => {
            put("prompt", json!(prompt));
            "/completions"
        }
        Some(Input::TokenIds(tokens)) => {
            put("prompt", json!(tokens.ids));
            "/completions"
        }
        None => return Err(ApiError::internal()),
    };
    Ok((path, Value::Object(body)))
}

fn fill_chat(chat: &Chat, put: &mut impl FnMut(&str, Value)) {
    put("messages", chat.messages.iter().map(message).collect());
    if !chat.tools.is_empty() {
        let tools = chat.tools.iter().map(|tool| {
            let parameters = serde_json::from_str(&tool.parameters);
            let parameters: Value = parameters.unwrap_or_else(|_| json!({}));
            let mut function = json!({
                "name": tool.name,
                "description": tool.description,
                "parameters": parameters,
            });
            if tool.strict {
                function["strict"] = json!(true);
            }
            json!({"type": "function", "function": function})
        });
        put("tools", tools.collect());
    }
    if let Some(thinking) = chat.thinking {
        put("chat_template_kwargs", json!({"enable_thinking": thinking}));
    }
    if chat.continue_last {
        put("continue_final_message", json!(true));
        put("add_generation_prompt", json!(false));
    }
}

fn message(message: &ChatMessage) -> Value {
    let mut value = json!({"role": message.role, "content": message.content});
    if !message.name.is_empty() {
        value["name"] = json!(message.name);
    }
    if !message.tool_call_id.is_empty() {
        value["tool_call_id"] = json!(message.tool_call_id);
    }
    if !message.reasoning.is_empty() {
        value["reasoning_content"] = json!(message.reasoning);
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })
        });
        value["tool_calls"] = calls.collect();
    }
    value
}

/// What a replica works in; fields beyond the official ones are sent only where they say something.
fn sampling(sampling: &Sampling, put: &mut impl FnMut(&str, Value)) {
    put("temperature", json!(sampling.temperature));
    put("top_p", json!(sampling.top_p));
    if sampling.presence_penalty != 0.0 {
        put("presence_penalty", json!(sampling.presence_penalty));
    }
    if sampling.frequency_penalty != 0.0 {
        put("frequency_penalty", json!(sampling.frequency_penalty));
    }
    if let Some(seed) = sampling.seed {
        // Beyond this the official interface takes none.
        put("seed", json!(seed & (i64::MAX as u64)));
    }
    if !sampling.logit_bias.is_empty() {
        let bias = sampling.logit_bias.iter();
        let bias: Map<String, Value> = bias.map(|(id, by)| (id.to_string(), json!(by))).collect();
        put("logit_bias", Value::Object(bias));
    }
    if sampling.top_k > 0 {
        put("top_k", json!(sampling.top_k));
    }
    if sampling.min_p > 0.0 {
        put("min_p", json!(sampling.min_p));
    }
    let repetition = sampling.repetition_penalty;
    if repetition > 0.0 && (repetition - 1.0).abs() > f32::EPSILON {
        put("repetition_penalty", json!(repetition));
    }
}

/// The constraint as `response_format`; those that only some servers know are refused by name.
fn constraint(constraint: Option<&Constraint>) -> Result<Option<Value>, ApiError> {
    let refused = |code| Err(ApiError::replica_refused("response_format", code, ""));
    let Some(form) = constraint.and_then(|constraint| constraint.form.as_ref()) else {
        return Ok(None);
    };
    match form {
        Form::JsonSchema(schema) => {
            let Ok(schema) = serde_json::from_str::<Value>(schema) else {
                return refused("schema_is_no_json");
            };
            let named = json!({"name": "answer", "schema": schema, "strict": true});
            Ok(Some(json!({"type": "json_schema", "json_schema": named})))
        }
        Form::JsonObject(_) => Ok(Some(json!({"type": "json_object"}))),
        Form::Regex(_) => refused("backend_takes_no_regex"),
        Form::Lark(_) => refused("backend_takes_no_grammar"),
        Form::Choices(_) => refused("backend_takes_no_choices"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::generate;
    use serde_json::json;
    use zhisuan_proto::v1::constraint::Form;
    use zhisuan_proto::v1::generate_request::Input;
    use zhisuan_proto::v1::{Chat, ChatMessage, Constraint, GenerateRequest, Sampling, Tool};

    #[test]
    fn a_chat_is_asked_for_as_a_stream_with_usage() {
        let request = GenerateRequest {
            input: Some(Input::Chat(Chat {
                messages: vec![ChatMessage {
                    role: "user".to_owned(),
                    content: "问".to_owned(),
                    ..ChatMessage::default()
                }],
                tools: vec![Tool {
                    name: "look".to_owned(),
                    parameters: r#"{"type":"object"}"#.to_owned(),
                    ..Tool::default()
                }],
                ..Chat::default()
            })),
            max_tokens: 9,
            top_logprobs: Some(2),
            sampling: Some(Sampling {
                temperature: 0.5,
                top_p: 1.0,
                seed: Some(u64::MAX),
                ..Sampling::default()
            }),
            ..GenerateRequest::default()
        };
        let (path, body) = generate("their-name", &request).unwrap();
        assert_eq!(path, "/chat/completions");
        assert_eq!(body["model"], "their-name");
        assert_eq!(body["messages"], json!([{"role": "user", "content": "问"}]));
        assert_eq!(body["stream_options"], json!({"include_usage": true}));
        assert_eq!(
            (&body["logprobs"], &body["top_logprobs"]),
            (&json!(true), &json!(2))
        );
        assert_eq!(
            body["tools"][0]["function"]["parameters"],
            json!({"type": "object"})
        );
        assert_eq!(body["seed"], json!(i64::MAX));
        assert!(body.get("top_k").is_none() && body.get("repetition_penalty").is_none());
    }

    #[test]
    fn constraints_that_only_some_servers_know_are_refused() {
        let with = |form| GenerateRequest {
            input: Some(Input::Prompt("p".to_owned())),
            constraint: Some(Constraint { form: Some(form) }),
            ..GenerateRequest::default()
        };
        let (path, body) = generate("m", &with(Form::JsonSchema("{}".to_owned()))).unwrap();
        assert_eq!(
            (path, &body["response_format"]["type"]),
            ("/completions", &json!("json_schema"))
        );
        assert!(generate("m", &with(Form::Regex("a+".to_owned()))).is_err());
    }
}
