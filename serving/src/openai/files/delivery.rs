//! The output of a batch on its way to a caller: its answers are screened, labelled and audited
//! as those of the interactive interfaces are. What lies in the store is as the model wrote it.

use crate::app::App;
use crate::guard::{Decisions, Terms, screen};
use crate::label::{self, EXPLICIT};
use crate::openai::batches::{of_line, write};
use crate::trail::{Finding, Trail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What is done to the lines of one file.
pub(super) struct Delivery {
    app: App,
    trail: Trail,
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
    pub(super) fn new(app: &App, trail: &Trail) -> Self {
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
        }
    }

    /// A line as it may leave, with its end; its event is written.
    pub(super) async fn line(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut out = bytes;
        if let Ok(mut line) = serde_json::from_slice::<Value>(&out) {
            let told = self.dress.line(&mut line);
            // Vectors and errors, and everything where no rule is set, leave as they are.
            if told.generated && !self.dress.is_idle() {
                out = line.to_string().into_bytes();
            }
            self.note(&line, &out, told).await;
        }
        out.push(b'\n');
        out
    }

    async fn note(&self, line: &Value, bytes: &[u8], told: Told) {
        let body = &line["response"]["body"];
        let custom_id = line["custom_id"].as_str().unwrap_or("");
        let mut record = of_line(&self.trail, id(line), endpoint(body), custom_id);
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

/// The id of a line's events: "batch_req_7_2" of the worker is line 2 of job 7.
fn id(line: &Value) -> String {
    let id = line["id"].as_str().unwrap_or("");
    let numbers = id.strip_prefix("batch_req_").unwrap_or(id);
    let known = |c: char| c.is_ascii_digit() || c == '_';
    let numbers: String = numbers.chars().filter(|c| known(*c)).take(40).collect();
    format!("batch_{}", numbers.replace('_', "-"))
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

    /// Screens and labels one line of output. Pure.
    fn line(&self, line: &mut Value) -> Told {
        let mut told = Told::default();
        let produce_id = id(line);
        let body = &mut line["response"]["body"];
        let mut ended = false;
        for text in written(body) {
            told.generated = true;
            ended |= self.text(text, &mut told.findings);
        }
        if ended {
            end_by_filter(body);
        }
        if let Some(producer) = self.producer.as_ref().filter(|_| told.generated) {
            body["aigc"] = label::metadata(producer, &produce_id);
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
    let Some(body) = body.as_object_mut() else {
        return texts;
    };
    for (name, value) in body {
        for item in value.as_array_mut().into_iter().flatten() {
            match name.as_str() {
                "choices" if item["text"].is_string() => keep(&mut item["text"], &mut texts),
                "choices" => keep(&mut item["message"]["content"], &mut texts),
                "output" => {
                    let parts = item["content"].as_array_mut().into_iter().flatten();
                    parts.for_each(|part| keep(&mut part["text"], &mut texts));
                }
                _ => {}
            }
        }
    }
    texts
}

fn keep<'a>(value: &'a mut Value, texts: &mut Vec<&'a mut String>) {
    if let Value::String(text) = value {
        texts.push(text);
    }
}

/// As the interactive interfaces tell an answer that the filter ended.
fn end_by_filter(body: &mut Value) {
    for choice in body["choices"].as_array_mut().into_iter().flatten() {
        choice["finish_reason"] = json!("content_filter");
    }
    if body["object"] == "response" {
        body["status"] = json!("incomplete");
        body["incomplete_details"] = json!({"reason": "content_filter"});
    }
}
