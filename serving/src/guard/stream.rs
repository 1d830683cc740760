//! An answer's events on their way out: screened, and with the visible label at the end.

use super::hold::Hold;
use super::screen::{Screened, screen};
use super::{Decisions, Rule, Terms};
use crate::routing::Events;
use crate::trail::Trail;
use futures::StreamExt as _;
use serde_json::Value;
use std::sync::Arc;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{Delta, Done, GenerateEvent, TokenCount};

/// What is done to an answer on its way out.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) screen: Option<(Decisions, Arc<Terms>)>,
    /// Put after the last word of an answer that ended by itself.
    pub(crate) label: Option<&'static str>,
}

/// The events as the caller may see them. For every token that was made an event leaves, if need
/// be without text, so that tokens are counted as they are made.
pub(crate) fn outgoing(mut events: Events, trail: Trail, how: Outgoing) -> Events {
    if how.screen.is_none() && how.label.is_none() {
        return events;
    }
    let mut hold = how
        .screen
        .clone()
        .map(|(decisions, terms)| Hold::new(decisions, terms));
    let mut count = TokenCount::default();
    async_stream::stream! {
        while let Some(message) = events.next().await {
            let mut event = match message {
                Ok(GenerateEvent { event: Some(event) }) => event,
                other => {
                    yield other;
                    continue;
                }
            };
            let (mut tail, is_delta) = (Screened::default(), matches!(event, Event::Delta(_)));
            let mut refused_beside = None;
            match &mut event {
                Event::Started(accepted) => count.prompt_tokens = accepted.prompt_tokens,
                Event::Delta(delta) => {
                    if let Some(how) = how.screen.as_ref().filter(|_| !delta.attached.is_empty()) {
                        let beside = attached(&delta.attached, how);
                        note(&trail, &beside);
                        delta.attached = beside.text;
                        refused_beside = beside.refused;
                    }
                    count.completion_tokens = count.completion_tokens.saturating_add(1);
                    tail = match &mut hold {
                        Some(hold) => hold.push(&delta.text),
                        None => Screened { text: delta.text.clone(), ..Screened::default() },
                    };
                }
                Event::Done(_) => {
                    tail = hold.as_mut().map(Hold::finish).unwrap_or_default();
                    if tail.refused.is_none() {
                        tail.text.push_str(how.label.unwrap_or(""));
                    }
                }
                Event::Failed(_) | Event::Handover(_) => {}
            }
            note(&trail, &tail);
            let refused = tail.refused.or(refused_beside);
            if is_delta || !tail.text.is_empty() {
                yield Ok(said(tail.text, &event));
            }
            if let Some(rule) = refused {
                trail.with(|record| "content_filter".clone_into(&mut record.reason));
                yield Ok(filtered(rule, &event, count));
                return;
            }
            if !is_delta {
                yield Ok(GenerateEvent { event: Some(event) });
            }
        }
    }
    .boxed()
}

/// What another server said beside the text (a JSON object), every string in it screened; nothing
/// of it where it is refused or cannot be read.
fn attached(json: &str, (decisions, terms): &(Decisions, Arc<Terms>)) -> Screened {
    let mut all = Screened::default();
    let Ok(mut value) = serde_json::from_str::<Value>(json) else {
        return all;
    };
    let mut open = vec![&mut value];
    while let Some(next) = open.pop() {
        match next {
            Value::String(text) => {
                let screened = screen(text, *decisions, terms, "answer");
                all.findings.extend(screened.findings);
                all.refused = all.refused.or(screened.refused);
                *text = screened.text;
            }
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values_mut()),
            _ => {}
        }
    }
    if all.refused.is_none() {
        all.text = value.to_string();
    }
    all
}

fn note(trail: &Trail, screened: &Screened) {
    if !screened.findings.is_empty() {
        trail.with(|record| {
            for finding in &screened.findings {
                record.found(finding.clone());
            }
        });
    }
}

/// A piece of text; it keeps what the replica said of the token.
fn said(text: String, event: &Event) -> GenerateEvent {
    let delta = match event {
        Event::Delta(delta) => Delta {
            text,
            ..delta.clone()
        },
        _ => Delta {
            text,
            ..Delta::default()
        },
    };
    GenerateEvent {
        event: Some(Event::Delta(delta)),
    }
}

/// The end of an answer that may not go on. What was made until here is charged.
fn filtered(rule: Rule, event: &Event, count: TokenCount) -> GenerateEvent {
    tracing::info!(
        rule = rule.name(),
        "an answer was ended by the content filter"
    );
    let usage = match event {
        Event::Done(done) => done.usage.unwrap_or(count),
        _ => count,
    };
    GenerateEvent {
        event: Some(Event::Done(Done {
            finish_reason: "content_filter".to_owned(),
            usage: Some(usage),
            stop_sequence: String::new(),
        })),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::attached;
    use crate::guard::{Decision, Decisions, Rule, Terms};
    use serde_json::{Value, json};
    use std::sync::Arc;

    const MASK: Decisions = Decisions {
        personal: Decision::Mask,
        secrecy: Decision::Refuse,
        terms: Decision::Ignore,
    };

    #[test]
    fn what_stands_beside_the_text_is_screened_too() {
        let how = (MASK, Arc::new(Terms::parse("")));
        let beside = json!({"zhisuan": {"citations": [{"quote": "电话13812345678", "start": 5}]}});
        let screened = attached(&beside.to_string(), &how);
        let told: Value = serde_json::from_str(&screened.text).unwrap();
        let citation = &told["zhisuan"]["citations"][0];
        assert_eq!(
            (&citation["quote"], &citation["start"]),
            (&json!("电话[手机号]"), &json!(5))
        );
        assert_eq!((screened.findings.len(), screened.refused), (1, None));
        let secret = json!({"annotations": [{"title": "机密★20年"}]});
        let screened = attached(&secret.to_string(), &how);
        assert_eq!(
            (screened.text.as_str(), screened.refused),
            ("", Some(Rule::SecrecyMark))
        );
    }
}
