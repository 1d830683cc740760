//! POST /v1/completions.

use super::ApiError;
use super::body::{self, view};
use super::fields::COMPLETIONS;
use super::generate::answer;
use super::replies::{Kind, Reply};
use super::sampling::{Wish, max_tokens, runs};
use super::texts::Texts;
use super::types::{Common, CompletionRequest};
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
use zhisuan_proto::v1::GenerateRequest;

/// What the official interface generates when nothing is asked for.
const DEFAULT_MAX_TOKENS: i64 = 16;
/// Answers to all prompts of one request together.
const MAX_ANSWERS: usize = 64;

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    admitted: Admitted,
    body: Body,
) -> Result<Response, ApiError> {
    let wish = read(&body::read(body).await?)?;
    let reply = Reply::new(Kind::Completion, &call.id, &wish, unix_s());
    Box::pin(answer(
        &app,
        &call,
        admitted,
        reply,
        wish,
        ability::COMPLETIONS,
    ))
    .await
}

/// The wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<Wish, ApiError> {
    wish(&body::parse(bytes, &COMPLETIONS)?)
}

/// The wish in a parsed body whose fields were checked. Pure.
pub(crate) fn wish(body: &Value) -> Result<Wish, ApiError> {
    let request: CompletionRequest = view(body)?;
    let common: Common = view(body)?;
    validate::model(&request.model)?;
    let prompts = Texts::read("prompt", request.prompt.as_ref(), MAX_ANSWERS)?;
    let (stream, include_usage) = common.stream()?;
    let (n, best_of) = runs(common.n, request.best_of, stream)?;
    if prompts.len() * best_of as usize > MAX_ANSWERS {
        return Err(invalid_value(
            "prompt",
            format!("{} prompts with {best_of} answers each", prompts.len()),
            "at most 64 answers in one request",
            "一次请求至多 64 个回答",
        ));
    }
    // The best answers are found by the probabilities of their tokens.
    let logprobs = integer("logprobs", request.logprobs, (0, 5))?;
    let mut asked = GenerateRequest {
        top_logprobs: logprobs.or_else(|| (best_of > n).then_some(0)),
        ..GenerateRequest::default()
    };
    common.fill(&mut asked)?;
    let limit = common.max_tokens.or(Some(DEFAULT_MAX_TOKENS));
    let mut wish = Wish {
        max_tokens: max_tokens(limit, None)?,
        n,
        best_of,
        stream,
        include_usage,
        with_logprobs: logprobs.is_some(),
        ..Wish::new(request.model, asked, "prompt")
    };
    wish.prompts(&prompts);
    wish.by_tokens = matches!(prompts, Texts::Tokens(_)).then_some(prompts);
    wish.constrain(constraint::of(None, "response_format", &common)?)?;
    Ok(wish)
}
