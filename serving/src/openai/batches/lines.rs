//! The lines of a batch's input, checked before anything is queued. Pure but for the stream.

use crate::openai::ApiError;
use crate::openai::body::{self, missing_parameter};
use crate::openai::chat;
use crate::openai::fields::{CHAT, unknown, unsupported};
use crate::openai::remote::refused;
use crate::openai::validate::{invalid_value, wrong_type};
use futures::{Stream, StreamExt as _};
use serde_json::{Map, Value};
use std::collections::HashSet;
use tonic::Status;
use zhisuan_proto::v1::generate_request::Input;

/// As the official interface bounds a batch.
const MAX_LINES: usize = 50_000;
const MAX_ID_BYTES: usize = 256;

/// What workers obey in a line's body; anything else would be lost on the way.
const BODY: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "user",
];

/// Checks every line; the model that all of them name.
pub(super) async fn check(
    lines: impl Stream<Item = Result<Vec<u8>, Status>>,
) -> Result<String, ApiError> {
    let mut lines = std::pin::pin!(lines.enumerate());
    let mut file = Seen::default();
    while let Some((index, line)) = lines.next().await {
        let number = index + 1;
        let line = line.map_err(|status| refused(&status, "input_file_id"))?;
        if number > MAX_LINES {
            return Err(invalid_value(
                "input_file_id",
                format!("more than {MAX_LINES} lines"),
                "a file of at most 50000 lines",
                "至多 50000 行的文件",
            ));
        }
        file.line(&line).map_err(|error| at_line(&error, number))?;
    }
    file.model.ok_or_else(|| {
        invalid_value(
            "input_file_id",
            "no lines",
            "a file of 1 to 50000 lines",
            "1 到 50000 行的文件",
        )
    })
}

/// What the lines so far have said.
#[derive(Default)]
struct Seen {
    model: Option<String>,
    ids: HashSet<String>,
}

impl Seen {
    fn line(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        let line = body::object(bytes)?;
        for (name, _) in &line {
            if !matches!(name.as_str(), "custom_id" | "method" | "url" | "body") {
                return Err(unknown(name));
            }
        }
        let id = text(&line, "custom_id")?;
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return Err(invalid_value(
                "custom_id",
                id,
                "1 to 256 bytes",
                " 1 到 256 字节",
            ));
        }
        if !self.ids.insert(id.to_owned()) {
            let accepted = "an id that no other line has";
            return Err(invalid_value("custom_id", id, accepted, "不重复的编号"));
        }
        expect(&line, "method", "POST")?;
        expect(&line, "url", "/v1/chat/completions")?;
        let model = match line.get("body") {
            None | Some(Value::Null) => return Err(missing_parameter("body")),
            Some(body @ Value::Object(_)) => request(body).map_err(|error| below_body(&error))?,
            Some(other) => return Err(wrong_type("body", other, "an object")),
        };
        match &self.model {
            None => self.model = Some(model),
            Some(first) if *first == model => {}
            Some(first) => {
                return Err(invalid_value(
                    "body.model",
                    model,
                    &format!("'{first}', as the lines before: a batch has one model"),
                    &format!("与前面各行相同的 {first}：一个批处理只用一个模型"),
                ));
            }
        }
        Ok(())
    }
}

fn text<'a>(line: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    match line.get(name) {
        None | Some(Value::Null) => Err(missing_parameter(name)),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(wrong_type(name, other, "a string")),
    }
}

fn expect(line: &Map<String, Value>, name: &str, value: &str) -> Result<(), ApiError> {
    match text(line, name)? {
        given if given == value => Ok(()),
        given => Err(invalid_value(
            name,
            given,
            &format!("'{value}'"),
            &format!(" {value}"),
        )),
    }
}

/// Checks the request of a line as it would be checked alone; its model.
fn request(body: &Value) -> Result<String, ApiError> {
    let object = body.as_object().ok_or_else(ApiError::internal)?;
    CHAT.check(object)?;
    let wish = chat::wish(body)?;
    if wish.stream {
        return Err(unsupported("stream"));
    }
    if wish.n != 1 {
        return Err(unsupported("n"));
    }
    let neutral = ["stream", "n"];
    let given = object.iter().filter(|(_, value)| !value.is_null());
    for (name, _) in given {
        let known = BODY.contains(&name.as_str()) || neutral.contains(&name.as_str());
        let accepted = CHAT.neutral.iter().any(|(neutral, _)| neutral == name);
        if !known && !accepted {
            return Err(unsupported(name));
        }
    }
    if let Some(Input::Chat(chat)) = &wish.request.input {
        let plain = |index: usize| {
            let message = &chat.messages[index];
            message.role != "tool"
                && message.tool_calls.is_empty()
                && message.reasoning.is_empty()
                && message.name.is_empty()
        };
        if let Some(index) = (0..chat.messages.len()).find(|&index| !plain(index)) {
            return Err(unsupported(&format!("messages[{index}]")));
        }
    }
    Ok(wish.model)
}

/// The same refusal with the path of its field inside the line.
fn below_body(error: &ApiError) -> ApiError {
    let Some(param) = error.param.as_deref() else {
        return error.clone();
    };
    let path = format!("body.{param}");
    let quoted = |text: &str, open: &str, close: &str| {
        text.replacen(
            &format!("{open}{param}{close}"),
            &format!("{open}{path}{close}"),
            1,
        )
    };
    let mut error = error.clone();
    error.english = quoted(&error.english, "'", "'").into();
    error.chinese = quoted(&error.chinese, "“", "”").into();
    error.about(path)
}

/// The same refusal with the number of its line.
fn at_line(error: &ApiError, number: usize) -> ApiError {
    ApiError::field(
        error.code,
        "input_file_id",
        format!(
            "Line {number} of the input: {} Nothing was queued.",
            error.english
        ),
        format!(
            "输入文件第 {number} 行：{}没有任何内容进入队列。",
            error.chinese
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::check;
    use futures::stream;
    use serde_json::{Value, json};

    fn line(id: &str) -> Value {
        json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": "hi"}]}})
    }

    async fn of(lines: &[String]) -> Result<String, String> {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| Ok(line.clone().into_bytes()))
            .collect();
        check(stream::iter(lines))
            .await
            .map_err(|error| error.english.into_string())
    }

    #[tokio::test]
    async fn good_lines_name_one_model() {
        let mut with_defaults = line("b");
        with_defaults["body"]["n"] = json!(1);
        with_defaults["body"]["stream"] = json!(false);
        with_defaults["body"]["store"] = json!(false);
        let lines = [line("a").to_string(), with_defaults.to_string()];
        assert_eq!(of(&lines).await.unwrap(), "m");
    }

    #[tokio::test]
    async fn every_bad_line_is_named_with_its_number_and_field() {
        let bad = |path: &str, value: Value| {
            let mut bad = line("b");
            *bad.pointer_mut(path).unwrap() = value;
            bad.to_string()
        };
        let with = |name: &str, value: Value| {
            let mut bad = line("b");
            bad["body"][name] = value;
            bad.to_string()
        };
        let cases = [
            ("no json".to_owned(), "parse"),
            (line("a").to_string(), "'custom_id'"),
            (bad("/custom_id", json!(7)), "'custom_id'"),
            (bad("/method", json!("GET")), "'method'"),
            (bad("/url", json!("/v1/embeddings")), "'url'"),
            (bad("/body", json!([])), "'body'"),
            (bad("/body/model", json!("other")), "'body.model'"),
            (
                bad("/body/messages/0/role", json!("king")),
                "'body.messages[0].role'",
            ),
            (with("temperature", json!(9)), "'body.temperature'"),
            (with("top_k", json!(9)), "'body.top_k'"),
            (with("n", json!(2)), "'body.n'"),
            (with("stream", json!(true)), "'body.stream'"),
            (
                with("response_format", json!({"type": "json_object"})),
                "'body.response_format'",
            ),
            (with("invented", json!(1)), "'body.invented'"),
        ];
        for (text, word) in cases {
            let error = of(&[line("a").to_string(), text.clone()])
                .await
                .unwrap_err();
            assert!(
                error.starts_with("Line 2 of the input: ") && error.contains(word),
                "{text}: {error}"
            );
        }
        assert!(of(&[]).await.unwrap_err().contains("no lines"));
    }
}
