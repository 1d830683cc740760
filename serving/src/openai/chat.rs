//! POST /v1/chat/completions.

use super::ApiError;
use super::body::{self, view};
use super::generate::answer;
use super::replies::{Kind, Reply};
use super::sampling::{Wish, max_tokens, prompt_bound};
use super::types::{ChatRequest, Common};
use super::unsupported::CHAT;
use super::validate::{self, integer, invalid_value};
use crate::app::App;
use crate::call::{Call, unix_s};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use zhisuan_proto::v1::Chat;
use zhisuan_proto::v1::generate_request::Input;

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let admitted = app.admit(&head).await?;
    let (model, wish) = read(&body::read(body).await?)?;
    let mut reply = Reply::new(Kind::Chat, call.id.clone(), model, unix_s());
    reply.with_logprobs = wish.top_logprobs.is_some();
    Box::pin(answer(&app, &call, admitted, reply, wish)).await
}

/// The model and the wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<(String, Wish), ApiError> {
    let body = body::parse(bytes, CHAT)?;
    let request: ChatRequest = view(&body)?;
    let common: Common = view(&body)?;
    validate::model(&request.model)?;
    let messages = validate::messages(&request.messages)?;
    let (stream, include_usage) = common.stream()?;
    let text_bytes = messages.iter().map(|message| message.content.len()).sum();
    let wish = Wish {
        max_prompt_tokens: prompt_bound(text_bytes, messages.len()),
        input: Input::Chat(Chat {
            messages,
            ..Chat::default()
        }),
        max_tokens: max_tokens(common.max_tokens, request.max_completion_tokens)?,
        sampling: common.sampling()?,
        stop: common.stop()?,
        top_logprobs: top_logprobs(&request)?,
        stream,
        include_usage,
    };
    Ok((request.model, wish))
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
