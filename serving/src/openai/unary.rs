//! Work of one call that is done to its end.

use super::ApiError;

/// Runs `work` in a task of its own: work that began is counted to its end, also for a caller
/// that vanished.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a task of a request ended early");
        Err(ApiError::internal())
    })
}
