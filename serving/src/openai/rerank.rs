//! POST /v1/rerank: how well documents answer a query, in the form that Jina and Cohere share.

use super::ApiError;
use super::ability;
use super::body::{self, missing_parameter, view};
use super::fields::RERANK;
use super::sampling::{priority, prompt_bound};
use super::unary::{charged, hold, to_its_end};
use super::validate::{self, integer, invalid_value, wrong_type};
use crate::admit::Admitted;
use crate::app::App;
use crate::call::Call;
use crate::routing;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use zhisuan_proto::v1::{Route, ScoreRequest, ScoreResponse};

const MAX_DOCUMENTS: usize = 1_000;

/// Body of a request.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    query: String,
    documents: Vec<Value>,
    top_n: Option<i64>,
    return_documents: Option<bool>,
    priority: Option<i64>,
}

/// What a body asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    model: String,
    query: String,
    documents: Vec<String>,
    top_n: usize,
    return_documents: bool,
    priority: u32,
}

pub(crate) async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    admitted: Admitted,
    body: axum::body::Body,
) -> Result<Json<Value>, ApiError> {
    let wish = read(&body::read(body).await?)?;
    let route = app.route(&wish.model, &admitted, None).await?;
    ability::check(&route, ability::RERANK)?;
    to_its_end(async move { rerank(&app, &call, admitted, &route, wish).await }).await
}

/// The wish in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<Wish, ApiError> {
    let body: Body = view(&body::parse(bytes, &RERANK)?)?;
    validate::model(&body.model)?;
    if body.query.is_empty() {
        return Err(invalid_value(
            "query",
            "",
            "a text that is not empty",
            "非空文本",
        ));
    }
    let count = body.documents.len();
    if !(1..=MAX_DOCUMENTS).contains(&count) {
        return Err(invalid_value(
            "documents",
            format!("{count} documents"),
            "1 to 1000 documents",
            "1 到 1000 篇文档",
        ));
    }
    let documents = body.documents.iter().enumerate();
    let documents = documents.map(|(index, value)| document(index, value));
    let top_n = integer("top_n", body.top_n, (1, u32::MAX))?;
    Ok(Wish {
        documents: documents.collect::<Result<_, _>>()?,
        model: body.model,
        query: body.query,
        top_n: top_n.map_or(count, |top| count.min(top as usize)),
        return_documents: body.return_documents.unwrap_or(false),
        priority: priority(body.priority)?,
    })
}

/// A document is a text, or an object with one.
fn document(index: usize, value: &Value) -> Result<String, ApiError> {
    let path = format!("documents[{index}]");
    let (path, text) = match value {
        Value::Object(object) => {
            let path = format!("{path}.text");
            let text = object.get("text").ok_or_else(|| missing_parameter(&path))?;
            (path, text)
        }
        other => (path, other),
    };
    match text {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::String(_) => Err(invalid_value(
            &path,
            "",
            "a text that is not empty",
            "非空文本",
        )),
        other => Err(wrong_type(&path, other, "a text, or an object with one")),
    }
}

async fn rerank(
    app: &App,
    call: &Call,
    admitted: Admitted,
    route: &Route,
    wish: Wish,
) -> Result<Json<Value>, ApiError> {
    let count = wish.documents.len();
    // The query is read again beside every document.
    let bytes: usize = wish.documents.iter().map(String::len).sum();
    let bound = prompt_bound(bytes + count * (wish.query.len() + 256), count);
    let request = ScoreRequest {
        request_id: call.id.clone(),
        model: wish.model.clone(),
        query: wish.query.clone(),
        documents: wish.documents.clone(),
        tenant: admitted.caller.tenant.clone(),
        priority: wish.priority.max(admitted.caller.band),
    };
    let work = async {
        let answer = routing::score(app, &admitted.trail, route, request).await;
        answer.map_err(|error| error.prompt_is("documents"))
    };
    let tokens = |answer: &ScoreResponse| {
        let finite = answer.scores.iter().all(|score| score.is_finite());
        (answer.scores.len() == count && finite).then_some(answer.prompt_tokens)
    };
    let hold = hold(call, &admitted, route, &wish.model, bound);
    let answer = charged(app, &admitted, hold, work, tokens).await?;
    Ok(Json(render(&call.id, &answer, &wish)))
}

/// The best first; equal scores in the order of the documents.
fn render(id: &str, answer: &ScoreResponse, wish: &Wish) -> Value {
    let mut order: Vec<usize> = (0..answer.scores.len()).collect();
    order.sort_by(|&a, &b| answer.scores[b].total_cmp(&answer.scores[a]));
    order.truncate(wish.top_n);
    let results: Vec<Value> = order
        .into_iter()
        .map(|index| {
            let mut result = json!({"index": index, "relevance_score": answer.scores[index]});
            if wish.return_documents {
                result["document"] = json!({"text": wish.documents[index]});
            }
            result
        })
        .collect();
    json!({
        "id": id,
        "model": wish.model,
        "results": results,
        "usage": {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens},
    })
}
