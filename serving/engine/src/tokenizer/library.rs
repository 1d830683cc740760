//! Calls of the tokenizer library that read what strangers wrote. It panics on some damaged
//! descriptions (half a decoder, merges longer than every token); here that is an error.

use crate::error::EngineError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokenizers::{EncodeInput, Encoding, Tokenizer};

/// A tokenizer from the bytes of a `tokenizer.json`.
pub(super) fn read(json: &[u8]) -> Result<Tokenizer, EngineError> {
    guarded("tokenizer.json", || {
        Tokenizer::from_bytes(json)
            .map_err(|e| EngineError::corrupt("tokenizer.json", e.to_string()))
    })
}

/// Token ids of a text; `whole` puts before and after it what the description says.
pub(super) fn encode(inner: &Tokenizer, text: &str, whole: bool) -> Result<Vec<u32>, EngineError> {
    let encoding = encoding(inner, "prompt", text.into(), whole)?;
    Ok(encoding.get_ids().to_vec())
}

/// Tokens of the text or pair of texts in a request's `field`.
pub(super) fn encoding(
    inner: &Tokenizer,
    field: &str,
    input: EncodeInput<'_>,
    whole: bool,
) -> Result<Encoding, EngineError> {
    guarded("tokenizer", || {
        inner
            .encode_fast(input, whole)
            .map_err(|e| EngineError::invalid(field, e.to_string()))
    })
}

/// Runs `work`; a panic means that the description of `field` is broken.
pub(super) fn guarded<T>(
    field: &str,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    // Nothing that `work` may have left half done is looked at again.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(EngineError::corrupt(field, "分词器的描述自相矛盾")))
}
