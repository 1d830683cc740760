//! The OpenAI-shaped HTTP interface: requests, answers, streams, refusals.

mod ability;
mod body;
mod chat;
mod completions;
mod constraint;
mod embeddings;
mod error;
mod fields;
mod generate;
#[cfg(test)]
mod hostile;
mod logprobs;
mod messages;
mod models;
mod open;
mod pieces;
mod reader;
mod refusals;
mod replies;
mod rerank;
mod sampling;
mod strands;
mod stream;
mod tokenize;
mod tools;
pub(crate) mod trouble;
mod types;
mod unary;
mod validate;

pub(crate) use error::ApiError;
pub(crate) use trouble::Verdict;

use crate::app::App;
use axum::Router;
use axum::routing::{any, get, post};

/// Every path of the interface; unknown ones below `/v1` and wrong methods get its errors too.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{model}", get(models::get))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/completions", post(completions::create))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/v1/rerank", post(rerank::create))
        .route("/v1/tokenize", post(tokenize::create))
        .route("/v1", any(unknown_url))
        .route("/v1/", any(unknown_url))
        .route("/v1/{*rest}", any(unknown_url))
        .method_not_allowed_fallback(error::wrong_method)
}

pub(crate) use error::unknown_url;
