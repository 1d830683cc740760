//! Which fields a request may have: honoured, accepted at a value that asks for nothing, or
//! refused by name. Nothing is ignored.

use super::ApiError;
use serde_json::{Map, Value};

/// Name of a field that is known and not offered, and the test for values that ask for nothing.
/// `null` always does.
pub(crate) type Neutral = (&'static str, fn(&Value) -> bool);

/// The fields of one kind of request.
pub(crate) struct Fields {
    /// What is read and obeyed.
    pub(crate) honoured: &'static [&'static [&'static str]],
    /// What is accepted at a neutral value only.
    pub(crate) neutral: &'static [Neutral],
}

fn never(_: &Value) -> bool {
    false
}
fn is_false(value: &Value) -> bool {
    value == &Value::Bool(false)
}
fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true)
}
fn is_one(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|number| (number - 1.0).abs() < f64::EPSILON)
}
fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}
fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}
fn is_empty_text(value: &Value) -> bool {
    value.as_str() == Some("")
}
fn no_tool(value: &Value) -> bool {
    matches!(value.as_str(), Some("none" | "auto"))
}
fn text_only(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|kinds| kinds.iter().all(|kind| kind.as_str() == Some("text")))
}
fn disabled(value: &Value) -> bool {
    value.as_str() == Some("disabled")
}
fn standard(value: &Value) -> bool {
    value.as_str() == Some("standard")
}
fn medium(value: &Value) -> bool {
    value.as_str() == Some("medium")
}

/// What every request for text may say of sampling and stopping; names beyond the official ones
/// are those of vLLM and SGLang.
const COMMON: &[&str] = &[
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logit_bias",
    "stop",
    "stream",
    "stream_options",
    "n",
    "logprobs",
    "user",
    "top_k",
    "min_p",
    "repetition_penalty",
    "min_tokens",
    "stop_token_ids",
    "ignore_eos",
    "priority",
    "cache_salt",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
];

/// Of POST /v1/chat/completions.
pub(crate) const CHAT: Fields = Fields {
    honoured: &[
        COMMON,
        &[
            "messages",
            "max_completion_tokens",
            "top_logprobs",
            "response_format",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "prediction",
            "reasoning_effort",
            "chat_template_kwargs",
            "continue_final_message",
            "service_tier",
            "safety_identifier",
            "prompt_cache_key",
        ],
    ],
    neutral: &[
        ("functions", is_empty_list),
        ("function_call", no_tool),
        ("modalities", text_only),
        ("audio", never),
        ("web_search_options", never),
        ("verbosity", medium),
        ("store", is_false),
        ("metadata", is_empty_object),
        ("add_generation_prompt", is_true),
        ("best_of", is_one),
        ("use_beam_search", is_false),
        ("length_penalty", is_one),
        ("skip_special_tokens", is_true),
        ("include_stop_str_in_output", is_false),
    ],
};

/// Of POST /v1/completions.
pub(crate) const COMPLETIONS: Fields = Fields {
    honoured: &[COMMON, &["prompt", "best_of"]],
    neutral: &[
        ("echo", is_false),
        ("suffix", is_empty_text),
        ("use_beam_search", is_false),
        ("length_penalty", is_one),
        ("skip_special_tokens", is_true),
        ("include_stop_str_in_output", is_false),
    ],
};

/// Of POST /v1/embeddings.
pub(crate) const EMBEDDINGS: Fields = Fields {
    honoured: &[&[
        "model",
        "input",
        "encoding_format",
        "user",
        "instruction",
        "priority",
        "dimensions",
    ]],
    neutral: &[],
};

/// Of POST /v1/responses.
pub(crate) const RESPONSES: Fields = Fields {
    honoured: &[&[
        "model",
        "input",
        "instructions",
        "max_output_tokens",
        "temperature",
        "top_p",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "metadata",
        "include",
        "top_logprobs",
        "service_tier",
        "user",
        "priority",
        "cache_salt",
        "safety_identifier",
        "prompt_cache_key",
    ]],
    neutral: &[
        ("store", is_false),
        ("background", is_false),
        ("previous_response_id", never),
        ("conversation", never),
        ("prompt", never),
        ("max_tool_calls", never),
        ("truncation", disabled),
    ],
};

/// Of POST /v1/messages and, but for the sampling, of its count of tokens.
pub(crate) const MESSAGES: Fields = Fields {
    honoured: &[&[
        "model",
        "max_tokens",
        "messages",
        "system",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "tools",
        "tool_choice",
        "thinking",
        "metadata",
        "service_tier",
        "cache_control",
        "output_config",
    ]],
    neutral: &[
        ("diagnostics", never),
        ("speed", standard),
        ("container", never),
        ("context_management", never),
        ("mcp_servers", is_empty_list),
        ("inference_geo", never),
    ],
};

/// Of POST /v1/batches.
pub(crate) const BATCHES: Fields = Fields {
    honoured: &[&["input_file_id", "endpoint", "completion_window"]],
    neutral: &[
        ("metadata", is_empty_object),
        ("output_expires_after", never),
    ],
};

/// Of POST /v1/rerank.
pub(crate) const RERANK: Fields = Fields {
    honoured: &[&[
        "model",
        "query",
        "documents",
        "top_n",
        "return_documents",
        "priority",
    ]],
    neutral: &[("max_chunks_per_doc", never), ("max_tokens_per_doc", never)],
};

/// Of POST /v1/tokenize.
pub(crate) const TOKENIZE: Fields = Fields {
    honoured: &[&["model", "prompt", "messages", "tools"]],
    neutral: &[
        ("add_generation_prompt", is_true),
        ("add_special_tokens", is_true),
        ("return_token_strs", is_false),
    ],
};

/// Of POST /v1/detokenize.
pub(crate) const DETOKENIZE: Fields = Fields {
    honoured: &[&["model", "tokens"]],
    neutral: &[],
};

impl Fields {
    /// Refuses the first field of `object` that is unknown, or known and not offered at its value.
    pub(crate) fn check(&self, object: &Map<String, Value>) -> Result<(), ApiError> {
        for (name, value) in object {
            if self
                .honoured
                .iter()
                .any(|names| names.contains(&name.as_str()))
            {
                continue;
            }
            match self.neutral.iter().find(|(known, _)| known == name) {
                None => return Err(unknown(name)),
                Some((_, is_neutral)) if !value.is_null() && !is_neutral(value) => {
                    return Err(unsupported(name));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// The refusal of a field at a value that is known and not offered, named by its path.
pub(crate) fn unsupported(path: &str) -> ApiError {
    ApiError::field(
        "unsupported_parameter",
        path,
        format!("Unsupported parameter: '{path}' is not supported with this value. Leave it out."),
        format!("暂不支持参数“{path}”的这个取值。请去掉该参数。"),
    )
}

/// The refusal of a field that nobody knows, named by its path.
pub(crate) fn unknown(path: &str) -> ApiError {
    let path: String = path.chars().take(200).collect();
    ApiError::field(
        "unknown_parameter",
        path.clone(),
        format!("Unknown parameter: '{path}'. Check its spelling, or leave it out."),
        format!("没有参数“{path}”。请检查拼写，或去掉该参数。"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_tells_exactly_the_fields_that_are_known() {
        let document: Value = serde_json::from_str(crate::openapi::DOCUMENT).unwrap();
        let kinds = [
            ("ChatRequest", &CHAT),
            ("CompletionRequest", &COMPLETIONS),
            ("ResponsesRequest", &RESPONSES),
            ("MessagesRequest", &MESSAGES),
            ("EmbeddingRequest", &EMBEDDINGS),
            ("RerankRequest", &RERANK),
            ("TokenizeRequest", &TOKENIZE),
            ("DetokenizeRequest", &DETOKENIZE),
            ("BatchRequest", &BATCHES),
        ];
        for (name, fields) in kinds {
            let schema = &document["components"]["schemas"][name];
            let told: BTreeSet<&str> = schema["properties"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let honoured = fields.honoured.iter().copied().flatten().copied();
            let neutral = fields.neutral.iter().map(|(name, _)| *name);
            let known: BTreeSet<&str> = honoured.chain(neutral).collect();
            assert_eq!(told, known, "{name}");
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
    }
}
