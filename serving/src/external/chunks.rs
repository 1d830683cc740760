//! Pure: chunks of an OpenAI-compatible stream into the events that a replica sends.
//!
//! Replicas send text only, and the gateway reads thoughts and tool calls out of it. A server that
//! has done so already is translated back: thoughts between `<think>` tags, each call as a
//! `<tool_call>` with one JSON object, the forms that every reader of ours knows.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{
    Delta, Done, Failed, GenerateEvent, GenerateRequest, Started, TokenCount, TokenLogprob,
    TopLogprob,
};

/// Bytes of text per token where nobody counted.
const BYTES_PER_TOKEN: usize = 3;
const MAX_CALLS: usize = 128;

/// Reads one answer.
pub(super) struct Translator {
    is_chat: bool,
    prompt_tokens: u32,
    /// Pieces of text that came: at least one token each.
    pieces: u32,
    usage: Option<TokenCount>,
    reason: Option<String>,
    /// The stop strings of the request, and the one that the server says it found.
    stops: Vec<String>,
    stop: Option<String>,
    thinking: bool,
    calls: BTreeMap<u64, (String, String)>,
}

impl Translator {
    pub(super) fn new(request: &GenerateRequest) -> Self {
        let tokens = |bytes: usize| bytes.div_ceil(BYTES_PER_TOKEN);
        let prompt_tokens = match &request.input {
            Some(Input::Chat(chat)) => {
                tokens(chat.messages.iter().map(|said| said.content.len()).sum())
            }
            Some(Input::Prompt(text)) => tokens(text.len()),
            Some(Input::TokenIds(tokens)) => tokens.ids.len(),
            None => 0,
        };
        Self {
            is_chat: matches!(request.input, Some(Input::Chat(_))),
            prompt_tokens: u32::try_from(prompt_tokens).unwrap_or(u32::MAX),
            stops: request.stop.clone(),
            stop: None,
            pieces: 0,
            usage: None,
            reason: None,
            thinking: false,
            calls: BTreeMap::new(),
        }
    }

    /// The event before the first: the prompt's tokens, by estimate.
    pub(super) fn started(&self) -> GenerateEvent {
        event(Event::Started(Started {
            prompt_tokens: self.prompt_tokens,
        }))
    }

    /// Whether the server told no counts, so that ours are charged.
    pub(super) fn is_estimate(&self) -> bool {
        self.usage.is_none()
    }

    /// The events of one chunk; after `Done` or `Failed` nothing may be read any more.
    pub(super) fn read(&mut self, data: &str) -> Vec<GenerateEvent> {
        if data == "[DONE]" {
            return self.end();
        }
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            return vec![self.failed("backend_sent_no_json")];
        };
        if !chunk["error"].is_null() {
            return vec![self.failed("backend_failed")];
        }
        if let Some(usage) = usage(&chunk["usage"]) {
            self.usage = Some(usage);
        }
        let choice = &chunk["choices"][0];
        let text = self.text(choice);
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.reason = Some(reason.to_owned());
            // As vLLM and SGLang name it; a number is an end token.
            let told = [&choice["stop_reason"], &choice["matched_stop"]];
            let mut told = told.into_iter().filter_map(Value::as_str);
            self.stop = told
                .find(|told| self.stops.iter().any(|stop| stop == told))
                .map(str::to_owned);
        }
        let logprob = self.logprob(choice);
        let attached = attached(&choice["delta"]);
        if text.is_empty() && logprob.is_none() && attached.is_empty() {
            return Vec::new();
        }
        self.pieces = self.pieces.saturating_add(1);
        vec![event(Event::Delta(Delta {
            text,
            logprob,
            attached,
            ..Delta::default()
        }))]
    }

    fn text(&mut self, choice: &Value) -> String {
        if !self.is_chat {
            return choice["text"].as_str().unwrap_or("").to_owned();
        }
        let delta = &choice["delta"];
        let mut text = String::new();
        let thought = [&delta["reasoning_content"], &delta["reasoning"]];
        let thought = thought.into_iter().find_map(Value::as_str).unwrap_or("");
        if !thought.is_empty() {
            if !self.thinking {
                text.push_str("<think>");
            }
            self.thinking = true;
            text.push_str(thought);
        }
        let content = delta["content"].as_str().unwrap_or("");
        if !content.is_empty() {
            text.push_str(self.end_thinking());
            text.push_str(content);
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap_or(0);
            if self.calls.len() < MAX_CALLS || self.calls.contains_key(&index) {
                let (name, arguments) = self.calls.entry(index).or_default();
                name.push_str(call["function"]["name"].as_str().unwrap_or(""));
                arguments.push_str(call["function"]["arguments"].as_str().unwrap_or(""));
            }
        }
        text
    }

    fn end_thinking(&mut self) -> &'static str {
        if std::mem::take(&mut self.thinking) {
            "</think>\n\n"
        } else {
            ""
        }
    }

    /// The last events: calls, the reason, the counts.
    fn end(&mut self) -> Vec<GenerateEvent> {
        let Some(reason) = self.reason.take() else {
            return vec![self.failed("backend_gave_no_reason")];
        };
        let mut text = self.end_thinking().to_owned();
        for (name, arguments) in std::mem::take(&mut self.calls).into_values() {
            let name = Value::String(name).to_string();
            // As the server wrote them, where they are JSON at all.
            let is_json = serde_json::from_str::<IgnoredAny>(&arguments).is_ok();
            let arguments = if is_json { arguments.as_str() } else { "{}" };
            text.extend(["<tool_call>\n{\"name\":", &name, ",\"arguments\":"]);
            text.extend([arguments, "}\n</tool_call>\n"]);
        }
        let mut events = Vec::new();
        if !text.is_empty() {
            self.pieces = self.pieces.saturating_add(1);
            events.push(event(Event::Delta(Delta {
                text,
                ..Delta::default()
            })));
        }
        let finish_reason = match reason.as_str() {
            "length" => "length",
            "content_filter" => "content_filter",
            // "tool_calls" and the like: our own reader finds the calls.
            _ => "stop",
        };
        events.push(event(Event::Done(Done {
            finish_reason: finish_reason.to_owned(),
            usage: Some(self.counted()),
            stop_sequence: self.stop.take().unwrap_or_default(),
        })));
        events
    }

    fn failed(&self, code: &str) -> GenerateEvent {
        event(Event::Failed(Failed {
            code: code.to_owned(),
            message: String::new(),
            usage: Some(self.counted()),
        }))
    }

    /// The server's counts, else ours.
    fn counted(&self) -> TokenCount {
        self.usage.unwrap_or(TokenCount {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.pieces,
            cached_tokens: 0,
        })
    }

    fn logprob(&self, choice: &Value) -> Option<TokenLogprob> {
        if !self.is_chat {
            return None;
        }
        let token = choice["logprobs"]["content"].get(0)?;
        let top = token["top_logprobs"].as_array().into_iter().flatten();
        Some(TokenLogprob {
            token: token["token"].as_str()?.to_owned(),
            logprob: token["logprob"].as_f64()? as f32,
            top: top
                .filter_map(|top| {
                    Some(TopLogprob {
                        token: top["token"].as_str()?.to_owned(),
                        logprob: top["logprob"].as_f64()? as f32,
                    })
                })
                .collect(),
        })
    }
}

fn event(event: Event) -> GenerateEvent {
    GenerateEvent { event: Some(event) }
}

/// Citations beside the text: `annotations` in OpenAI's shape and the extension `zhisuan`.
fn attached(delta: &Value) -> String {
    let told = |name: &str| delta.get(name).filter(|value| !value.is_null());
    let named = ["annotations", "zhisuan"].into_iter();
    let kept: Map<String, Value> = named
        .filter_map(|name| Some((name.to_owned(), told(name)?.clone())))
        .collect();
    if kept.is_empty() {
        String::new()
    } else {
        Value::Object(kept).to_string()
    }
}

/// Counts, where both are told.
pub(super) fn usage(usage: &Value) -> Option<TokenCount> {
    let number = |value: &Value| value.as_u64().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    Some(TokenCount {
        prompt_tokens: number(&usage["prompt_tokens"])?,
        completion_tokens: number(&usage["completion_tokens"]).unwrap_or(0),
        cached_tokens: number(&usage["prompt_tokens_details"]["cached_tokens"]).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by panicking")]
    use super::Translator;
    use zhisuan_proto::v1::generate_event::Event;
    use zhisuan_proto::v1::generate_request::Input;
    use zhisuan_proto::v1::{Chat, ChatMessage, Done, GenerateRequest};

    fn read(lines: &[&str]) -> (String, Option<Done>, bool) {
        let mut translator = Translator::new(&GenerateRequest {
            input: Some(Input::Chat(Chat {
                messages: vec![ChatMessage {
                    content: "九个字节".to_owned(),
                    ..ChatMessage::default()
                }],
                ..Chat::default()
            })),
            ..GenerateRequest::default()
        });
        let (mut text, mut done) = (String::new(), None);
        for event in lines.iter().flat_map(|line| translator.read(line)) {
            match event.event {
                Some(Event::Delta(delta)) => text.push_str(&delta.text),
                Some(Event::Done(end)) => done = Some(end),
                other => panic!("{other:?}"),
            }
        }
        (text, done, translator.is_estimate())
    }

    #[test]
    fn text_thoughts_and_calls_become_one_text() {
        let (text, done, estimated) = read(&[
            r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"想"}}]}"#,
            r#"{"choices":[{"delta":{"content":"好"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"look","arguments":"{\"a\""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":9,"prompt_tokens_details":{"cached_tokens":4}}}"#,
            "[DONE]",
        ]);
        assert_eq!(
            text,
            "<think>想</think>\n\n好<tool_call>\n{\"name\":\"look\",\"arguments\":{\"a\":1}}\n</tool_call>\n"
        );
        let usage = done
            .as_ref()
            .and_then(|done| done.usage)
            .unwrap_or_default();
        assert_eq!(
            (
                usage.prompt_tokens,
                usage.completion_tokens,
                usage.cached_tokens
            ),
            (5, 9, 4)
        );
        assert_eq!(done.map(|done| done.finish_reason).as_deref(), Some("stop"));
        assert!(!estimated);
    }

    #[test]
    fn citations_beside_the_text_are_kept_and_nothing_else_is() {
        let mut translator = Translator::new(&GenerateRequest {
            input: Some(Input::Chat(Chat::default())),
            ..GenerateRequest::default()
        });
        let line = r#"{"choices":[{"delta":{"annotations":[{"type":"url_citation"}],"zhisuan":{"outcome":"answered"},"other":1}}]}"#;
        let events = translator.read(line);
        let Some(Event::Delta(delta)) = &events[0].event else {
            panic!("{events:?}");
        };
        assert_eq!(
            delta.attached,
            r#"{"annotations":[{"type":"url_citation"}],"zhisuan":{"outcome":"answered"}}"#
        );
        assert!(delta.text.is_empty());
    }

    #[test]
    fn without_counts_ours_are_used_and_said_to_be_an_estimate() {
        let (_, done, estimated) = read(&[
            r#"{"choices":[{"delta":{"content":"好"}}]}"#,
            r#"{"choices":[{"delta":{"content":"的"},"finish_reason":"length"}]}"#,
            "[DONE]",
        ]);
        let usage = done.and_then(|done| done.usage).unwrap_or_default();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (4, 2));
        assert!(estimated);
    }

    #[test]
    fn an_error_an_end_without_a_reason_and_no_json_are_failures() {
        for line in [r#"{"error":{"message":"x"}}"#, "[DONE]", "<html>"] {
            let mut translator = Translator::new(&GenerateRequest::default());
            let events = translator.read(line);
            assert!(matches!(events[0].event, Some(Event::Failed(_))), "{line}");
        }
    }
}
