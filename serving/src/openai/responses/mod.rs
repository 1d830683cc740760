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
use crate::admit::Admitted;
use crate::app::App;
use crate::call::{Call, unix_s};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use events::Responding;

pub(crate) use read::{read, wish};

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    admitted: Admitted,
    body: Body,
) -> Result<Response, ApiError> {
    let (wish, echo) = read(&body::read(body).await?)?;
    let shape = Responding::new(&call.id, &wish, echo, unix_s());
    Box::pin(answer(&app, &call, admitted, shape, wish, ability::CHAT)).await
}
