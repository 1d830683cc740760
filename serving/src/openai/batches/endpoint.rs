//! The interfaces that the lines of a batch may ask, and what workers obey of each. Pure.

use crate::openai::fields::{CHAT, COMPLETIONS, EMBEDDINGS, Fields, RESPONSES, unsupported};
use crate::openai::validate::invalid_value;
use crate::openai::{ApiError, chat, completions, embeddings, responses};
use serde_json::Value;
use zhisuan_proto::v1::generate_request::Input;

/// One interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Responses,
}

const ALL: [Endpoint; 4] = [
    Endpoint::Chat,
    Endpoint::Completions,
    Endpoint::Embeddings,
    Endpoint::Responses,
];

impl Endpoint {
    /// The interface of a path.
    pub(super) fn parse(path: &str) -> Result<Self, ApiError> {
        if path == "/v1/moderations" {
            return Err(unsupported("endpoint"));
        }
        let found = ALL.into_iter().find(|one| one.path() == path);
        found.ok_or_else(|| {
            let all = ALL.map(Self::path);
            let accepted = format!("'{}'", all.join("', '"));
            invalid_value("endpoint", path, &accepted, &format!(" {}", all.join("、")))
        })
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
            Self::Responses => "/v1/responses",
        }
    }

    /// What the audit calls a line of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "batch_chat_completions",
            Self::Completions => "batch_completions",
            Self::Embeddings => "batch_embeddings",
            Self::Responses => "batch_responses",
        }
    }

    fn fields(self) -> &'static Fields {
        match self {
            Self::Chat => &CHAT,
            Self::Completions => &COMPLETIONS,
            Self::Embeddings => &EMBEDDINGS,
            Self::Responses => &RESPONSES,
        }
    }

    /// What workers obey in a line's body; anything else would be lost on the way.
    fn obeyed(self) -> &'static [&'static [&'static str]] {
        const SAMPLING: &[&str] = &["model", "temperature", "top_p", "user"];
        const OLDER: &[&str] = &[
            "max_tokens",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "stop",
        ];
        match self {
            Self::Chat => &[SAMPLING, OLDER, &["messages", "max_completion_tokens"]],
            Self::Completions => &[SAMPLING, OLDER, &["prompt"]],
            Self::Embeddings => &[&[
                "model",
                "input",
                "encoding_format",
                "dimensions",
                "instruction",
                "user",
            ]],
            Self::Responses => &[SAMPLING, &["input", "instructions", "max_output_tokens"]],
        }
    }

    /// Checks the request of a line as it would be checked alone; its model.
    pub(super) fn check(self, body: &Value) -> Result<String, ApiError> {
        let object = body.as_object().ok_or_else(ApiError::internal)?;
        self.fields().check(object)?;
        let wish = match self {
            Self::Chat => chat::wish(body)?,
            Self::Completions => completions::wish(body)?,
            Self::Responses => responses::wish(body)?.0,
            Self::Embeddings => {
                let wish = embeddings::wish(body)?;
                self.all_obeyed(body)?;
                return Ok(wish.model);
            }
        };
        if wish.stream {
            return Err(unsupported("stream"));
        }
        if wish.n != 1 {
            return Err(unsupported("n"));
        }
        if !wish.more_prompts.is_empty() {
            return Err(unsupported("prompt"));
        }
        self.all_obeyed(body)?;
        if let Some(Input::Chat(chat)) = &wish.request.input {
            let odd = chat.messages.iter().position(|message| {
                message.role == "tool"
                    || !message.tool_calls.is_empty()
                    || !message.reasoning.is_empty()
                    || !message.name.is_empty()
            });
            match (odd, self) {
                (None, _) => {}
                // Items of a response are not messages one by one.
                (Some(_), Self::Responses) => return Err(unsupported("input")),
                (Some(index), _) => return Err(unsupported(&format!("messages[{index}]"))),
            }
        }
        Ok(wish.model)
    }

    /// Refuses a field that workers do not know, unless it asks for nothing.
    fn all_obeyed(self, body: &Value) -> Result<(), ApiError> {
        let given = body.as_object().into_iter().flatten();
        for (name, _) in given.filter(|(_, value)| !value.is_null()) {
            let obeyed = self
                .obeyed()
                .iter()
                .any(|names| names.contains(&name.as_str()));
            let neutral = self.fields().neutral.iter().any(|(known, _)| known == name);
            // Both were found to ask for nothing above.
            if !obeyed && !neutral && !matches!(name.as_str(), "stream" | "n") {
                return Err(unsupported(name));
            }
        }
        Ok(())
    }

    /// Every text of a request that a filter must read. Tokens it could not: no model is there to
    /// spell them out before the job runs.
    pub(super) fn texts(self, body: &mut Value) -> Result<Vec<&mut String>, ApiError> {
        let names: &[&str] = match self {
            Self::Chat => &["messages"],
            Self::Completions => &["prompt"],
            Self::Embeddings => &["input", "instruction"],
            Self::Responses => &["instructions", "input"],
        };
        let mut texts = Vec::new();
        for (name, value) in body.as_object_mut().into_iter().flatten() {
            if !names.contains(&name.as_str()) {
                continue;
            }
            if matches!(value.get(0), Some(Value::Number(_) | Value::Array(_))) {
                return Err(screened_tokens(name));
            }
            gather(value, &mut texts);
        }
        Ok(texts)
    }
}

/// Texts, and those of messages and their parts.
fn gather<'a>(value: &'a mut Value, texts: &mut Vec<&'a mut String>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter_mut().for_each(|item| gather(item, texts)),
        Value::Object(object) => {
            for (name, value) in object {
                if matches!(name.as_str(), "content" | "text") {
                    gather(value, texts);
                }
            }
        }
        _ => {}
    }
}

fn screened_tokens(path: &str) -> ApiError {
    ApiError::field(
        "unsupported_parameter",
        path,
        format!(
            "The content filter of your tenant reads prompts, and the token ids in '{path}' of a batch cannot be read before it runs. Send text."
        ),
        format!(
            "您所在租户启用了提示过滤，批处理中“{path}”的词元编号在运行前无法过滤。请改用文本。"
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{ALL, Endpoint};
    use serde_json::{Value, json};

    fn good(endpoint: Endpoint) -> Value {
        match endpoint {
            Endpoint::Chat => {
                json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]})
            }
            Endpoint::Completions => json!({"model": "m", "prompt": "hi", "echo": false}),
            Endpoint::Embeddings => {
                json!({"model": "m", "input": ["hi", "ho"], "dimensions": 8, "instruction": "find"})
            }
            Endpoint::Responses => {
                json!({"model": "m", "instructions": "brief", "store": false,
                    "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]})
            }
        }
    }

    #[test]
    fn every_interface_takes_what_workers_obey_and_names_what_they_do_not() {
        for endpoint in ALL {
            assert_eq!(Endpoint::parse(endpoint.path()).unwrap(), endpoint);
            assert_eq!(endpoint.check(&good(endpoint)).unwrap(), "m");
            for (name, value) in [
                ("priority", json!(1)),
                ("stream", json!(true)),
                ("n", json!(2)),
                ("colour", json!("red")),
            ] {
                let mut body = good(endpoint);
                body[name] = value;
                let refused = endpoint.check(&body).unwrap_err();
                assert_eq!(refused.param.as_deref(), Some(name), "{endpoint:?}");
            }
        }
        let two = json!({"model": "m", "prompt": ["a", "b"]});
        let refused = Endpoint::Completions.check(&two).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("prompt"));
        let call = json!({"model": "m", "input": [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "o"}]});
        let refused = Endpoint::Responses.check(&call).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("input"));
    }

    #[test]
    fn the_filter_gets_every_text_and_no_tokens() {
        for (endpoint, wanted) in [
            (Endpoint::Chat, vec!["hi"]),
            (Endpoint::Completions, vec!["hi"]),
            (Endpoint::Embeddings, vec!["find", "hi", "ho"]),
            (Endpoint::Responses, vec!["brief", "hi"]),
        ] {
            let mut body = good(endpoint);
            let mut texts: Vec<String> = endpoint
                .texts(&mut body)
                .unwrap()
                .iter()
                .map(|text| (**text).clone())
                .collect();
            texts.sort();
            assert_eq!(texts, wanted, "{endpoint:?}");
        }
        for tokens in [json!([1, 2]), json!([[1], [2]])] {
            let mut body = json!({"input": tokens});
            assert!(Endpoint::Embeddings.texts(&mut body).is_err());
        }
    }
}
