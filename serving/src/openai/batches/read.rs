//! The body of a request for a batch. Pure.

use super::endpoint::Endpoint;
use crate::openai::ApiError;
use crate::openai::body::{self, view};
use crate::openai::fields::BATCHES;
use crate::openai::files::FileId;
use crate::openai::validate::invalid_value;
use serde::Deserialize;

const HOUR_MS: u64 = 3_600_000;

#[derive(Debug, Deserialize)]
struct Body {
    input_file_id: String,
    endpoint: String,
    completion_window: String,
}

/// What a body asks for.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) endpoint: Endpoint,
    pub(super) input: FileId,
    /// How long the job may run; the hold is its price.
    pub(super) window_ms: u64,
}

pub(super) fn read(bytes: &[u8]) -> Result<Ask, ApiError> {
    let body: Body = view(&body::parse(bytes, &BATCHES)?)?;
    let endpoint = Endpoint::parse(&body.endpoint)?;
    let hours = body.completion_window.strip_suffix('h');
    let hours = hours.and_then(|hours| hours.parse::<u64>().ok());
    let Some(hours) = hours.filter(|hours| (1..=24).contains(hours)) else {
        return Err(invalid_value(
            "completion_window",
            body.completion_window,
            "'1h' to '24h'",
            " 1h 到 24h",
        ));
    };
    Ok(Ask {
        endpoint,
        input: FileId::parse(&body.input_file_id).map_err(|error| error.about("input_file_id"))?,
        window_ms: hours * HOUR_MS,
    })
}
