//! Lines of the OpenAI batch form, in and out. Pure.

use serde::Deserialize;
use serde_json::{Value, json};
use zhisuan_engine::{ChatMessage, Sampling};

/// Longest line that is read.
pub(crate) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;
/// Answer length when neither line nor job names one.
const MAX_TOKENS: u32 = 256;

/// A request that the engine can answer.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) max_tokens: u32,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<String>,
}

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

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    messages: Vec<Message>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    presence_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    seed: Option<i64>,
    n: Option<u32>,
    stop: Option<Stop>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Content,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
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

fn task(wire: Wire, has_id: bool, model: &str, default: u32) -> Result<Task, LineError> {
    let invalid = |message: String| LineError::new("invalid_request", message);
    if !has_id {
        return Err(invalid("custom_id 缺失或不是字符串".into()));
    }
    if wire.method.as_deref() != Some("POST") {
        return Err(invalid("method 应为 POST".into()));
    }
    if wire.url.as_deref() != Some("/v1/chat/completions") {
        return Err(LineError::new(
            "invalid_url",
            "url 应为 /v1/chat/completions",
        ));
    }
    let body = wire.body.ok_or_else(|| invalid("body 缺失".into()))?;
    let body: Body =
        serde_json::from_value(body).map_err(|error| invalid(format!("body:{error}")))?;
    if let Some(other) = body.model.filter(|name| name != model) {
        let text = format!("model 为“{other}”，本作业运行的是“{model}”");
        return Err(LineError::new("model_not_found", text));
    }
    if body.n.is_some_and(|n| n != 1) {
        return Err(invalid("n 只能为 1".into()));
    }
    let messages = body.messages.into_iter().map(message);
    let default = if default == 0 { MAX_TOKENS } else { default };
    Ok(Task {
        messages: messages.collect::<Result<_, _>>()?,
        max_tokens: body
            .max_completion_tokens
            .or(body.max_tokens)
            .unwrap_or(default),
        sampling: Sampling {
            // The default of the form that these lines follow.
            temperature: body.temperature.unwrap_or(1.0),
            top_p: body.top_p.unwrap_or(1.0),
            presence_penalty: body.presence_penalty.unwrap_or(0.0),
            frequency_penalty: body.frequency_penalty.unwrap_or(0.0),
            seed: body.seed.map(i64::cast_unsigned),
            ..Sampling::default()
        },
        stop: match body.stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Many(texts)) => texts,
        },
    })
}

fn message(wire: Message) -> Result<ChatMessage, LineError> {
    let content = match wire.content {
        Content::Text(text) => text,
        Content::Parts(parts) => {
            let mut text = String::new();
            for part in parts {
                match (part.r#type.as_str(), part.text) {
                    ("text", Some(piece)) => text.push_str(&piece),
                    (other, _) => {
                        let words = format!("messages.content 的类型“{other}”不支持，只支持 text");
                        return Err(LineError::new("invalid_request", words));
                    }
                }
            }
            text
        }
    };
    Ok(ChatMessage::new(wire.role, content))
}

/// The text of an answer with its counts.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) finish: &'static str,
    pub(crate) prompt_tokens: usize,
    pub(crate) completion_tokens: usize,
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
    let Place {
        job_id,
        number,
        created,
    } = place;
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
                "body": {
                    "id": format!("chatcmpl-{job_id}-{number}"),
                    "object": "chat.completion",
                    "created": created,
                    "model": model,
                    "choices": [{
                        "index": 0,
                        "message": {"role": "assistant", "content": answer.text, "refusal": null},
                        "logprobs": null,
                        "finish_reason": answer.finish,
                    }],
                    "usage": {
                        "prompt_tokens": answer.prompt_tokens,
                        "completion_tokens": answer.completion_tokens,
                        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
                    },
                },
            },
            "error": null,
        }),
    };
    line.to_string()
}
