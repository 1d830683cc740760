//! The body of a request: fields to a wish, and what the answer repeats of them. Pure.

use super::input;
use crate::openai::ApiError;
use crate::openai::body::{self, view};
use crate::openai::chat::{service_tier, think_by_effort};
use crate::openai::constraint;
use crate::openai::fields::{RESPONSES, unsupported};
use crate::openai::sampling::{Wish, chat_bound};
use crate::openai::tools::{self, Toolbox};
use crate::openai::types::{Common, StreamOptions};
use crate::openai::validate::{self, integer, invalid_value};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{Chat, GenerateRequest};

const MAX_METADATA: usize = 16;
const MAX_METADATA_KEY: usize = 64;
const MAX_METADATA_VALUE: usize = 512;
const MAX_TOKENS: u32 = 1 << 20;
const LOGPROBS: &str = "message.output_text.logprobs";

#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    input: Option<Value>,
    instructions: Option<String>,
    max_output_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    text: Option<Text>,
    reasoning: Option<Reasoning>,
    metadata: Option<Map<String, Value>>,
    include: Option<Vec<String>>,
    top_logprobs: Option<i64>,
    service_tier: Option<String>,
    user: Option<String>,
    priority: Option<i64>,
    cache_salt: Option<String>,
    safety_identifier: Option<String>,
    prompt_cache_key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: Option<Value>,
    verbosity: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasoning {
    effort: Option<String>,
    summary: Option<String>,
    generate_summary: Option<String>,
}

/// The wish in a body, and the fields that the answer repeats. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<(Wish, Value), ApiError> {
    wish(&body::parse(bytes, &RESPONSES)?)
}

/// The same of a parsed body whose fields were checked. Pure.
pub(crate) fn wish(body: &Value) -> Result<(Wish, Value), ApiError> {
    let body: Body = view(body)?;
    validate::model(&body.model)?;
    service_tier(body.service_tier.as_deref())?;
    neutral(&body)?;
    metadata(body.metadata.as_ref())?;
    let toolbox = toolbox(&body)?;
    let effort = body
        .reasoning
        .as_ref()
        .and_then(|all| all.effort.as_deref());
    let chat = Chat {
        messages: input::messages(body.input.as_ref(), body.instructions.as_deref())?,
        tools: toolbox.tools.clone(),
        thinking: effort
            .map(|effort| think_by_effort("reasoning.effort", effort))
            .transpose()?,
        continue_last: false,
    };
    let bound = chat_bound(&chat);
    let common = Common {
        temperature: body.temperature,
        top_p: body.top_p,
        priority: body.priority,
        cache_salt: body.cache_salt.clone(),
        ..Common::default()
    };
    let mut asked = GenerateRequest {
        input: Some(Input::Chat(chat)),
        top_logprobs: top_logprobs(&body)?,
        ..GenerateRequest::default()
    };
    common.fill(&mut asked)?;
    let format = body.text.as_ref().and_then(|text| text.format.as_ref());
    let constraint = constraint::of(format, "text.format", &common)?;
    let limit = integer("max_output_tokens", body.max_output_tokens, (1, MAX_TOKENS))?;
    let echo = echo(&body);
    let mut wish = Wish {
        max_prompt_tokens: bound,
        max_tokens: limit.map(|limit| (limit, "max_output_tokens")),
        stream: body.stream.unwrap_or(false),
        with_logprobs: asked.top_logprobs.is_some(),
        toolbox,
        ..Wish::new(body.model, asked, "input")
    };
    wish.constrain(constraint)?;
    Ok((wish, echo))
}

fn toolbox(body: &Body) -> Result<Toolbox, ApiError> {
    let tools = tools::definitions(body.tools.as_deref().unwrap_or_default(), "")?;
    let choice = tools::chosen(body.tool_choice.as_ref(), &tools, "")?;
    Ok(Toolbox::new(
        tools,
        choice,
        body.parallel_tool_calls == Some(false),
    ))
}

/// Fields inside others that are accepted at a neutral value only.
fn neutral(body: &Body) -> Result<(), ApiError> {
    let verbosity = body
        .text
        .as_ref()
        .and_then(|text| text.verbosity.as_deref());
    if verbosity.is_some_and(|asked| asked != "medium") {
        return Err(unsupported("text.verbosity"));
    }
    if let Some(reasoning) = &body.reasoning {
        for (name, value) in [
            ("reasoning.summary", &reasoning.summary),
            ("reasoning.generate_summary", &reasoning.generate_summary),
        ] {
            // What is thought is told whole; "auto" leaves the form to us.
            if value.as_deref().is_some_and(|asked| asked != "auto") {
                return Err(unsupported(name));
            }
        }
    }
    let options = body.stream_options.as_ref();
    if options.is_some_and(|options| options.include_obfuscation == Some(true)) {
        return Err(unsupported("stream_options.include_obfuscation"));
    }
    if options.is_some_and(|options| options.include_usage.is_some()) {
        return Err(unsupported("stream_options.include_usage"));
    }
    let includes = body.include.iter().flatten().enumerate();
    for (index, what) in includes {
        if what != LOGPROBS {
            return Err(unsupported(&format!("include[{index}]")));
        }
    }
    Ok(())
}

/// Up to 16 short texts, which the answer repeats.
fn metadata(pairs: Option<&Map<String, Value>>) -> Result<(), ApiError> {
    let Some(pairs) = pairs else { return Ok(()) };
    let fits = |(key, value): (&String, &Value)| {
        let text = value.as_str().map(|text| text.chars().count());
        key.chars().count() <= MAX_METADATA_KEY
            && text.is_some_and(|length| length <= MAX_METADATA_VALUE)
    };
    if pairs.len() <= MAX_METADATA && pairs.iter().all(fits) {
        return Ok(());
    }
    Err(invalid_value(
        "metadata",
        format!("{} pairs", pairs.len()),
        "at most 16 pairs with keys of up to 64 and texts of up to 512 characters",
        "至多 16 对，键至多 64 个字符，值为至多 512 个字符的文本",
    ))
}

fn top_logprobs(body: &Body) -> Result<Option<u32>, ApiError> {
    let top = integer("top_logprobs", body.top_logprobs, (0, 20))?;
    let included = body.include.iter().flatten().any(|what| what == LOGPROBS);
    match top {
        Some(top) if top > 0 && !included => Err(invalid_value(
            "top_logprobs",
            top,
            "top_logprobs only together with 'message.output_text.logprobs' in include",
            "仅在 include 含 message.output_text.logprobs 时给出 top_logprobs",
        )),
        top => Ok(included.then(|| top.unwrap_or(0))),
    }
}

/// What the answer repeats of its request.
fn echo(body: &Body) -> Value {
    let text = body.text.as_ref().and_then(|text| text.format.clone());
    let format = text.filter(|format| !format.is_null());
    let tools = body.tools.iter().flatten().map(|tool| {
        let mut tool = tool.clone();
        // Absent fields are told at their defaults, as the official interface does.
        if let Some(tool) = tool.as_object_mut() {
            for (name, default) in [
                ("description", Value::Null),
                ("parameters", Value::Null),
                ("strict", json!(true)),
            ] {
                tool.entry(name).or_insert(default);
            }
        }
        tool
    });
    json!({
        "background": false,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": null,
        "metadata": body.metadata.clone().unwrap_or_default(),
        "model": body.model,
        "parallel_tool_calls": body.parallel_tool_calls.unwrap_or(true),
        "previous_response_id": null,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {
            "effort": body.reasoning.as_ref().and_then(|all| all.effort.clone()),
            "summary": null,
        },
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": false,
        "temperature": body.temperature.unwrap_or(1.0),
        "text": {"format": format.unwrap_or_else(|| json!({"type": "text"})), "verbosity": "medium"},
        "tool_choice": body.tool_choice.clone().filter(|choice| !choice.is_null()).unwrap_or_else(|| json!("auto")),
        "tools": tools.collect::<Vec<_>>(),
        "top_logprobs": body.top_logprobs.unwrap_or(0),
        "top_p": body.top_p.unwrap_or(1.0),
        "truncation": "disabled",
        "user": body.user,
    })
}
