//! An answer on its way out: server-sent events, or one piece; in any of the interfaces' shapes.

use super::ApiError;
use super::pieces::{Piece, Plan, Said, Talk, Usage};
use crate::language::Language;
use axum::Json;
use axum::http::HeaderValue;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::time::Duration;
use zhisuan_proto::v1::{Route, TokenLogprob};

const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) event: Option<&'static str>,
    pub(crate) data: String,
}

impl Frame {
    /// An event without a name.
    pub(crate) fn data(value: &Value) -> Self {
        Self {
            event: None,
            data: value.to_string(),
        }
    }

    /// An event with a name.
    pub(crate) fn named(event: &'static str, value: &Value) -> Self {
        Self {
            event: Some(event),
            data: value.to_string(),
        }
    }
}

/// One choice of a whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Choice {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<Called>,
    pub(crate) logprobs: Vec<TokenLogprob>,
    pub(crate) reason: &'static str,
    /// The stop string that ended it.
    pub(crate) stop: Option<String>,
    /// Members of the message beside its text, such as `annotations`.
    pub(crate) attached: Map<String, Value>,
}

/// A whole tool call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Called {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// How one interface writes answers. Pure: what is said in, JSON out.
pub(crate) trait Shape: Send + 'static {
    /// The route that answers; called once before anything else.
    fn opened(&mut self, route: &Route);
    /// Events before the first piece.
    fn begin(&mut self, plan: Plan) -> Vec<Frame>;
    /// Events of what is said; `Failed` never comes here.
    fn said(&mut self, said: Said) -> Vec<Frame>;
    /// The last events of a broken answer.
    fn failed(&mut self, error: &ApiError, language: Language) -> Vec<Frame>;
    /// The answer in one piece.
    fn whole(&mut self, choices: Vec<Choice>, usage: Usage) -> Value;
}

/// Chunks, the reason, the counts if asked for, the end; or chunks and one error event, after
/// which nothing comes: a broken answer never looks like a whole one.
pub(crate) fn events<S: Shape>(mut talk: Talk, mut shape: S, language: Language) -> Response {
    let events = async_stream::stream! {
        for frame in shape.begin(talk.plan) {
            yield Ok::<_, Infallible>(event(frame));
        }
        while let Some(said) = talk.next().await {
            let frames = match said {
                Said::Failed(error) => shape.failed(&error, language),
                said => shape.said(said),
            };
            for frame in frames {
                yield Ok(event(frame));
            }
        }
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // Proxies that collect answers would turn a stream into one late piece.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn event(frame: Frame) -> Event {
    let event = Event::default().data(frame.data);
    match frame.event {
        Some(name) => event.event(name),
        None => event,
    }
}

/// The answer in one piece; a broken one is an error and costs nothing.
pub(crate) async fn whole<S: Shape>(mut talk: Talk, mut shape: S) -> Result<Response, ApiError> {
    let (choices, usage) = collect(&mut talk).await?;
    let choices = best(choices, talk.plan);
    Ok(Json(shape.whole(choices, usage)).into_response())
}

async fn collect(talk: &mut Talk) -> Result<(Vec<Choice>, Usage), ApiError> {
    let mut choices = vec![Choice::default(); talk.plan.prompts * talk.plan.best_of];
    while let Some(said) = talk.next().await {
        match said {
            Said::Pieces {
                choice,
                pieces,
                logprob,
            } => {
                let choice = &mut choices[choice];
                choice.logprobs.extend(logprob);
                for piece in pieces {
                    add(choice, piece);
                }
            }
            Said::Attached { choice, members } => choices[choice].attached.extend(members),
            Said::Ended {
                choice,
                reason,
                stop,
            } => {
                choices[choice].reason = reason;
                choices[choice].stop = stop;
            }
            Said::Done(usage) => return Ok((choices, usage)),
            Said::Failed(error) => {
                talk.nothing_delivered();
                return Err(error);
            }
        }
    }
    Err(ApiError::internal())
}

fn add(choice: &mut Choice, piece: Piece) {
    match piece {
        Piece::Content(text) => choice.text.push_str(&text),
        Piece::Reasoning(text) => choice.reasoning.push_str(&text),
        Piece::Call { id, name, .. } => choice.calls.push(Called {
            id,
            name,
            arguments: String::new(),
        }),
        Piece::Arguments { index, delta } => {
            if let Some(call) = choice.calls.get_mut(index) {
                call.arguments.push_str(&delta);
            }
        }
    }
}

/// Of every prompt's answers the `n` whose tokens were on average the likeliest, in the order in
/// which they ran.
fn best(choices: Vec<Choice>, plan: Plan) -> Vec<Choice> {
    if plan.n == plan.best_of {
        return choices;
    }
    let mut kept = Vec::with_capacity(plan.prompts * plan.n);
    for group in choices.chunks(plan.best_of) {
        let mut ranks: Vec<usize> = (0..group.len()).collect();
        ranks.sort_by(|&a, &b| mean(&group[b]).total_cmp(&mean(&group[a])));
        ranks.truncate(plan.n);
        ranks.sort_unstable();
        kept.extend(ranks.into_iter().map(|index| group[index].clone()));
    }
    kept
}

fn mean(choice: &Choice) -> f32 {
    let sum: f32 = choice.logprobs.iter().map(|token| token.logprob).sum();
    if choice.logprobs.is_empty() {
        f32::NEG_INFINITY
    } else {
        sum / choice.logprobs.len() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Plan, best};
    use zhisuan_proto::v1::TokenLogprob;

    #[test]
    fn the_likeliest_are_kept_in_their_order_for_every_prompt() {
        let choice = |text: &str, logprobs: &[f32]| Choice {
            text: text.to_owned(),
            logprobs: logprobs
                .iter()
                .map(|&logprob| TokenLogprob {
                    logprob,
                    ..TokenLogprob::default()
                })
                .collect(),
            ..Choice::default()
        };
        let all = vec![
            choice("a", &[-1.0, -1.0]),
            choice("b", &[-3.0]),
            choice("c", &[-0.5, -0.6, -0.7]),
            choice("d", &[]),
            choice("e", &[f32::NEG_INFINITY]),
            choice("f", &[-9.0]),
        ];
        let kept = |n| {
            let plan = Plan {
                prompts: 2,
                n,
                best_of: 3,
                prompt_tokens: 0,
            };
            let kept = best(all.clone(), plan);
            kept.into_iter()
                .map(|choice| choice.text)
                .collect::<String>()
        };
        assert_eq!(kept(1), "cf");
        assert_eq!(kept(2), "acdf");
        assert_eq!(kept(3), "abcdef");
    }
}
