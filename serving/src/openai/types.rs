//! Requests as they arrive. Every optional field may be `null`, as in the official interface.
//!
//! Fields that take several shapes stay JSON values here; `validate` turns them into one shape,
//! with an error that names the exact element.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Body of POST /v1/chat/completions, beyond [`Common`].
#[derive(Debug, Deserialize)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) max_completion_tokens: Option<i64>,
    pub(crate) logprobs: Option<bool>,
    pub(crate) top_logprobs: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) content: Option<Value>,
    pub(crate) name: Option<Value>,
    pub(crate) tool_calls: Option<Value>,
    pub(crate) function_call: Option<Value>,
    pub(crate) audio: Option<Value>,
}

/// Body of POST /v1/completions, beyond [`Common`].
#[derive(Debug, Deserialize)]
pub(crate) struct CompletionRequest {
    pub(crate) model: String,
    pub(crate) prompt: Option<Value>,
    pub(crate) logprobs: Option<i64>,
}

/// Body of POST /v1/embeddings.
#[derive(Debug, Deserialize)]
pub(crate) struct EmbeddingRequest {
    pub(crate) model: String,
    pub(crate) input: Option<Value>,
    pub(crate) encoding_format: Option<String>,
    #[serde(rename = "user")]
    pub(crate) _user: Option<String>,
}

/// What requests for text share.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Common {
    pub(crate) max_tokens: Option<i64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) seed: Option<i64>,
    pub(crate) logit_bias: Option<BTreeMap<String, f64>>,
    pub(crate) stop: Option<Value>,
    pub(crate) stream: Option<bool>,
    pub(crate) stream_options: Option<StreamOptions>,
    // Checked for its type only: accounting goes by key, not by what a caller writes here.
    #[serde(rename = "user")]
    pub(crate) _user: Option<String>,
    // Extensions that other engines know under the same names.
    pub(crate) top_k: Option<i64>,
    pub(crate) min_p: Option<f64>,
    pub(crate) repetition_penalty: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: Option<bool>,
}
