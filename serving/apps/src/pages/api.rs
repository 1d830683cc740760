//! The JSON addresses: a question in, a `zhisuan.answer/2` out; kept answers, their replay, tickets.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Site;
use super::citizen::export::{labelled, stamped, told_since};
use crate::answer::BadField;
use crate::hotline::{self, Class, MAX_TICKET_CHARS};
use crate::service::{AskFault, Opinion, Question, Verdict};

/// The visible label of passages that a machine chose (GB 45438-2025).
const FOUND: &str = "以下段落由机器从来源文件中检索摘录，未经人工审核，以来源原文为准。";
/// The visible label of a ticket's proposal.
const PROPOSED: &str = "以下分类和答复草稿由机器生成，未经人工核签，不得发出。";
/// Name and version of the error's JSON form.
const ERROR_SCHEMA: &str = "zhisuan.error/1";

/// The body of a question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskBody {
    question: String,
    as_of: Option<String>,
    place: Option<String>,
    top_k: Option<usize>,
    #[serde(default)]
    reworded: bool,
}

#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    schema: &'static str,
    error: ErrorDetail<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorDetail<'a> {
    code: &'a str,
    field: Option<&'a str>,
    message: String,
}

pub(crate) async fn get_ask(
    State(site): State<Site>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let Ok(top_k) = query.get("top_k").map(|value| value.parse()).transpose() else {
        let message = "top_k 应是 1 到 50 之间的整数".to_owned();
        return refuse(&AskFault::Field(BadField {
            field: "top_k",
            message,
        }));
    };
    let mut question = Question::from_query(&query, "question");
    question.top_k = top_k;
    answer(&site, &question).await
}

pub(crate) async fn post_ask(State(site): State<Site>, body: Bytes) -> Response {
    let shape = "{\"question\": \"…\", \"as_of\": \"2025-01-31\", \"place\": \"…\", \"top_k\": 3}，后三项可省";
    match read::<AskBody>(&body, shape) {
        Ok(body) => {
            let question = Question {
                question: body.question,
                as_of: body.as_of,
                place: body.place,
                top_k: body.top_k,
                reworded: body.reworded,
            };
            answer(&site, &question).await
        }
        Err(refused) => refused,
    }
}

async fn answer(site: &Site, question: &Question) -> Response {
    match site.qa.ask(question).await {
        Ok(answer) => Json(labelled(&answer)).into_response(),
        Err(fault) => refuse(&fault),
    }
}

/// The passages found for a question, best first.
pub(crate) async fn search(
    State(site): State<Site>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut question = Question::from_query(&query, "question");
    question.top_k = query
        .get("top_k")
        .and_then(|value| value.parse().ok())
        .or(Some(10));
    let hits = match site.qa.search(&question).await {
        Ok(hits) => hits,
        Err(fault) => return refuse(&fault),
    };
    let hits: Vec<_> = hits
        .iter()
        .map(|hit| {
            serde_json::json!({
                "version": hit.version.as_ref(), "title": hit.title, "path": hit.path,
                "text": hit.text, "state": hit.state, "score": hit.score,
            })
        })
        .collect();
    let found = serde_json::json!({"schema": "zhisuan.kb-hits/1", "items": hits});
    Json(stamped(found, FOUND)).into_response()
}

/// What the service works with.
pub(crate) async fn status(State(site): State<Site>) -> Response {
    let mut value = serde_json::json!(site.qa.status());
    value["schema"] = "zhisuan.qa-status/1".into();
    Json(value).into_response()
}

/// A kept answer.
pub(crate) async fn kept(State(site): State<Site>, Path(id): Path<String>) -> Response {
    match site.qa.kept(&id).await {
        Some(answer) => Json(told_since(&site, &answer)).into_response(),
        None => absent(),
    }
}

/// A kept answer, made again.
pub(crate) async fn replay(State(site): State<Site>, Path(id): Path<String>) -> Response {
    match site.qa.replay(&id).await {
        Some(replayed) => {
            let mut value = serde_json::json!(replayed);
            value["schema"] = "zhisuan.replay/1".into();
            Json(value).into_response()
        }
        None => absent(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedbackBody {
    id: String,
    verdict: Verdict,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    words: String,
}

/// What a program's user says of an answer.
pub(crate) async fn feedback(State(site): State<Site>, body: Bytes) -> Response {
    let shape =
        "{\"id\": \"…\", \"verdict\": \"helpful\"}，verdict 为 helpful、unhelpful 或 person";
    let body: FeedbackBody = match read(&body, shape) {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let opinion = Opinion {
        answer: body.id,
        verdict: body.verdict,
        reason: body.reason,
        words: body.words,
    };
    match site.qa.opinion(opinion).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(fault) => error(
            StatusCode::BAD_REQUEST,
            "ZS-KB-FEEDBACK",
            None,
            fault.to_string(),
        ),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketBody {
    text: String,
}

/// A ticket's class, body and draft.
pub(crate) async fn ticket(State(site): State<Site>, body: Bytes) -> Response {
    let body: TicketBody = match read(&body, "{\"text\": \"…\"}") {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    match propose(&site, &body.text).await {
        Ok(proposal) => Json(stamped(serde_json::json!(proposal), PROPOSED)).into_response(),
        Err(fault) => refuse(&fault),
    }
}

/// The proposal for a ticket; its personal numbers are masked before anything is kept or shown.
pub(crate) async fn propose(site: &Site, text: &str) -> Result<hotline::Proposal, AskFault> {
    let chars = text.chars().count();
    if text.trim().is_empty() || chars > MAX_TICKET_CHARS {
        let message = format!("工单（text）有 {chars} 个字，应为 1 至 {MAX_TICKET_CHARS} 个字");
        return Err(AskFault::Field(BadField {
            field: "text",
            message,
        }));
    }
    let text = super::guard::masked(text);
    let answer = if hotline::classify(&text).class == Class::Consult {
        let asks = hotline::question_in(&text).chars();
        let short: String = asks.take(crate::answer::MAX_QUESTION_CHARS).collect();
        Some(site.qa.ask(&Question::plain(&short)).await?)
    } else {
        None
    };
    let published = site.qa.published();
    let heads = published.versions.iter().map(|version| &version.head);
    let mut issuers: Vec<String> = heads.filter_map(|head| head.issuer.clone()).collect();
    issuers.sort();
    issuers.dedup();
    Ok(hotline::propose(&text, &issuers, answer.as_ref()))
}

#[expect(clippy::result_large_err, reason = "the refusal is the response")]
fn read<T: DeserializeOwned>(body: &Bytes, shape: &str) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|fault| {
        let message = format!("请求体不是所要的 JSON：{fault}。应为 {shape}");
        error(StatusCode::BAD_REQUEST, "ZS-FIELD", Some("body"), message)
    })
}

fn absent() -> Response {
    let message = "没有这份回答，请核对编号；过了保存期限的也查不到".to_owned();
    error(StatusCode::NOT_FOUND, "ZS-KB-UNKNOWN", Some("id"), message)
}

fn refuse(fault: &AskFault) -> Response {
    let status = match fault {
        AskFault::Field(_) => StatusCode::BAD_REQUEST,
        AskFault::Interrupted => StatusCode::INTERNAL_SERVER_ERROR,
        AskFault::Log(_) | AskFault::Reading => StatusCode::SERVICE_UNAVAILABLE,
    };
    error(status, fault.code(), fault.field(), fault.to_string())
}

/// A refusal in the JSON form.
pub(crate) fn error(
    status: StatusCode,
    code: &str,
    field: Option<&str>,
    message: String,
) -> Response {
    let error = ErrorDetail {
        code,
        field,
        message,
    };
    let schema = ERROR_SCHEMA;
    (status, Json(ErrorBody { schema, error })).into_response()
}
