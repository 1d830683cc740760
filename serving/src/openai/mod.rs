//! The OpenAI-shaped HTTP interface: requests, answers, streams, refusals.

pub(crate) mod ability;
mod asks;
pub(crate) mod batches;
pub(crate) mod body;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod constraint;
pub(crate) mod detokenize;
pub(crate) mod embeddings;
mod error;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod generate;
#[cfg(test)]
mod hostile;
mod list;
mod logprobs;
pub(crate) mod messages;
mod models;
mod open;
pub(crate) mod pieces;
mod refusals;
mod remote;
mod replies;
pub(crate) mod rerank;
pub(crate) mod responses;
pub(crate) mod sampling;
mod strands;
pub(crate) mod stream;
mod texts;
pub(crate) mod tokenize;
pub(crate) mod tools;
pub(crate) mod trouble;
#[cfg(test)]
mod trouble_tests;
pub(crate) mod types;
mod unary;
pub(crate) mod validate;

pub(crate) use error::ApiError;
pub(crate) use trouble::Verdict;

use crate::app::App;
use axum::routing::{any, get, post};
use axum::{Extension, Router};

/// Every path of the interface; unknown ones below `/v1` and wrong methods get its errors too.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{model}", get(models::get))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/completions", post(completions::create))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/v1/responses", post(responses::create))
        .route("/v1/rerank", post(rerank::create))
        .route("/v1/tokenize", post(tokenize::create))
        .route("/v1/detokenize", post(detokenize::create))
        .merge(files::router())
        .merge(batches::router())
        .layer(Extension(files::Tallies::default()))
        .route("/v1", any(unknown_url))
        .route("/v1/", any(unknown_url))
        .route("/v1/{*rest}", any(unknown_url))
        .method_not_allowed_fallback(error::wrong_method)
}

pub(crate) use error::unknown_url;
