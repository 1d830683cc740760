//! POST /v1/embeddings.

use super::ApiError;
use super::ability;
use super::body::{self, view};
use super::fields::EMBEDDINGS;
use super::open::authorize;
use super::sampling::{priority, prompt_bound};
use super::types::EmbeddingRequest;
use super::unary::to_its_end;
use super::validate::{self, invalid_value};
use crate::admit::Admitted;
use crate::app::App;
use crate::call::Call;
use crate::routing;
use axum::extract::{Request, State};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zhisuan_proto::v1::{AuthorizeRequest, EmbedRequest, EmbedResponse, Route, TokenCount};

const MAX_TEXTS: usize = 2_048;
const MAX_INSTRUCTION_BYTES: usize = 4_096;

/// What a body asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    model: String,
    texts: Vec<String>,
    instruction: String,
    priority: u32,
    base64: bool,
}

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (head, body) = request.into_parts();
    let admitted = app.admit(&head).await?;
    let wish = read(&body::read(body).await?)?;
    let route = app.route(&wish.model, &admitted, None).await?;
    ability::check(&route, ability::EMBEDDINGS)?;
    to_its_end(async move { embed(&app, &call, admitted, &route, wish).await }).await
}

/// The wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<Wish, ApiError> {
    let body = body::parse(bytes, &EMBEDDINGS)?;
    let request: EmbeddingRequest = view(&body)?;
    validate::model(&request.model)?;
    let texts = validate::texts("input", request.input.as_ref(), MAX_TEXTS)?;
    if let Some(index) = texts.iter().position(String::is_empty) {
        return Err(invalid_value(
            &format!("input[{index}]"),
            "",
            "a text that is not empty",
            "非空文本",
        ));
    }
    let base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            return Err(invalid_value(
                "encoding_format",
                other,
                "'float' or 'base64'",
                " float 或 base64",
            ));
        }
    };
    let instruction = request.instruction.unwrap_or_default();
    if instruction.len() > MAX_INSTRUCTION_BYTES {
        let bytes = format!("{} bytes", instruction.len());
        return Err(invalid_value(
            "instruction",
            bytes,
            "at most 4096 bytes",
            "至多 4096 字节",
        ));
    }
    Ok(Wish {
        model: request.model,
        texts,
        instruction,
        priority: priority(request.priority)?,
        base64,
    })
}

async fn embed(
    app: &App,
    call: &Call,
    admitted: Admitted,
    route: &Route,
    wish: Wish,
) -> Result<Json<Value>, ApiError> {
    let count = wish.texts.len();
    let text_bytes: usize = wish.texts.iter().map(String::len).sum();
    let hold = AuthorizeRequest {
        request_id: call.id.clone(),
        tenant: admitted.caller.tenant.clone(),
        model: wish.model.clone(),
        max_prompt_tokens: prompt_bound(text_bytes + count * wish.instruction.len(), count),
        max_completion_tokens: 0,
        deployment: route.deployment.clone(),
    };
    let mut meter = authorize(app, &admitted, hold).await?;
    let request = EmbedRequest {
        request_id: call.id.clone(),
        model: wish.model.clone(),
        texts: wish.texts,
        tenant: admitted.caller.tenant.clone(),
        priority: wish.priority.max(admitted.caller.band),
        instruction: wish.instruction,
    };
    let answer = routing::embed(app, &admitted.trail, route, request);
    let answer = answer.await.map_err(|error| error.prompt_is("input"))?;
    meter.counted(TokenCount {
        prompt_tokens: answer.prompt_tokens,
        ..TokenCount::default()
    });
    let finite = answer
        .embeddings
        .iter()
        .all(|embedding| embedding.values.iter().all(|value| value.is_finite()));
    if answer.embeddings.len() != count || !finite {
        meter.refused();
        return Err(ApiError::replica_failed("embedding_malformed", ""));
    }
    Ok(Json(render(&answer, &wish.model, wish.base64)))
}

fn render(answer: &EmbedResponse, model: &str, base64: bool) -> Value {
    let data: Vec<Value> = answer
        .embeddings
        .iter()
        .enumerate()
        .map(|(index, embedding)| {
            let vector = if base64 {
                // Little-endian f32, as the official libraries decode it.
                let bytes: Vec<u8> = embedding
                    .values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(embedding.values)
            };
            json!({"object": "embedding", "index": index, "embedding": vector})
        })
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens},
    })
}
