//! The lines of a batch's input, checked before anything is queued. Pure.

use super::endpoint::Endpoint;
use crate::openai::ApiError;
use crate::openai::body::{self, missing_parameter};
use crate::openai::fields::unknown;
use crate::openai::validate::{invalid_value, wrong_type};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt;

/// As the official interface bounds a batch.
const MAX_LINES: usize = 50_000;
const MAX_ID_BYTES: usize = 256;

/// What the lines so far have said.
pub(super) struct Seen {
    endpoint: Endpoint,
    model: Option<String>,
    ids: HashSet<String>,
}

/// One line that was checked.
#[derive(Debug)]
pub(super) struct Line(Map<String, Value>);

impl Line {
    pub(super) fn custom_id(&self) -> &str {
        let id = self.0.get("custom_id").and_then(Value::as_str);
        id.unwrap_or("")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::Object(self.0.clone()).fmt(f)
    }
}

impl Seen {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            model: None,
            ids: HashSet::new(),
        }
    }

    /// The model that all lines name.
    pub(super) fn model(self) -> Result<String, ApiError> {
        self.model.ok_or_else(|| {
            invalid_value(
                "input_file_id",
                "no lines",
                "a file of 1 to 50000 lines",
                "1 到 50000 行的文件",
            )
        })
    }

    /// The texts of a line that a filter must read.
    pub(super) fn texts<'a>(&self, line: &'a mut Line) -> Result<Vec<&'a mut String>, ApiError> {
        let body = line.0.get_mut("body").ok_or_else(ApiError::internal)?;
        let texts = self.endpoint.texts(body);
        texts.map_err(|error| below_body(&error))
    }

    /// Checks one line more.
    pub(super) fn line(&mut self, bytes: &[u8]) -> Result<Line, ApiError> {
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
        if self.ids.len() == MAX_LINES {
            return Err(invalid_value(
                "input_file_id",
                format!("more than {MAX_LINES} lines"),
                "a file of at most 50000 lines",
                "至多 50000 行的文件",
            ));
        }
        if !self.ids.insert(id.to_owned()) {
            let accepted = "an id that no other line has";
            return Err(invalid_value("custom_id", id, accepted, "不重复的编号"));
        }
        expect(&line, "method", "POST")?;
        expect(&line, "url", self.endpoint.path())?;
        let model = match line.get("body") {
            None | Some(Value::Null) => return Err(missing_parameter("body")),
            Some(body @ Value::Object(_)) => {
                let checked = self.endpoint.check(body);
                checked.map_err(|error| below_body(&error))?
            }
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
        Ok(Line(line))
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
pub(super) fn at_line(error: &ApiError, number: u64) -> ApiError {
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
    use super::{Endpoint, Seen, at_line};
    use serde_json::{Value, json};

    fn line(id: &str) -> Value {
        json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": "hi"}]}})
    }

    fn of(lines: &[String]) -> Result<String, String> {
        let mut seen = Seen::new(Endpoint::Chat);
        for (line, number) in lines.iter().zip(1..) {
            let checked = seen.line(line.as_bytes());
            checked.map_err(|error| at_line(&error, number).english.into_string())?;
        }
        seen.model().map_err(|error| error.english.into_string())
    }

    #[test]
    fn good_lines_name_one_model() {
        let mut with_defaults = line("b");
        with_defaults["body"]["n"] = json!(1);
        with_defaults["body"]["stream"] = json!(false);
        with_defaults["body"]["store"] = json!(false);
        let lines = [line("a").to_string(), with_defaults.to_string()];
        assert_eq!(of(&lines).unwrap(), "m");
    }

    #[test]
    fn every_bad_line_is_named_with_its_number_and_field() {
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
            let error = of(&[line("a").to_string(), text.clone()]).unwrap_err();
            assert!(
                error.starts_with("Line 2 of the input: ") && error.contains(word),
                "{text}: {error}"
            );
        }
        assert!(of(&[]).unwrap_err().contains("no lines"));
    }
}
