//! Reading bodies of requests as one pure call, for fuzzing: bytes in, a refusal or nothing out.
//!
//! Not an interface for programs: it may change with the gateway.

use crate::anthropic;
use crate::openai::{self, ApiError};

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
