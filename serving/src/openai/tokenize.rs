//! POST /v1/tokenize: the tokens of a text or of a rendered chat, as vLLM names the call. It
//! computes nothing else, so it costs nothing.

use super::ApiError;
use super::body::{self, view};
use super::fields::TOKENIZE;
use super::validate::{self, invalid_value};
use super::{messages, tools};
use crate::admit::Admitted;
use crate::app::App;
use crate::routing;
use crate::trail::Trail;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zhisuan_proto::v1::tokenize_request::Input;
use zhisuan_proto::v1::{Chat, Route, TokenizeRequest};

/// Body of a request.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    prompt: Option<String>,
    messages: Option<Vec<Map<String, Value>>>,
    tools: Option<Vec<Value>>,
}

pub(crate) async fn create(
    State(app): State<App>,
    admitted: Admitted,
    body: axum::body::Body,
) -> Result<Json<Value>, ApiError> {
    let request = read(&body::read(body).await?)?;
    let route = app.route(&request.model, &admitted, None).await?;
    let tokens = count(&app, &admitted.trail, &route, request).await?;
    Ok(Json(json!({
        "count": tokens.len(),
        "max_model_len": route.context_length,
        "tokens": tokens,
    })))
}

/// The tokens of a request, as the first replica that answers counts them.
pub(crate) async fn count(
    app: &App,
    trail: &Trail,
    route: &Route,
    request: TokenizeRequest,
) -> Result<Vec<u32>, ApiError> {
    Ok(routing::tokenize(app, trail, route, request).await?.tokens)
}

/// The request in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<TokenizeRequest, ApiError> {
    let body: Body = view(&body::parse(bytes, &TOKENIZE)?)?;
    validate::model(&body.model)?;
    let input = match (body.prompt, body.messages) {
        (Some(text), None) => Input::Text(text),
        (None, Some(said)) => Input::Chat(Chat {
            messages: messages::read(&said, false)?,
            tools: tools::definitions(body.tools.as_deref().unwrap_or_default(), "function")?,
            ..Chat::default()
        }),
        (Some(_), Some(_)) => {
            return Err(invalid_value(
                "messages",
                "given beside prompt",
                "either prompt or messages",
                " prompt 与 messages 之一",
            ));
        }
        (None, None) => return Err(body::missing_parameter("prompt")),
    };
    Ok(TokenizeRequest {
        model: body.model,
        input: Some(input),
    })
}
