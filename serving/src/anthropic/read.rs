//! The body of a request to a wish. Pure.

use super::content::{self, CacheControl};
use super::tools::{self, ToolChoice};
use crate::openai::ApiError;
use crate::openai::body::{self, missing_parameter, view};
use crate::openai::constraint;
use crate::openai::fields::{MESSAGES, unsupported};
use crate::openai::sampling::{Wish, chat_bound};
use crate::openai::tools::Toolbox;
use crate::openai::types::Common;
use crate::openai::validate::{self, integer, invalid_value, wrong_type};
use serde::Deserialize;
use serde_json::{Map, Value};
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{Chat, GenerateRequest, TokenizeRequest, tokenize_request};

const MAX_TOKENS: u32 = 1 << 20;

#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    max_tokens: Option<i64>,
    messages: Vec<Map<String, Value>>,
    system: Option<Value>,
    stop_sequences: Option<Vec<String>>,
    stream: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<ToolChoice>,
    thinking: Option<Thinking>,
    #[serde(rename = "metadata")]
    _metadata: Option<Metadata>,
    service_tier: Option<String>,
    cache_control: Option<Value>,
    output_config: Option<OutputConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thinking {
    r#type: String,
    budget_tokens: Option<i64>,
    display: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(rename = "user_id")]
    _user_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputConfig {
    format: Option<Map<String, Value>>,
    effort: Option<String>,
}

/// The wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<Wish, ApiError> {
    let body: Body = view(&body::parse(bytes, &MESSAGES)?)?;
    let Some(limit) = integer("max_tokens", body.max_tokens, (1, MAX_TOKENS))? else {
        return Err(missing_parameter("max_tokens"));
    };
    check(&body)?;
    if body.temperature.is_some_and(|asked| asked > 1.0) {
        return Err(invalid_value(
            "temperature",
            body.temperature.unwrap_or_default(),
            "a number from 0 to 1",
            " 0 到 1 之间的数",
        ));
    }
    let (chat, toolbox, pin_s) = chat(&body)?;
    let bound = chat_bound(&chat);
    let mut asked = GenerateRequest {
        input: Some(Input::Chat(chat)),
        pin_s,
        ..GenerateRequest::default()
    };
    common(&body).fill(&mut asked)?;
    asked.stop = stop_sequences(body.stop_sequences.as_deref())?;
    let constraint = format(body.output_config.as_ref())?;
    let mut wish = Wish {
        max_prompt_tokens: bound,
        max_tokens: Some((limit, "max_tokens")),
        stream: body.stream.unwrap_or(false),
        toolbox,
        ..Wish::new(body.model, asked, "messages")
    };
    wish.constrain(constraint)?;
    Ok(wish)
}

/// The count that a body asks for. Pure.
pub(crate) fn read_count(bytes: &[u8]) -> Result<TokenizeRequest, ApiError> {
    let body: Body = view(&body::parse(bytes, &MESSAGES)?)?;
    check(&body)?;
    let (chat, _, _) = chat(&body)?;
    Ok(TokenizeRequest {
        model: body.model,
        input: Some(tokenize_request::Input::Chat(chat)),
    })
}

fn common(body: &Body) -> Common {
    Common {
        temperature: body.temperature,
        top_p: body.top_p,
        top_k: body.top_k,
        ..Common::default()
    }
}

fn check(body: &Body) -> Result<(), ApiError> {
    validate::model(&body.model)?;
    match body.service_tier.as_deref() {
        None | Some("auto" | "standard_only") => {}
        Some(other) => {
            return Err(invalid_value(
                "service_tier",
                other,
                "'auto' or 'standard_only'",
                " auto 或 standard_only",
            ));
        }
    }
    let effort = body
        .output_config
        .as_ref()
        .and_then(|all| all.effort.as_deref());
    if effort.is_some() {
        return Err(unsupported("output_config.effort"));
    }
    Ok(())
}

/// The chat, the tools in it, and for how long its prompt stays in the cache.
fn chat(body: &Body) -> Result<(Chat, Toolbox, u32), ApiError> {
    let mut pins = CacheControl::default();
    if let Some(control) = &body.cache_control {
        pins.whole(control)?;
    }
    let toolbox = tools::read(body.tools.as_deref(), body.tool_choice.as_ref(), &mut pins)?;
    let mut messages = Vec::new();
    if let Some(system) = body.system.as_ref().filter(|value| !value.is_null()) {
        messages.push(content::system(system, &mut pins)?);
    }
    for (index, message) in body.messages.iter().enumerate() {
        content::turn(
            &format!("messages[{index}]"),
            message,
            &mut messages,
            &mut pins,
        )?;
    }
    crate::openai::messages::count("messages", body.messages.len())?;
    let continue_last = messages.last().is_some_and(|last| last.role == "assistant");
    if continue_last
        && messages
            .last()
            .is_some_and(|last| !last.tool_calls.is_empty())
    {
        let last = format!("messages[{}]", body.messages.len() - 1);
        return Err(invalid_value(
            &last,
            "tool_use",
            "a user message with the tool's result after it",
            "其后须有带工具结果的 user 消息",
        ));
    }
    let chat = Chat {
        messages,
        tools: toolbox.tools.clone(),
        thinking: thinking(body.thinking.as_ref())?,
        continue_last,
    };
    Ok((chat, toolbox, pins.seconds()))
}

/// A budget is checked and no more: the engine counts thoughts into `max_tokens`.
fn thinking(asked: Option<&Thinking>) -> Result<Option<bool>, ApiError> {
    let Some(asked) = asked else { return Ok(None) };
    if asked
        .display
        .as_deref()
        .is_some_and(|display| display != "summarized")
    {
        return Err(unsupported("thinking.display"));
    }
    match asked.r#type.as_str() {
        "enabled" if asked.budget_tokens.is_some() => Err(unsupported("thinking.budget_tokens")),
        "enabled" | "adaptive" => Ok(Some(true)),
        "disabled" => Ok(Some(false)),
        other => Err(invalid_value(
            "thinking.type",
            other,
            "'enabled', 'adaptive' or 'disabled'",
            " enabled、adaptive 或 disabled",
        )),
    }
}

fn stop_sequences(asked: Option<&[String]>) -> Result<Vec<String>, ApiError> {
    let values = asked.unwrap_or_default().iter().cloned().map(Value::from);
    let list = Value::Array(values.collect());
    validate::stops("stop_sequences", Some(&list))
}

/// `{"type": "json_schema", "schema": {...}}`.
fn format(config: Option<&OutputConfig>) -> Result<Option<constraint::Named>, ApiError> {
    let Some(format) = config.and_then(|config| config.format.as_ref()) else {
        return Ok(None);
    };
    match format.get("type").and_then(Value::as_str) {
        None => return Err(missing_parameter("output_config.format.type")),
        Some("json_schema") => {}
        Some(other) => {
            return Err(invalid_value(
                "output_config.format.type",
                other,
                "'json_schema'",
                " json_schema",
            ));
        }
    }
    let path = "output_config.format.schema";
    match format.get("schema") {
        None | Some(Value::Null) => Err(missing_parameter(path)),
        Some(schema @ Value::Object(_)) => constraint::of_schema(path, schema).map(Some),
        Some(other) => Err(wrong_type(path, other, "a JSON Schema, which is an object")),
    }
}
