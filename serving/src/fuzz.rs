//! Reading bodies of requests as one pure call, for fuzzing: bytes in, a refusal or nothing out.
//!
//! Not an interface for programs: it may change with the gateway.

use crate::anthropic;
use crate::openai::{self, ApiError};
use serde_json::{Value, json};

/// A refusal that a caller would get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: &'static str,
    /// The field at fault; none where the body is no JSON object at all.
    pub param: Option<String>,
    /// What people read, in English and Chinese.
    pub messages: [String; 2],
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.status.as_u16(),
            code: error.code,
            param: error.param.map(String::from),
            messages: [error.english.into(), error.chinese.into()],
        }
    }
}

type Reader = fn(&[u8]) -> Result<(), ApiError>;

/// Every path that takes a JSON body, and the lines of a batch's input, with their readers.
const READERS: [(&str, Reader); 14] = [
    ("/v1/chat/completions", |bytes| {
        openai::chat::read(bytes).map(drop)
    }),
    ("/v1/completions", |bytes| {
        openai::completions::read(bytes).map(drop)
    }),
    ("/v1/responses", |bytes| {
        openai::responses::read(bytes).map(drop)
    }),
    ("/v1/embeddings", |bytes| {
        openai::embeddings::read(bytes).map(drop)
    }),
    ("/v1/rerank", |bytes| openai::rerank::read(bytes).map(drop)),
    ("/v1/tokenize", |bytes| {
        openai::tokenize::read(bytes).map(drop)
    }),
    ("/v1/detokenize", |bytes| {
        openai::detokenize::read(bytes).map(drop)
    }),
    ("/v1/batches", openai::batches::check_body),
    ("/v1/messages", |bytes| anthropic::read(bytes).map(drop)),
    ("/v1/messages/count_tokens", |bytes| {
        anthropic::read_count(bytes).map(drop)
    }),
    ("line /v1/chat/completions", |bytes| {
        line("/v1/chat/completions", bytes)
    }),
    ("line /v1/completions", |bytes| {
        line("/v1/completions", bytes)
    }),
    ("line /v1/embeddings", |bytes| line("/v1/embeddings", bytes)),
    ("line /v1/responses", |bytes| line("/v1/responses", bytes)),
];

fn line(endpoint: &str, bytes: &[u8]) -> Result<(), ApiError> {
    openai::batches::check_line(endpoint, bytes)
}

/// What can be read: paths of the interfaces, and `line PATH` for a batch's line to one of them.
pub fn paths() -> impl Iterator<Item = &'static str> {
    READERS.iter().map(|(path, _)| *path)
}

/// Reads `bytes` as the body of a request to one of the [`paths`]; an unknown one reads nothing.
pub fn read_body(path: &str, bytes: &[u8]) -> Result<(), Refusal> {
    let reader = READERS.iter().find(|(known, _)| *known == path);
    reader.map_or(Ok(()), |(_, read)| read(bytes).map_err(Refusal::from))
}

/// Reads `bytes` as the body of every kind of request.
pub fn read_as_every_body(bytes: &[u8]) {
    for path in paths() {
        drop(read_body(path, bytes));
    }
}

/// Reads `bytes` as a line of a batch's output that is handed out.
pub fn read_output(bytes: &[u8]) {
    openai::files::read_line(bytes);
}

/// A good body for one of the [`paths`] that uses as many fields as it can; null for an unknown one.
pub fn full_body(path: &str) -> Value {
    let tool = json!({"type": "function", "function": {"name": "f", "description": "d",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}, "strict": true}});
    match path.strip_prefix("line ") {
        Some(url) => {
            let body = match url {
                "/v1/chat/completions" => {
                    json!({"model": "m", "max_tokens": 5, "stop": ["x"],
                        "messages": [{"role": "user", "content": [{"type": "text", "text": "你好🙂"}]}]})
                }
                "/v1/completions" => json!({"model": "m", "prompt": "hi", "seed": 7}),
                "/v1/embeddings" => json!({"model": "m", "input": ["a", "b"], "dimensions": 3}),
                _ => json!({"model": "m", "instructions": "brief",
                    "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}),
            };
            json!({"custom_id": "a", "method": "POST", "url": url, "body": body})
        }
        None => match path {
            "/v1/chat/completions" => json!({"model": "m", "n": 2, "temperature": 0.5, "seed": -1,
                "logit_bias": {"5": -3.5}, "stop": ["a", "b"], "stream": true,
                "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 3,
                "tools": [tool], "tool_choice": {"type": "function", "function": {"name": "f"}},
                "reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": true},
                "prediction": {"type": "content", "content": "p"}, "stop_token_ids": [1, 2],
                "messages": [
                    {"role": "system", "content": "brief"},
                    {"role": "user", "content": [{"type": "text", "text": "天气？"}], "name": "u"},
                    {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
                    {"role": "tool", "tool_call_id": "c1", "content": "雨"}]}),
            "/v1/completions" => json!({"model": "m", "prompt": [[1, 2], [3]], "max_tokens": 5,
                "logprobs": 2, "best_of": 2, "guided_regex": "a+", "min_tokens": 1}),
            "/v1/responses" => json!({"model": "m", "instructions": "brief", "store": false,
                "reasoning": {"effort": "low"}, "include": ["message.output_text.logprobs"],
                "top_logprobs": 2, "metadata": {"k": "v"},
                "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}}},
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c", "output": "o"}]}),
            "/v1/embeddings" => json!({"model": "m", "input": ["a", "你好"], "dimensions": 3,
                "encoding_format": "base64", "instruction": "query: ", "priority": 1}),
            "/v1/rerank" => json!({"model": "m", "query": "q", "documents": ["a", {"text": "b"}],
                "top_n": 1, "return_documents": true}),
            "/v1/tokenize" => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}],
                "tools": [tool]}),
            "/v1/detokenize" => json!({"model": "m", "tokens": [1, 2, 3]}),
            "/v1/batches" => json!({"input_file_id": format!("file-{}", "a".repeat(64)),
                "endpoint": "/v1/embeddings", "completion_window": "24h", "metadata": {}}),
            "/v1/messages" | "/v1/messages/count_tokens" => json!({"model": "m", "max_tokens": 9,
                "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
                "stop_sequences": ["END"], "thinking": {"type": "adaptive"}, "top_k": 3,
                "tools": [{"name": "f", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "tool", "name": "f"},
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": [
                        {"type": "thinking", "thinking": "t", "signature": ""},
                        {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "c", "content": "o"}]}]}),
            _ => Value::Null,
        },
    }
}
