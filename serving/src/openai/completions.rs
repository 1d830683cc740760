//! POST /v1/completions.

use super::ApiError;
use super::body::{self, view};
use super::generate::answer;
use super::replies::{Kind, Reply};
use super::sampling::{Wish, max_tokens, prompt_bound};
use super::types::{Common, CompletionRequest};
use super::unsupported::COMPLETIONS;
use super::validate::{self, integer};
use crate::app::App;
use crate::call::{Call, unix_s};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use zhisuan_proto::v1::generate_request::Input;

/// What the official interface generates when nothing is asked for.
const DEFAULT_MAX_TOKENS: i64 = 16;

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let admitted = app.admit(&head).await?;
    let (model, wish) = read(&body::read(body).await?)?;
    let mut reply = Reply::new(Kind::Completion, call.id.clone(), model, unix_s());
    reply.with_logprobs = wish.top_logprobs.is_some();
    Box::pin(answer(&app, &call, admitted, reply, wish)).await
}

/// The model and the wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<(String, Wish), ApiError> {
    let body = body::parse(bytes, COMPLETIONS)?;
    let request: CompletionRequest = view(&body)?;
    let common: Common = view(&body)?;
    validate::model(&request.model)?;
    // One prompt per request: several would be several answers.
    let prompt = validate::texts("prompt", request.prompt.as_ref(), 1)?.concat();
    let (stream, include_usage) = common.stream()?;
    let asked = common.max_tokens.or(Some(DEFAULT_MAX_TOKENS));
    let wish = Wish {
        max_prompt_tokens: prompt_bound(prompt.len(), 1),
        input: Input::Prompt(prompt),
        max_tokens: max_tokens(asked, None)?,
        sampling: common.sampling()?,
        stop: common.stop()?,
        top_logprobs: integer("logprobs", request.logprobs, (0, 5))?,
        stream,
        include_usage,
    };
    Ok((request.model, wish))
}
