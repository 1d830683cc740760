//! POST /v1/embeddings.

use super::ApiError;
use super::ability;
use super::body::{self, view};
use super::fields::EMBEDDINGS;
use super::sampling::priority;
use super::texts::Texts;
use super::types::EmbeddingRequest;
use super::unary::{charged, hold, to_its_end};
use super::validate::{self, integer, invalid_value};
use crate::admit::Admitted;
use crate::app::App;
use crate::call::Call;
use crate::routing;
use axum::body::Body;
use axum::extract::State;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zhisuan_proto::v1::{EmbedRequest, EmbedResponse, Embedding, Route};

const MAX_TEXTS: usize = 2_048;
const MAX_INSTRUCTION_BYTES: usize = 4_096;
/// More than any model has; the model's own width bounds it further.
const MAX_DIMENSIONS: u32 = 1 << 20;

/// What a body asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) model: String,
    texts: Texts,
    instruction: String,
    priority: u32,
    /// 0: as many as the model has.
    dimensions: u32,
    base64: bool,
}

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    admitted: Admitted,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let wish = read(&body::read(body).await?)?;
    let route = app.route(&wish.model, &admitted, None).await?;
    ability::check(&route, ability::EMBEDDINGS)?;
    to_its_end(async move { embed(&app, &call, admitted, &route, wish).await }).await
}

/// The wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<Wish, ApiError> {
    wish(&body::parse(bytes, &EMBEDDINGS)?)
}

/// The wish in a parsed body whose fields were checked. Pure.
pub(crate) fn wish(body: &Value) -> Result<Wish, ApiError> {
    let request: EmbeddingRequest = view(body)?;
    validate::model(&request.model)?;
    let texts = Texts::read("input", request.input.as_ref(), MAX_TEXTS)?;
    if let Texts::Plain(texts) = &texts
        && let Some(index) = texts.iter().position(String::is_empty)
    {
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
    if !instruction.is_empty() && matches!(texts, Texts::Tokens(_)) {
        return Err(invalid_value(
            "instruction",
            "given beside token ids",
            "an instruction only for texts: put its tokens before the others",
            "仅用于文本；词元请自行放在前面",
        ));
    }
    let dimensions = integer("dimensions", request.dimensions, (1, MAX_DIMENSIONS))?;
    Ok(Wish {
        model: request.model,
        texts,
        instruction,
        priority: priority(request.priority)?,
        dimensions: dimensions.unwrap_or(0),
        base64,
    })
}

async fn embed(
    app: &App,
    call: &Call,
    admitted: Admitted,
    route: &Route,
    mut wish: Wish,
) -> Result<Json<Value>, ApiError> {
    let trail = admitted.trail.clone();
    wish.texts.look_up(app, &trail, route, "input").await?;
    let count = wish.texts.len();
    let bound = wish.texts.bound(wish.instruction.len());
    let (texts, token_ids) = match wish.texts {
        Texts::Plain(texts) => (texts, Vec::new()),
        Texts::Tokens(tokens) => (Vec::new(), tokens.lists),
    };
    let request = EmbedRequest {
        request_id: call.id.clone(),
        model: wish.model.clone(),
        texts,
        token_ids,
        tenant: admitted.caller.tenant.clone(),
        priority: wish.priority.max(admitted.caller.band),
        instruction: wish.instruction,
        dimensions: wish.dimensions,
    };
    let work = async {
        let answer = routing::embed(app, &trail, route, request).await;
        answer.map_err(|error| error.prompt_is("input"))
    };
    let tokens = |answer: &EmbedResponse| {
        let sound = |one: &Embedding| {
            let short = wish.dimensions == 0 || one.values.len() == wish.dimensions as usize;
            short && one.values.iter().all(|value| value.is_finite())
        };
        let whole = answer.embeddings.len() == count && answer.embeddings.iter().all(sound);
        whole.then_some(answer.prompt_tokens)
    };
    let hold = hold(call, &admitted, route, &wish.model, bound);
    let answer = charged(app, &admitted, hold, work, tokens).await?;
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
