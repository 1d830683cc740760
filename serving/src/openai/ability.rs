//! What a model can do, as its route tells it.

use super::ApiError;
use zhisuan_proto::v1::Route;

pub(crate) const CHAT: &str = "chat";
pub(crate) const COMPLETIONS: &str = "completions";
pub(crate) const EMBEDDINGS: &str = "embeddings";
pub(crate) const RERANK: &str = "rerank";

/// Refuses a model that cannot do what is asked. A route that tells no abilities is tried.
pub(crate) fn check(route: &Route, ability: &str) -> Result<(), ApiError> {
    if route.abilities.is_empty() || route.abilities.iter().any(|known| known == ability) {
        return Ok(());
    }
    let known = route.abilities.join(", ");
    Err(ApiError::field(
        "operation_not_offered",
        "model",
        format!(
            "The model '{}' does not offer {ability}; it offers: {known}. GET /v1/models tells the abilities of each.",
            route.model
        ),
        format!(
            "模型“{}”不提供 {ability}，它提供：{known}。各模型的能力见 GET /v1/models。",
            route.model
        ),
    ))
}
