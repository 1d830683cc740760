//! The base as an OpenAI-compatible server, so that a gateway can offer it as a model like any
//! other: same keys, limits, meter and audit. Citations are OpenAI's `annotations`, and the whole
//! record stands beside them under `zhisuan`.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Site;
use super::citizen::answer::{heading, number_of, numbered};
use super::citizen::export::aigc;
use super::{href, shell};
use crate::answer::{Answer, Citation};
use crate::service::{AskFault, Question};

/// Characters a token stands for where tokens must be told: nothing here is a model's token.
const CHARS_PER_TOKEN: usize = 2;

#[derive(Deserialize)]
struct ChatBody {
    #[serde(default)]
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: bool,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Value,
}

/// Answers the last message of the user; earlier ones are not read, for each question stands for
/// itself and nothing said before may change what a text says.
pub(crate) async fn chat(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    if !admitted(&site, &headers) {
        return refuse(StatusCode::UNAUTHORIZED, "ZS-AUTH", "这个地址只供网关调用");
    }
    let asked: ChatBody = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "ZS-FIELD", &error.to_string()),
    };
    let last = asked
        .messages
        .iter()
        .rev()
        .find(|message| message.role == "user");
    let question = last
        .map(|message| text_of(&message.content))
        .unwrap_or_default();
    let question = Question {
        as_of: told(&asked.messages, "as_of"),
        place: told(&asked.messages, "place"),
        reworded: true,
        ..Question::plain(&question)
    };
    if asked.stream {
        return match question.asked(site.qa.today()) {
            Ok(_) => stream(site, asked.model, question),
            Err(fault) => unanswered(&fault.into()),
        };
    }
    match site.qa.ask(&question).await {
        Ok(answer) => Json(whole(&asked.model, &site, &answer)).into_response(),
        Err(fault) => unanswered(&fault),
    }
}

fn unanswered(fault: &AskFault) -> Response {
    let status = match fault {
        AskFault::Field(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    refuse(status, fault.code(), &fault.to_string())
}

/// Whether the caller has the secret that this process gave to its gateway.
fn admitted(site: &Site, headers: &HeaderMap) -> bool {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
    match (&site.gateway_secret, shown) {
        (Some(secret), Some(shown)) => same(secret.as_bytes(), shown.as_bytes()),
        _ => false,
    }
}

/// Compares in a time that does not tell where two secrets differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// What the messages of the system say of the question: the last line `as_of: 2025-01-31` or
/// `place: 云麓市`. The gateway refuses fields that are not OpenAI's, so they stand there.
fn told(messages: &[Message], name: &str) -> Option<String> {
    let mut found = None;
    let of_system = |message: &&Message| matches!(message.role.as_str(), "system" | "developer");
    for message in messages.iter().filter(of_system) {
        for line in text_of(&message.content).lines() {
            let value = line.trim().strip_prefix(name).map(str::trim_start);
            let value = value.and_then(|rest| rest.strip_prefix([':', '：']));
            found = value.map(|value| value.trim().to_owned()).or(found);
        }
    }
    found.filter(|value| !value.is_empty())
}

/// A message's text, plain or in parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// A piece of the text with the annotations that belong to it.
struct Piece {
    text: String,
    annotations: Vec<Value>,
}

/// The text in pieces, a sentence each; annotations count characters of the whole text, as
/// OpenAI's do.
fn pieces(site: &Site, answer: &Answer) -> Vec<Piece> {
    let sources = numbered(&answer.sentences);
    let url = site.public_url.get().map_or("", String::as_str);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    let mut say = |text: String, annotations: Vec<Value>, at: &mut usize| {
        *at += text.chars().count();
        pieces.push(Piece { text, annotations });
    };
    let head = head(answer);
    if !head.is_empty() {
        say(head, Vec::new(), &mut at);
    }
    let mut before = None;
    for said in &answer.sentences {
        // What was told already must stay as it is when more sentences come.
        let above = heading(before, said, false);
        let mut text = above.map_or_else(String::new, |heading| format!("{heading}\n"));
        before = Some(said);
        text.push_str(said.text.trim());
        let mut annotations = Vec::new();
        for citation in &said.citations {
            let start = at + text.chars().count();
            let _ = write!(text, "[{}]", number_of(&sources, citation));
            annotations.push(json!({
                "type": "url_citation",
                "url_citation": {
                    "title": citation.title,
                    "url": format!("{url}{}", href::cited(citation, answer.as_of)),
                    "start_index": start,
                    "end_index": at + text.chars().count(),
                },
            }));
        }
        text.push('\n');
        say(text, annotations, &mut at);
    }
    let tail = tail(answer, &sources);
    if !tail.is_empty() {
        say(format!("\n{tail}"), Vec::new(), &mut at);
    }
    pieces
}

/// What stands before the sentences: how it ended, warnings, contradictions.
fn head(answer: &Answer) -> String {
    let mut head = String::new();
    if !answer.outcome.is_answer() || !answer.message.is_empty() {
        head.push_str(&answer.message);
        head.push('\n');
    }
    for notice in &answer.notices {
        let _ = writeln!(head, "请注意：{}", notice.message);
    }
    for conflict in &answer.conflicts {
        let _ = writeln!(head, "关于“{}”，文件说法不一：", conflict.about);
        for side in &conflict.sides {
            let _ = writeln!(head, "《{}》：{}", side.citation.title, side.value);
        }
    }
    head
}

/// What stands after them: the sources by number, who helps, the label.
fn tail(answer: &Answer, sources: &[&Citation]) -> String {
    let mut tail = String::new();
    for (index, citation) in sources.iter().enumerate() {
        let number = citation.number.as_deref().unwrap_or("");
        let state = citation.state.label();
        let _ = writeln!(
            tail,
            "[{}] 《{}》{number}（{state}）",
            index + 1,
            citation.title
        );
    }
    if let Some(to) = &answer.hand_over {
        let _ = writeln!(tail, "人工服务：{}", to.phone);
    }
    if !answer.sentences.is_empty() {
        let _ = write!(tail, "{}。{}", shell::mark(&answer.made_by), answer.label);
    }
    tail
}

/// The extension block: the record itself, and its implicit label.
fn extension(answer: &Answer) -> Value {
    let citations: Vec<Value> = answer
        .sentences
        .iter()
        .enumerate()
        .flat_map(|(sentence, said)| {
            said.citations.iter().map(move |citation| {
                let mut value = json!(citation);
                value["sentence"] = json!(sentence);
                value
            })
        })
        .collect();
    json!({
        "schema": answer.schema,
        "answer_id": answer.id,
        "outcome": answer.outcome,
        "reason": answer.reason,
        "as_of": answer.as_of,
        "made_by": answer.made_by,
        "citations": citations,
        "notices": answer.notices,
        "conflicts": answer.conflicts,
        "choices": answer.choices,
        "label": answer.label,
        "aigc": aigc(answer),
        "hashes": answer.hashes,
    })
}

fn usage(answer: &Answer, pieces: &[Piece]) -> Value {
    let tokens = |chars: usize| chars.div_ceil(CHARS_PER_TOKEN);
    let prompt = tokens(answer.question.chars().count());
    let completion = tokens(pieces.iter().map(|piece| piece.text.chars().count()).sum());
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    })
}

fn whole(model: &str, site: &Site, answer: &Answer) -> Value {
    let mut pieces = pieces(site, answer);
    let usage = usage(answer, &pieces);
    let annotations: Vec<Value> = pieces
        .iter_mut()
        .flat_map(|piece| piece.annotations.drain(..))
        .collect();
    let text: String = pieces.into_iter().map(|piece| piece.text).collect();
    json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant", "content": text, "refusal": null,
                "annotations": annotations, "zhisuan": extension(answer),
            },
            "finish_reason": "stop",
        }],
        "usage": usage,
    })
}

/// Sentences leave one by one as they are verified; the annotations of all of them come with the
/// last chunk before the reason, so that a reader who merges chunks by hand finds one list.
fn stream(site: Site, model: String, question: Question) -> Response {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut told = Told::new(model);
    tokio::spawn(async move {
        let send = |text: String| {
            // The reader may have left; the answer is made and kept all the same.
            drop(sender.send(text));
        };
        let mut tell = |draft: &Answer| send(told.more(&site, draft));
        let answer = site.qa.ask_telling(&question, &mut tell).await;
        match answer {
            Ok(answer) => send(told.all(&site, &answer)),
            Err(fault) => send(event(&error(fault.code(), &fault.to_string()))),
        }
    });
    let events = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// How far a stream has come.
struct Told {
    model: String,
    id: String,
    pieces: usize,
}

impl Told {
    fn new(model: String) -> Self {
        Self {
            model,
            id: String::new(),
            pieces: 0,
        }
    }

    fn chunk(&self, delta: &Value, reason: &Value) -> String {
        event(&json!({
            "id": format!("chatcmpl-{}", self.id), "object": "chat.completion.chunk",
            "created": 0, "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }))
    }

    /// Chunks of the pieces that have not left. The first answer that is shown names the stream.
    fn say(&mut self, answer: &Answer, pieces: &[Piece]) -> String {
        let mut chunks = String::new();
        if self.id.is_empty() {
            self.id.clone_from(&answer.id);
            let first = json!({"role": "assistant", "content": ""});
            chunks.push_str(&self.chunk(&first, &Value::Null));
        }
        for piece in pieces.iter().skip(self.pieces) {
            chunks.push_str(&self.chunk(&json!({"content": piece.text}), &Value::Null));
        }
        self.pieces = self.pieces.max(pieces.len());
        chunks
    }

    /// More of an answer that is still being written.
    fn more(&mut self, site: &Site, draft: &Answer) -> String {
        let mut pieces = pieces(site, draft);
        // The sources and the label come when all sentences are there.
        pieces.truncate(pieces.len().saturating_sub(1));
        self.say(draft, &pieces)
    }

    /// What is left of the answer, and what stands beside it.
    fn all(&mut self, site: &Site, answer: &Answer) -> String {
        let mut pieces = pieces(site, answer);
        let usage = usage(answer, &pieces);
        let mut chunks = self.say(answer, &pieces);
        let annotations: Vec<Value> = pieces
            .iter_mut()
            .flat_map(|piece| piece.annotations.drain(..))
            .collect();
        let beside = json!({"annotations": annotations, "zhisuan": extension(answer)});
        chunks.push_str(&self.chunk(&beside, &Value::Null));
        chunks.push_str(&self.chunk(&json!({}), &json!("stop")));
        chunks.push_str(&event(&json!({
            "id": format!("chatcmpl-{}", self.id), "object": "chat.completion.chunk",
            "created": 0, "model": self.model, "choices": [], "usage": usage,
        })));
        chunks.push_str("data: [DONE]\n\n");
        chunks
    }
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn error(code: &str, message: &str) -> Value {
    let kind = "invalid_request_error";
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(error(code, message))).into_response()
}
