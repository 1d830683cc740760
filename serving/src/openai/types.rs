//! Requests as they arrive. Every optional field may be `null`, as in the official interface.
//!
//! Fields that take several shapes stay JSON values here; other modules turn them into one shape,
//! with an error that names the exact element.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Body of POST /v1/chat/completions, beyond [`Common`].
#[derive(Debug, Deserialize)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) messages: Vec<Map<String, Value>>,
    pub(crate) max_completion_tokens: Option<i64>,
    pub(crate) logprobs: Option<bool>,
    pub(crate) top_logprobs: Option<i64>,
    pub(crate) tools: Option<Vec<Value>>,
    pub(crate) tool_choice: Option<Value>,
    pub(crate) parallel_tool_calls: Option<bool>,
    pub(crate) response_format: Option<Value>,
    pub(crate) prediction: Option<Value>,
    pub(crate) reasoning_effort: Option<String>,
    pub(crate) chat_template_kwargs: Option<TemplateSwitches>,
    pub(crate) continue_final_message: Option<bool>,
    pub(crate) service_tier: Option<String>,
    // Hints that change nothing in an answer; their types are checked.
    #[serde(rename = "safety_identifier")]
    pub(crate) _safety_identifier: Option<String>,
    #[serde(rename = "prompt_cache_key")]
    pub(crate) _prompt_cache_key: Option<String>,
}

/// Switches of chat templates that callers may set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateSwitches {
    pub(crate) enable_thinking: Option<bool>,
    pub(crate) thinking: Option<bool>,
}

/// Body of POST /v1/completions, beyond [`Common`].
#[derive(Debug, Deserialize)]
pub(crate) struct CompletionRequest {
    pub(crate) model: String,
    pub(crate) prompt: Option<Value>,
    pub(crate) logprobs: Option<i64>,
    pub(crate) best_of: Option<i64>,
}

/// Body of POST /v1/embeddings.
#[derive(Debug, Deserialize)]
pub(crate) struct EmbeddingRequest {
    pub(crate) model: String,
    pub(crate) input: Option<Value>,
    pub(crate) encoding_format: Option<String>,
    pub(crate) dimensions: Option<i64>,
    /// Put before every text, for models that were trained so.
    pub(crate) instruction: Option<String>,
    pub(crate) priority: Option<i64>,
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
    pub(crate) n: Option<i64>,
    // Checked for its type only: accounting goes by key, not by what a caller writes here.
    #[serde(rename = "user")]
    pub(crate) _user: Option<String>,
    // Extensions that other engines know under the same names.
    pub(crate) top_k: Option<i64>,
    pub(crate) min_p: Option<f64>,
    pub(crate) repetition_penalty: Option<f64>,
    pub(crate) min_tokens: Option<i64>,
    pub(crate) stop_token_ids: Option<Vec<u32>>,
    pub(crate) ignore_eos: Option<bool>,
    pub(crate) priority: Option<i64>,
    pub(crate) cache_salt: Option<String>,
    pub(crate) guided_json: Option<Value>,
    pub(crate) guided_regex: Option<String>,
    pub(crate) guided_choice: Option<Vec<String>>,
    pub(crate) guided_grammar: Option<String>,
    pub(crate) structured_outputs: Option<StructuredOutputs>,
}

/// The newer form of the `guided_` fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StructuredOutputs {
    pub(crate) json: Option<Value>,
    pub(crate) regex: Option<String>,
    pub(crate) choice: Option<Vec<String>>,
    pub(crate) grammar: Option<String>,
    pub(crate) json_object: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: Option<bool>,
    /// Padding against traffic analysis; none is sent, so only its absence can be asked for.
    pub(crate) include_obfuscation: Option<bool>,
}
