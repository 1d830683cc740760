//! The output of a batch on its way to a caller: its answers are screened, labelled and audited
//! as those of the interactive interfaces are. What lies in the store is as the model wrote it.

use crate::app::App;
use crate::guard::{Decisions, Terms, screen};
use crate::label::{self, EXPLICIT};
use crate::openai::batches::{notes, of_line, write};
use crate::trail::{Finding, Trail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What is done to the lines of one file.
pub(super) struct Delivery {
    app: App,
    trail: Trail,
    /// The batch that made the file.
    job: u64,
    dress: Dress,
}

/// What answers to a tenant look like.
struct Dress {
    screen: Option<(Decisions, Arc<Terms>)>,
    /// Who is named as the producer in the metadata.
    producer: Option<String>,
    explicit: bool,
}

/// What is told of a line beside its bytes.
#[derive(Debug, Default)]
struct Told {
    findings: Vec<Finding>,
    /// A model wrote it.
    generated: bool,
}

impl Delivery {
    pub(super) fn new(app: &App, trail: &Trail, job: u64) -> Self {
        let tenant = trail.with(|record| record.tenant.clone());
        let label = &app.label;
        Self {
            dress: Dress {
                screen: app.guard.answers(&tenant),
                producer: label.implicit.then(|| label.producer.clone()),
                explicit: label.explicit,
            },
            app: app.clone(),
            trail: trail.clone(),
            job,
        }
    }

    /// A line as it may leave, with its end; its event is written.
    pub(super) async fn line(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut out = bytes;
        if let Ok(mut line) = serde_json::from_slice::<Value>(&out) {
            let produce_id = self.id(&line);
            let told = self.dress.line(&mut line, &produce_id);
            // Vectors and errors, and everything where no rule is set, leave as they are.
            if told.generated && !self.dress.is_idle() {
                out = line.to_string().into_bytes();
            }
            self.note(&line, &out, told).await;
        }
        out.push(b'\n');
        out
    }

    /// The id of a line's events, as when it was queued.
    fn id(&self, line: &Value) -> String {
        notes::id(self.job, number(line))
    }

    async fn note(&self, line: &Value, bytes: &[u8], told: Told) {
        let body = &line["response"]["body"];
        let custom_id = line["custom_id"].as_str().unwrap_or("");
        let mut record = of_line(&self.trail, self.id(line), endpoint(body), custom_id);
        let number = |names: [&str; 2]| {
            let told = names
                .into_iter()
                .find_map(|name| body["usage"][name].as_u64());
            told.unwrap_or(0)
        };
        body["model"]
            .as_str()
            .unwrap_or("")
            .clone_into(&mut record.model);
        record.prompt_tokens = number(["prompt_tokens", "input_tokens"]);
        record.completion_tokens = number(["completion_tokens", "output_tokens"]);
        let reasons = [
            &body["choices"][0]["finish_reason"],
            &body["status"],
            &line["error"]["code"],
        ];
        let reason = reasons.into_iter().find_map(Value::as_str);
        reason.unwrap_or("ok").clone_into(&mut record.reason);
        record.answer = Sha256::new_with_prefix(bytes);
        record.findings = told.findings;
        record.generated = told.generated;
        record.delivered = true;
        write(&self.app, &record).await;
    }
}

/// The number of a line in the input: "batch_req_7_2" of the worker is line 2 of job 7.
fn number(line: &Value) -> u64 {
    let id = line["id"].as_str().unwrap_or("");
    let digits = id.rsplit_once('_').map_or("", |(_, digits)| digits);
    digits.parse().unwrap_or(0)
}

fn endpoint(body: &Value) -> &'static str {
    match body["object"].as_str() {
        Some("chat.completion") => "batch_chat_completions",
        Some("text_completion") => "batch_completions",
        Some("response") => "batch_responses",
        Some("list") => "batch_embeddings",
        _ => "batch_error",
    }
}

impl Dress {
    fn is_idle(&self) -> bool {
        self.screen.is_none() && self.producer.is_none() && !self.explicit
    }

    /// Screens and labels one line of output, which the label calls `produce_id`. Pure.
    fn line(&self, line: &mut Value, produce_id: &str) -> Told {
        let mut told = Told::default();
        let Some(body) = line
            .pointer_mut("/response/body")
            .filter(|body| body.is_object())
        else {
            return told;
        };
        let mut ended = false;
        for text in written(body) {
            told.generated = true;
            ended |= self.text(text, &mut told.findings);
        }
        if ended {
            end_by_filter(body);
        }
        if let Some(producer) = self.producer.as_ref().filter(|_| told.generated) {
            body["aigc"] = label::metadata(producer, produce_id);
        }
        told
    }

    /// Whether the filter ended the text.
    fn text(&self, text: &mut String, findings: &mut Vec<Finding>) -> bool {
        if let Some((decisions, terms)) = &self.screen {
            let screened = screen(text, *decisions, terms, "answer");
            findings.extend(screened.findings);
            *text = screened.text;
            if screened.refused.is_some() {
                return true;
            }
        }
        if self.explicit {
            text.push_str(EXPLICIT);
        }
        false
    }
}

/// The texts in the body of an answer that a model wrote.
fn written(body: &mut Value) -> Vec<&mut String> {
    let mut texts = Vec::new();
    for (name, value) in body.as_object_mut().into_iter().flatten() {
        let items = value.as_array_mut().into_iter().flatten();
        let items = items.filter_map(Value::as_object_mut);
        match name.as_str() {
            "choices" => items.for_each(|choice| {
                for (name, value) in choice {
                    match name.as_str() {
                        "text" => texts.extend(text(value)),
                        "message" => texts.extend(value.get_mut("content").and_then(text)),
                        _ => {}
                    }
                }
            }),
            "output" => items
                .filter_map(|item| item.get_mut("content")?.as_array_mut())
                .flatten()
                .for_each(|part| texts.extend(part.get_mut("text").and_then(text))),
            _ => {}
        }
    }
    texts
}

fn text(value: &mut Value) -> Option<&mut String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// As the interactive interfaces tell an answer that the filter ended; the body is an object.
fn end_by_filter(body: &mut Value) {
    let choices = body.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        choice.insert("finish_reason".to_owned(), json!("content_filter"));
    }
    if body["object"] == "response" {
        body["status"] = json!("incomplete");
        body["incomplete_details"] = json!({"reason": "content_filter"});
    }
}

/// Reads a line of any shape as the output of a batch. Pure.
pub(crate) fn read_line(bytes: &[u8]) {
    let dress = Dress {
        screen: None,
        producer: Some("fuzz".to_owned()),
        explicit: true,
    };
    if let Ok(mut line) = serde_json::from_slice::<Value>(bytes) {
        drop(dress.line(&mut line, "batch_1-1"));
    }
}
