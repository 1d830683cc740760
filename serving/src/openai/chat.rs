//! POST /v1/chat/completions.

use super::ApiError;
use super::body::{self, view};
use super::fields::{self, CHAT};
use super::generate::answer;
use super::messages;
use super::replies::{Kind, Reply};
use super::sampling::{Wish, chat_bound, max_tokens, runs};
use super::tools;
use super::types::{ChatRequest, Common, TemplateSwitches};
use super::validate::{self, integer, invalid_value};
use super::{ability, constraint};
use crate::admit::Admitted;
use crate::app::App;
use crate::call::{Call, unix_s};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{Chat, GenerateRequest};

const MAX_PREDICTION_BYTES: usize = 256 * 1024;

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    admitted: Admitted,
    body: Body,
) -> Result<Response, ApiError> {
    let wish = read(&body::read(body).await?)?;
    let reply = Reply::new(Kind::Chat, &call.id, &wish, unix_s());
    Box::pin(answer(&app, &call, admitted, reply, wish, ability::CHAT)).await
}

/// The wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<Wish, ApiError> {
    wish(&body::parse(bytes, &CHAT)?)
}

/// The wish in a parsed body whose fields were checked. Pure.
pub(crate) fn wish(body: &Value) -> Result<Wish, ApiError> {
    let request: ChatRequest = view(body)?;
    let common: Common = view(body)?;
    validate::model(&request.model)?;
    service_tier(request.service_tier.as_deref())?;
    let continues = request.continue_final_message.unwrap_or(false);
    let toolbox = tools::of_chat(
        request.tools.as_deref(),
        request.tool_choice.as_ref(),
        request.parallel_tool_calls,
    )?;
    let chat = Chat {
        messages: messages::read(&request.messages, continues)?,
        tools: toolbox.tools.clone(),
        thinking: thinking(
            request.reasoning_effort.as_deref(),
            request.chat_template_kwargs.as_ref(),
        )?,
        continue_last: continues,
    };
    let bound = chat_bound(&chat);
    let mut asked = GenerateRequest {
        input: Some(Input::Chat(chat)),
        top_logprobs: top_logprobs(&request)?,
        prediction: prediction(request.prediction.as_ref())?,
        ..GenerateRequest::default()
    };
    common.fill(&mut asked)?;
    let (stream, include_usage) = common.stream()?;
    let (n, best_of) = runs(common.n, None, stream)?;
    let constraint = constraint::of(request.response_format.as_ref(), "response_format", &common)?;
    let mut wish = Wish {
        with_logprobs: asked.top_logprobs.is_some(),
        max_prompt_tokens: bound,
        max_tokens: max_tokens(common.max_tokens, request.max_completion_tokens)?,
        n,
        best_of,
        stream,
        include_usage,
        toolbox,
        ..Wish::new(request.model, asked, "messages")
    };
    wish.constrain(constraint)?;
    Ok(wish)
}

/// Every request is served at the one tier there is.
pub(crate) fn service_tier(tier: Option<&str>) -> Result<(), ApiError> {
    match tier {
        None | Some("auto" | "default") => Ok(()),
        Some("flex" | "priority" | "scale") => Err(fields::unsupported("service_tier")),
        Some(other) => Err(invalid_value(
            "service_tier",
            other,
            "'auto' or 'default'",
            " auto 或 default",
        )),
    }
}

/// Whether the model thinks first; unset leaves it to its template.
fn thinking(
    effort: Option<&str>,
    switches: Option<&TemplateSwitches>,
) -> Result<Option<bool>, ApiError> {
    let by_effort = effort
        .map(|effort| think_by_effort("reasoning_effort", effort))
        .transpose()?;
    let by_switch = switches.and_then(|all| all.enable_thinking.or(all.thinking));
    match (by_effort, by_switch) {
        (Some(effort), Some(switch)) if effort != switch => Err(invalid_value(
            "chat_template_kwargs.enable_thinking",
            switch,
            "a value that agrees with reasoning_effort",
            "与 reasoning_effort 一致的值",
        )),
        (effort, switch) => Ok(effort.or(switch)),
    }
}

/// Models here either think or do not: every effort above none is thinking.
pub(crate) fn think_by_effort(path: &str, effort: &str) -> Result<bool, ApiError> {
    match effort {
        "none" => Ok(false),
        "minimal" | "low" | "medium" | "high" | "xhigh" => Ok(true),
        other => Err(invalid_value(
            path,
            other,
            "'none', 'minimal', 'low', 'medium', 'high' or 'xhigh'",
            " none、minimal、low、medium、high 或 xhigh",
        )),
    }
}

/// `{"type": "content", "content": text or parts}`.
fn prediction(value: Option<&Value>) -> Result<String, ApiError> {
    let object = match value {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(Value::Object(object)) => object,
        Some(other) => return Err(validate::wrong_type("prediction", other, "an object")),
    };
    if object.get("type").and_then(Value::as_str) != Some("content") {
        let shown = object.get("type").unwrap_or(&Value::Null);
        return Err(invalid_value(
            "prediction.type",
            shown,
            "'content'",
            " content",
        ));
    }
    let text = messages::content_text("prediction.content", object.get("content"))?;
    if text.len() > MAX_PREDICTION_BYTES {
        let bytes = format!("{} bytes", text.len());
        return Err(invalid_value(
            "prediction.content",
            bytes,
            "at most 262144 bytes",
            "至多 262144 字节",
        ));
    }
    Ok(text)
}

fn top_logprobs(request: &ChatRequest) -> Result<Option<u32>, ApiError> {
    let top = integer("top_logprobs", request.top_logprobs, (0, 20))?;
    match (request.logprobs.unwrap_or(false), top) {
        (true, top) => Ok(Some(top.unwrap_or(0))),
        (false, None | Some(0)) => Ok(None),
        (false, Some(top)) => Err(invalid_value(
            "top_logprobs",
            top,
            "top_logprobs only together with 'logprobs': true",
            "仅在 logprobs 为 true 时给出 top_logprobs",
        )),
    }
}
