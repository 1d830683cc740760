//! How a refusal travels: an [`ErrorDetail`] inside the status details.

use crate::v1::ErrorDetail;
use prost::Message as _;
use tonic::{Code, Status};

/// Builds the status of a refused call. `message` is English; Chinese is in the detail.
pub fn status(code: Code, message: impl Into<String>, detail: &ErrorDetail) -> Status {
    Status::with_details(code, message, detail.encode_to_vec().into())
}

/// The detail that a server attached, or `None` when there is none (a proxy, a broken connection).
pub fn detail_of(status: &Status) -> Option<ErrorDetail> {
    if status.details().is_empty() {
        return None;
    }
    ErrorDetail::decode(status.details())
        .ok()
        .filter(|detail| !detail.code.is_empty())
}
