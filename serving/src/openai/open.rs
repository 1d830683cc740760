//! Before an answer: the caller's turn comes, and money is held.

use super::ApiError;
use super::trouble;
use crate::admit::Admitted;
use crate::app::App;
use crate::usage::Meter;
use zhisuan_proto::v1::AuthorizeRequest;

/// Holds money for a request. The call runs in a task of its own: a caller that vanishes while
/// it is under way leaves a meter behind that releases the hold.
pub(super) async fn authorize(
    app: &App,
    admitted: &Admitted,
    hold: AuthorizeRequest,
) -> Result<Meter, ApiError> {
    let pass = app.pass(admitted, &hold).await?;
    let mut meter = app
        .settle
        .meter(hold.request_id.clone(), hold.model.clone(), pass);
    let scheduler = app.scheduler.clone();
    let task = tokio::spawn(async move {
        let request = crate::scheduler::within(hold);
        match scheduler.billing().authorize(request).await {
            Ok(_) => {
                meter.authorized();
                Ok(meter)
            }
            Err(status) => {
                if trouble::is_refusal(status.code()) {
                    meter.not_authorized();
                }
                Err(trouble::of_authorize(&status))
            }
        }
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "authorize task ended early");
        Err(ApiError::internal())
    })
}
