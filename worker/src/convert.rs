//! Between the wire and the engine: requests in, events out, errors as statuses with details.

use tonic::{Code, Status};
use zhisuan_engine as engine;
use zhisuan_engine::EngineError;
use zhisuan_proto::v1;

/// The word on the wire for the end of an answer.
pub(crate) fn finish_word(finish: engine::FinishReason) -> &'static str {
    match finish {
        engine::FinishReason::Stop | engine::FinishReason::StopString(_) => "stop",
        engine::FinishReason::Length => "length",
        engine::FinishReason::Cancelled => "cancelled",
    }
}

/// "context_exceeded" becomes "ZS-ENGINE-CONTEXT-EXCEEDED".
pub(crate) fn error_code(error: &EngineError) -> String {
    let name = error.code().to_ascii_uppercase().replace('_', "-");
    format!("ZS-ENGINE-{name}")
}

/// A refusal before the first event.
pub(crate) fn status(error: &EngineError) -> Status {
    let code = match error {
        EngineError::ContextExceeded { .. }
        | EngineError::InvalidRequest { .. }
        | EngineError::Incapable { .. }
        | EngineError::Constraint { .. }
        | EngineError::Template { .. } => Code::InvalidArgument,
        EngineError::AdapterUnknown { .. } => Code::NotFound,
        EngineError::Overloaded { .. } => Code::ResourceExhausted,
        EngineError::DeadlineExceeded { .. } => Code::DeadlineExceeded,
        EngineError::Stopped => Code::Unavailable,
        EngineError::Cancelled => Code::Cancelled,
        _ => Code::Internal,
    };
    let none = String::new;
    let (field, value, accepted) = match error {
        EngineError::InvalidRequest { field, detail } => (field.clone(), none(), detail.clone()),
        EngineError::ContextExceeded {
            prompt_tokens,
            limit,
        } => ("input".into(), prompt_tokens.to_string(), limit.to_string()),
        EngineError::Incapable { instead, .. } => ("model".into(), none(), (*instead).into()),
        EngineError::Constraint { detail } => ("constraint".into(), none(), detail.clone()),
        EngineError::Template { .. } => ("input".into(), none(), none()),
        _ => (none(), none(), none()),
    };
    let retry_ms = match error {
        EngineError::Overloaded { retry_ms, .. } => *retry_ms,
        _ => 0,
    };
    let detail = v1::ErrorDetail {
        code: error_code(error),
        field,
        value,
        accepted,
        message_zh: error.to_string(),
        retry_ms,
        ..v1::ErrorDetail::default()
    };
    zhisuan_proto::status(code, format!("engine refused: {}", error.code()), &detail)
}

/// Sampling on the wire; absent means greedy. Fields that proto3 leaves at zero keep the value
/// that switches them off.
pub(crate) fn sampling(wire: Option<v1::Sampling>) -> engine::Sampling {
    let Some(wire) = wire else {
        return engine::Sampling::default();
    };
    let or_one = |value: f32| if value == 0.0 { 1.0 } else { value };
    let mut logit_bias: Vec<(u32, f32)> = wire.logit_bias.into_iter().collect();
    logit_bias.sort_by_key(|(token, _)| *token);
    engine::Sampling {
        temperature: wire.temperature,
        top_k: wire.top_k as usize,
        top_p: or_one(wire.top_p),
        min_p: wire.min_p,
        repetition_penalty: or_one(wire.repetition_penalty),
        presence_penalty: wire.presence_penalty,
        frequency_penalty: wire.frequency_penalty,
        logit_bias,
        seed: wire.seed,
    }
}

/// Tokens used, on the wire.
pub(crate) fn usage(usage: engine::Usage) -> v1::TokenCount {
    let count = |tokens: usize| u32::try_from(tokens).unwrap_or(u32::MAX);
    v1::TokenCount {
        prompt_tokens: count(usage.prompt_tokens),
        completion_tokens: count(usage.completion_tokens),
        cached_tokens: count(usage.cached_tokens),
    }
}

/// One event, on the wire; `stop` are the stop strings of its request, `weights` names the files
/// that the engine runs.
pub(crate) fn event(
    event: engine::GenerateEvent,
    stop: &[String],
    weights: &str,
) -> v1::GenerateEvent {
    use v1::generate_event::Event;
    let event = match event {
        engine::GenerateEvent::Token {
            text,
            token,
            logprob,
        } => Event::Delta(v1::Delta {
            logprob: logprob.map(|found| token_logprob(&text, token, found)),
            text,
            token,
            attached: String::new(),
        }),
        engine::GenerateEvent::Done {
            finish,
            usage: used,
        } => Event::Done(v1::Done {
            finish_reason: finish_word(finish).into(),
            usage: Some(usage(used)),
            stop_sequence: match finish {
                engine::FinishReason::StopString(at) => stop.get(at).cloned().unwrap_or_default(),
                _ => String::new(),
            },
        }),
        engine::GenerateEvent::Failed { error, usage: used } => Event::Failed(v1::Failed {
            code: error_code(&error),
            message: error.to_string(),
            usage: Some(usage(used)),
        }),
        engine::GenerateEvent::Unfinished {
            resume,
            usage: used,
        } => Event::Handover(v1::Handover {
            resume: Some(v1::Resume {
                cached_tokens: usage(used).cached_tokens,
                prompt: resume.prompt,
                answer: resume.answer,
                seed: resume.seed,
                weights: weights.to_owned(),
            }),
            usage: Some(usage(used)),
        }),
    };
    v1::GenerateEvent { event: Some(event) }
}

/// The delta's text may hold back bytes; the list of likely tokens has the token's own text.
fn token_logprob(text: &str, token: u32, found: engine::TokenLogprob) -> v1::TokenLogprob {
    let own = found.top.iter().find(|top| top.token == token);
    v1::TokenLogprob {
        token: own.map_or_else(|| text.to_owned(), |top| top.text.clone()),
        logprob: found.logprob,
        top: found
            .top
            .into_iter()
            .map(|top| v1::TopLogprob {
                token: top.text,
                logprob: top.logprob,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by panicking")]
    use super::{sampling, status};
    use zhisuan_engine::{EngineError, Sampling};
    use zhisuan_proto::v1;

    #[test]
    fn zero_on_the_wire_switches_off() {
        assert_eq!(sampling(Some(v1::Sampling::default())), Sampling::default());
        assert_eq!(sampling(None), Sampling::default());
    }

    #[test]
    fn refusals_carry_code_and_field() {
        let refusal = status(&EngineError::InvalidRequest {
            field: "top_p".into(),
            detail: "7".into(),
        });
        assert_eq!(refusal.code(), tonic::Code::InvalidArgument);
        let detail = zhisuan_proto::detail_of(&refusal).unwrap_or_default();
        assert_eq!(
            (detail.code.as_str(), detail.field.as_str()),
            ("ZS-ENGINE-INVALID-REQUEST", "top_p")
        );
        let full = status(&EngineError::Overloaded {
            waiting: 9,
            limit: 9,
            retry_ms: 750,
        });
        let detail = zhisuan_proto::detail_of(&full).unwrap_or_default();
        assert_eq!(
            (full.code(), detail.retry_ms),
            (tonic::Code::ResourceExhausted, 750)
        );
    }
}
