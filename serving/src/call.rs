//! What is known of a request from its head alone: its id, the reader's language, the start.

use crate::language::Language;
use crate::trail::Trail;
use std::time::Instant;

/// Carried through a request in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Unique; answers carry it as `x-request-id`, the ledger as the key of the charge.
    pub(crate) id: String,
    pub(crate) language: Language,
    pub(crate) started: Instant,
    pub(crate) trail: Trail,
}

/// Prefix of the ids of a path, as client libraries know them.
fn prefix(path: &str) -> &'static str {
    match path {
        "/v1/chat/completions" => "chatcmpl-",
        "/v1/completions" => "cmpl-",
        "/v1/embeddings" => "embd-",
        "/v1/rerank" => "rerank-",
        "/v1/responses" => "resp_",
        "/v1/messages" => "msg_",
        _ => "req-",
    }
}

/// A fresh id for a request to `path`: the prefix and 32 hexadecimal digits.
///
/// Fails only when the system has no randomness; ids key charges, so none is invented then.
pub(crate) fn new_id(path: &str) -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{}{}", prefix(path), hex::encode(bytes)))
}

/// Seconds since 1970, for `created`.
pub(crate) fn unix_s() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
