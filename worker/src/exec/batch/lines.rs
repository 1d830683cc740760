//! Lines of the OpenAI batch form, in and out. Pure.

use super::answers::Answer;
use super::bodies::{self, Task};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest line that is read.
pub(crate) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// What a line came to: a task, or what is wrong with it.
#[derive(Debug)]
pub(crate) struct Line {
    /// Kept for the answer, also when the rest is bad.
    pub(crate) custom_id: Option<String>,
    pub(crate) task: Result<Task, LineError>,
}

/// Code and words of an error line.
#[derive(Debug)]
pub(crate) struct LineError {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl LineError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

#[derive(Deserialize)]
struct Wire {
    custom_id: Option<Value>,
    method: Option<String>,
    url: Option<String>,
    body: Option<Value>,
}

/// Reads one line. `model` is what the job runs; `default_tokens` 0 stands for 256.
pub(crate) fn parse(text: &[u8], model: &str, default_tokens: u32) -> Line {
    let wire: Wire = match serde_json::from_slice(text) {
        Ok(wire) => wire,
        Err(error) => {
            return Line {
                custom_id: None,
                task: Err(LineError::new(
                    "invalid_json",
                    format!("不是 JSON 对象：{error}"),
                )),
            };
        }
    };
    let custom_id = match &wire.custom_id {
        Some(Value::String(id)) => Some(id.clone()),
        _ => None,
    };
    Line {
        task: task(wire, custom_id.is_some(), model, default_tokens),
        custom_id,
    }
}

fn task(wire: Wire, has_id: bool, model: &str, default_tokens: u32) -> Result<Task, LineError> {
    let invalid = |message: &str| LineError::new("invalid_request", message);
    if !has_id {
        return Err(invalid("custom_id 缺失或不是字符串"));
    }
    if wire.method.as_deref() != Some("POST") {
        return Err(invalid("method 应为 POST"));
    }
    let body = wire.body.ok_or_else(|| invalid("body 缺失"))?;
    let url = wire.url.unwrap_or_default();
    bodies::read(&url, body, model, default_tokens)
}

/// Where a line stands: used for ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) job_id: u64,
    /// From 1.
    pub(crate) number: u64,
    /// Seconds since the epoch.
    pub(crate) created: u64,
}

/// One line of output, without its end of line.
pub(crate) fn render(
    place: Place,
    model: &str,
    custom_id: Option<&str>,
    result: &Result<Answer, LineError>,
) -> String {
    let Place { job_id, number, .. } = place;
    let id = format!("batch_req_{job_id}_{number}");
    let line = match result {
        Err(error) => json!({
            "id": id, "custom_id": custom_id, "response": null,
            "error": {
                "code": error.code,
                "message": format!("第 {number} 行：{}", error.message),
                "line": number,
            },
        }),
        Ok(answer) => json!({
            "id": id,
            "custom_id": custom_id,
            "response": {
                "status_code": 200,
                "request_id": format!("{job_id}-{number}"),
                "body": answer.body(place, model),
            },
            "error": null,
        }),
    };
    line.to_string()
}
