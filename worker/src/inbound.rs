//! Requests on the wire as the engine takes them.

use crate::convert::sampling;
use zhisuan_engine as engine;
use zhisuan_engine::{Engine, EngineError, Prompt};
use zhisuan_proto::v1;
use zhisuan_proto::v1::constraint::Form;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::tokenize_request::Input as Countable;

/// No tokenizer in use makes one token of more bytes than this.
const BYTES_PER_TOKEN: usize = 512;

/// A chat with its tools and wishes.
pub(crate) fn chat(wire: v1::Chat) -> engine::Chat {
    engine::Chat {
        messages: wire.messages.into_iter().map(message).collect(),
        tools: wire.tools.into_iter().map(tool).collect(),
        thinking: wire.thinking,
        continue_last: wire.continue_last,
    }
}

fn message(wire: v1::ChatMessage) -> engine::ChatMessage {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let call = |call: v1::ToolCall| engine::ToolCall {
        id: call.id,
        name: call.name,
        arguments: call.arguments,
    };
    engine::ChatMessage {
        tool_calls: wire.tool_calls.into_iter().map(call).collect(),
        tool_call_id: some(wire.tool_call_id),
        name: some(wire.name),
        reasoning: some(wire.reasoning),
        ..engine::ChatMessage::new(wire.role, wire.content)
    }
}

fn tool(wire: v1::Tool) -> engine::Tool {
    engine::Tool {
        name: wire.name,
        description: wire.description,
        parameters: wire.parameters,
        strict: wire.strict,
    }
}

/// What an answer must look like; one that says nothing is refused.
fn constraint(wire: Option<v1::Constraint>) -> Result<Option<engine::Constraint>, EngineError> {
    let Some(wire) = wire else {
        return Ok(None);
    };
    let form = match wire.form {
        Some(Form::JsonSchema(schema)) => engine::Constraint::JsonSchema(schema),
        Some(Form::JsonObject(true)) => engine::Constraint::JsonObject,
        Some(Form::Regex(regex)) => engine::Constraint::Regex(regex),
        Some(Form::Lark(grammar)) => engine::Constraint::Lark(grammar),
        Some(Form::Choices(choices)) => engine::Constraint::Choices(choices.texts),
        Some(Form::JsonObject(false)) | None => {
            let accepted = "json_schema、json_object、regex、lark、choices 必须给出一个";
            return Err(invalid("constraint", accepted));
        }
    };
    Ok(Some(form))
}

/// What shall be continued, and how many tokens of it are the prompt.
pub(crate) fn prompt(
    engine: &Engine,
    wire: &mut v1::GenerateRequest,
) -> Result<(Prompt, usize), EngineError> {
    if let Some(resume) = wire.resume.take() {
        let count = resume.prompt.len();
        return Ok((Prompt::Begun(begun(resume)), count));
    }
    let tokens = tokens(engine, wire.input.take())?;
    let count = tokens.len();
    Ok((Prompt::Tokens(tokens), count))
}

/// An answer that another replica began.
fn begun(wire: v1::Resume) -> engine::Resume {
    engine::Resume {
        prompt: wire.prompt,
        answer: wire.answer,
        seed: wire.seed,
        cached_tokens: wire.cached_tokens as usize,
    }
}

fn tokens(engine: &Engine, input: Option<Input>) -> Result<Vec<u32>, EngineError> {
    match input {
        Some(Input::Prompt(text)) => encode(engine, &text),
        Some(Input::TokenIds(tokens)) => Ok(tokens.ids),
        Some(Input::Chat(wire)) => encode(engine, &engine.prompt_of(&chat(wire))?),
        None => Err(invalid("input", "chat、prompt、token_ids 必须给出一个")),
    }
}

/// Tokens of what shall only be counted.
pub(crate) fn count(engine: &Engine, input: Option<Countable>) -> Result<Vec<u32>, EngineError> {
    match input {
        Some(Countable::Text(text)) => encode(engine, &text),
        Some(Countable::Chat(wire)) => encode(engine, &engine.prompt_of(&chat(wire))?),
        None => Err(invalid("input", "chat 或 text 必须给出一个")),
    }
}

/// Texts of lists of tokens; a refusal names the list and the place in it.
pub(crate) fn detokenize(
    engine: &Engine,
    lists: &[v1::TokenIds],
) -> Result<Vec<String>, EngineError> {
    let text = |(list, tokens): (usize, &v1::TokenIds)| {
        engine.detokenize(&tokens.ids).map_err(|error| match error {
            EngineError::InvalidRequest { field, detail } => EngineError::InvalidRequest {
                field: field.replacen("tokens", &format!("token_ids[{list}]"), 1),
                detail,
            },
            other => other,
        })
    };
    lists.iter().enumerate().map(text).collect()
}

/// Texts and tokens to embed.
pub(crate) fn embed(wire: v1::EmbedRequest) -> engine::EmbedRequest {
    engine::EmbedRequest {
        texts: wire.texts,
        tokens: wire.token_ids.into_iter().map(|list| list.ids).collect(),
        instruction: wire.instruction,
        tenant: wire.tenant,
        priority: wire.priority,
    }
}

/// Hopelessly long text is refused before anybody pays for tokenising it.
fn encode(engine: &Engine, text: &str) -> Result<Vec<u32>, EngineError> {
    let limit = engine.info().context_length;
    let least = text.len() / BYTES_PER_TOKEN;
    if least > limit {
        return Err(EngineError::ContextExceeded {
            prompt_tokens: least,
            limit,
        });
    }
    engine.tokenize(text)
}

/// The request with what it shall continue.
pub(crate) fn generate(
    wire: v1::GenerateRequest,
    adapter: Option<String>,
    prompt: Prompt,
) -> Result<engine::GenerateRequest, EngineError> {
    Ok(engine::GenerateRequest {
        prompt,
        adapter,
        max_tokens: wire.max_tokens as usize,
        sampling: sampling(wire.sampling),
        stop: wire.stop,
        logprobs: wire.top_logprobs.map(|count| count as usize),
        ignore_eos: wire.ignore_eos,
        tenant: wire.tenant,
        priority: wire.priority,
        queue_ms: wire.queue_ms,
        cache_salt: wire.cache_salt,
        pin_s: wire.pin_s,
        min_tokens: wire.min_tokens as usize,
        stop_tokens: wire.stop_tokens,
        constraint: constraint(wire.constraint)?,
        prediction: wire.prediction,
    })
}

fn invalid(field: &str, detail: &str) -> EngineError {
    EngineError::InvalidRequest {
        field: field.to_owned(),
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use super::{chat, generate};
    use zhisuan_engine::{Constraint, Prompt};
    use zhisuan_proto::v1::{self, constraint::Form};

    #[test]
    fn every_field_reaches_the_engine() {
        let constraint = |form| Some(v1::Constraint { form });
        let wire = v1::GenerateRequest {
            tenant: "acme".into(),
            priority: 2,
            queue_ms: 30,
            cache_salt: "shared".into(),
            pin_s: 60,
            min_tokens: 3,
            stop_tokens: vec![7],
            constraint: constraint(Some(Form::Regex("a+".into()))),
            prediction: "again".into(),
            ..v1::GenerateRequest::default()
        };
        let request = generate(wire, Some("lora".into()), Prompt::Tokens(vec![1, 2])).unwrap();
        assert_eq!(
            (request.tenant.as_str(), request.priority, request.queue_ms),
            ("acme", 2, 30)
        );
        assert_eq!(
            (
                request.cache_salt.as_str(),
                request.pin_s,
                request.min_tokens
            ),
            ("shared", 60, 3)
        );
        assert_eq!(request.stop_tokens, [7]);
        assert_eq!(request.constraint, Some(Constraint::Regex("a+".into())));
        assert_eq!(request.prediction, "again");
        for form in [None, Some(Form::JsonObject(false))] {
            let wire = v1::GenerateRequest {
                constraint: constraint(form),
                ..v1::GenerateRequest::default()
            };
            let refused = generate(wire, None, Prompt::Tokens(vec![1])).unwrap_err();
            assert_eq!(refused.code(), "invalid_request");
        }
    }

    #[test]
    fn a_tool_call_and_its_answer_stay_together() {
        let wire = v1::Chat {
            messages: vec![
                v1::ChatMessage {
                    role: "assistant".into(),
                    reasoning: "look it up".into(),
                    tool_calls: vec![v1::ToolCall {
                        id: "c1".into(),
                        name: "weather".into(),
                        arguments: "{}".into(),
                    }],
                    ..v1::ChatMessage::default()
                },
                v1::ChatMessage {
                    role: "tool".into(),
                    content: "rain".into(),
                    tool_call_id: "c1".into(),
                    ..v1::ChatMessage::default()
                },
            ],
            thinking: Some(false),
            ..v1::Chat::default()
        };
        let chat = chat(wire);
        assert_eq!(chat.messages[0].tool_calls[0].id, "c1");
        assert_eq!(chat.messages[0].reasoning.as_deref(), Some("look it up"));
        assert_eq!(chat.messages[1].tool_call_id.as_deref(), Some("c1"));
        assert!(chat.messages[1].name.is_none());
        assert_eq!(chat.thinking, Some(false));
    }
}
