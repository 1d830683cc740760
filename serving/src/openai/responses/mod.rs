//! POST /v1/responses. Nothing is stored: every request carries its whole conversation, and a
//! `previous_response_id` is refused.

mod events;
mod input;
mod items;
mod read;

use super::ApiError;
use super::ability;
use super::body;
use super::generate::answer;
use crate::app::App;
use crate::call::{Call, unix_s};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use events::Responding;

pub(crate) use read::{read, wish};

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let admitted = app.admit(&head).await?;
    let (wish, echo) = read(&body::read(body).await?)?;
    let shape = Responding::new(&call.id, &wish, echo, unix_s());
    Box::pin(answer(&app, &call, admitted, shape, wish, ability::CHAT)).await
}
