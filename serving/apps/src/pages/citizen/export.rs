//! An answer as a file: plain text and JSON, both with the visible label and the implicit one.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sm3::{Digest as _, Sm3};

use super::answer::{apart, heading, number_of, numbered, unknown};
use crate::answer::{Answer, Citation, Notice};
use crate::pages::{Site, href, shell};

/// The answer as text.
pub(crate) async fn text(State(site): State<Site>, Path(id): Path<String>) -> Response {
    match site.qa.kept(&id).await {
        Some(answer) => file(&answer, "txt", "text/plain; charset=utf-8", {
            let since = site.since(&answer);
            let base = site.public_url.get().map_or("", String::as_str);
            plain(&answer, &since, base)
        }),
        None => unknown().into_response(),
    }
}

/// The answer as JSON with its implicit label.
pub(crate) async fn json(State(site): State<Site>, Path(id): Path<String>) -> Response {
    match site.qa.kept(&id).await {
        Some(answer) => {
            let body = Json(told_since(&site, &answer)).into_response();
            let name = disposition(&answer, "json");
            ([(CONTENT_DISPOSITION, name)], body).into_response()
        }
        None => unknown().into_response(),
    }
}

fn file(answer: &Answer, extension: &str, kind: &'static str, body: String) -> Response {
    let name = disposition(answer, extension);
    let head = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)];
    (head, body).into_response()
}

/// Ids are hexadecimal, so the name needs no quoting rules.
fn disposition(answer: &Answer, extension: &str) -> String {
    let id: String = answer
        .id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("attachment; filename=\"answer-{id}.{extension}\"")
}

/// The implicit label of GB 45438-2025 for an answer.
pub(crate) fn aigc(answer: &Answer) -> Value {
    implicit(&answer.id, &answer.hashes.answer)
}

/// The implicit label of something that a machine made, by its name and its digest.
fn implicit(id: &str, digest: &str) -> Value {
    json!({
        "Label": "1",
        "ContentProducer": "zhisuan",
        "ProduceID": id,
        "ReservedCode1": digest,
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    })
}

/// A JSON object that a machine made, with the visible label and the implicit one in it.
pub(crate) fn stamped(mut value: Value, label: &str) -> Value {
    let digest = hex::encode(Sm3::digest(value.to_string().as_bytes()));
    let id = digest.get(..32).unwrap_or(&digest);
    value["aigc"] = implicit(id, &digest);
    value["label"] = label.into();
    value
}

/// The answer with its implicit label beside it.
pub(crate) fn labelled(answer: &Answer) -> Value {
    let mut value = serde_json::to_value(answer).unwrap_or(Value::Null);
    value["aigc"] = aigc(answer);
    value
}

/// A kept answer with its label, and what readers must know of the time since.
pub(crate) fn told_since(site: &Site, answer: &Answer) -> Value {
    let mut value = labelled(answer);
    value["since"] = json!(site.since(answer));
    value
}

/// The answer as people pass it on; the label is its first line and its last. Sources stand with
/// their whole addresses below `base`: the file is read away from the pages.
fn plain(answer: &Answer, since: &[Notice], base: &str) -> String {
    let said = apart(answer);
    let sources = numbered(said.iter().copied());
    let mark = shell::mark(&answer.made_by);
    let mut text = format!("【{mark}】{}\n\n", answer.label);
    let _ = writeln!(text, "问：{}", answer.question);
    let _ = writeln!(text, "按 {} 的规定回答\n", shell::day(answer.as_of));
    for notice in since {
        let _ = writeln!(text, "在这份回答之后：{}", notice.message);
    }
    if !answer.outcome.is_answer() {
        let _ = writeln!(text, "{}", answer.message);
    }
    for notice in &answer.notices {
        let _ = writeln!(text, "请注意：{}", notice.message);
    }
    for conflict in &answer.conflicts {
        let _ = writeln!(text, "关于“{}”，文件说法不一：", conflict.about);
        for side in &conflict.sides {
            let quote = side.citation.quote.trim();
            let _ = writeln!(text, "  {}：{quote}", side.value);
            let _ = writeln!(text, "    {}", source(&side.citation, answer, base));
        }
    }
    let mut before = None;
    for said in said {
        if let Some(heading) = heading(before, said, sources.len() > 1) {
            let _ = writeln!(text, "\n{heading}");
        }
        before = Some(said);
        text.push_str(said.text.trim());
        for citation in &said.citations {
            let _ = write!(text, "[{}]", number_of(&sources, citation));
        }
        text.push('\n');
    }
    if !sources.is_empty() {
        text.push_str("\n出处\n");
    }
    for (at, citation) in sources.iter().enumerate() {
        let _ = writeln!(text, "[{}] {}", at + 1, source(citation, answer, base));
    }
    if let Some(to) = &answer.hand_over {
        let counter = to.counter.as_deref().unwrap_or("");
        let _ = writeln!(text, "\n人工服务：{} {counter}", to.phone);
    }
    let _ = writeln!(text, "\n【{mark}】{}", answer.label);
    let _ = writeln!(text, "AIGC: {}", aigc(answer));
    text
}

/// A source in one line: title, body, number, state on the day asked for, and where it is shown.
fn source(citation: &Citation, answer: &Answer, base: &str) -> String {
    let number = citation.number.as_deref().unwrap_or("");
    let (title, issuer) = (&citation.title, &citation.issuer);
    let state = citation.state.label();
    let link = href::cited(citation, answer.as_of);
    format!("《{title}》 {issuer} {number}（{state}） {base}{link}")
}
