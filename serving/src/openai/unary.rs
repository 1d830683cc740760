//! Work of one call that is held for, done to its end and counted.

use super::ApiError;
use super::open::authorize;
use crate::admit::Admitted;
use crate::app::App;
use crate::call::Call;
use zhisuan_proto::v1::{AuthorizeRequest, Route, TokenCount};

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

/// What is held for a call that costs the tokens of its prompt only.
pub(super) fn hold(
    call: &Call,
    admitted: &Admitted,
    route: &Route,
    model: &str,
    max_prompt_tokens: u64,
) -> AuthorizeRequest {
    AuthorizeRequest {
        request_id: call.id.clone(),
        tenant: admitted.caller.tenant.clone(),
        model: model.to_owned(),
        max_prompt_tokens,
        max_completion_tokens: 0,
        deployment: route.deployment.clone(),
    }
}

/// Holds, works, counts. `tokens` says what an answer cost, or nothing of one that cannot be told:
/// that costs nothing.
pub(super) async fn charged<T>(
    app: &App,
    admitted: &Admitted,
    hold: AuthorizeRequest,
    work: impl Future<Output = Result<T, ApiError>>,
    tokens: impl FnOnce(&T) -> Option<u32>,
) -> Result<T, ApiError> {
    let mut meter = authorize(app, admitted, hold).await?;
    let answer = work.await?;
    let Some(prompt_tokens) = tokens(&answer) else {
        return Err(ApiError::replica_failed("answer_malformed", ""));
    };
    meter.counted(TokenCount {
        prompt_tokens,
        ..TokenCount::default()
    });
    Ok(answer)
}
