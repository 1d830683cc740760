//! Bodies of the requests that a batch may carry, to what the engine is asked. Pure.

use super::lines::LineError;
use serde::Deserialize;
use serde_json::Value;
use zhisuan_engine::{ChatMessage, EmbedRequest, Prompt, Sampling};

/// Answer length when neither line nor job names one.
const MAX_TOKENS: u32 = 256;
/// Texts or lists of tokens whose vectors one line may ask for, as at the gateway.
const MOST_INPUTS: usize = 2_048;

/// A request that the engine can answer.
#[derive(Debug)]
pub(crate) enum Task {
    Write(Write),
    Embed(Embed),
}

/// Text to be written.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) form: Form,
    pub(crate) input: Input,
    pub(crate) max_tokens: u32,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<String>,
}

/// What is answered or continued.
#[derive(Debug)]
pub(crate) enum Input {
    Chat(Vec<ChatMessage>),
    Prompt(Prompt),
}

/// Which interface the answer is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Chat,
    Completion,
    Response,
}

/// Vectors to be computed.
#[derive(Debug)]
pub(crate) struct Embed {
    pub(crate) request: EmbedRequest,
    /// 0: as many as the model has.
    pub(crate) dimensions: u32,
    pub(crate) base64: bool,
}

/// The fields of all interfaces; each reads its own.
#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    prompt: Option<Texts>,
    input: Option<Value>,
    instructions: Option<String>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    max_output_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    presence_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    seed: Option<i64>,
    n: Option<u32>,
    stop: Option<Stop>,
    encoding_format: Option<String>,
    dimensions: Option<u32>,
    instruction: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    r#type: Option<String>,
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

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
    Tokens(Vec<u32>),
    Lists(Vec<Vec<u32>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Turns {
    Text(String),
    Items(Vec<Message>),
}

/// Reads the body of a request to `url`. `model` is what the job runs; `default_tokens` 0 stands
/// for 256.
pub(super) fn read(
    url: &str,
    body: Value,
    model: &str,
    default_tokens: u32,
) -> Result<Task, LineError> {
    let mut body: Body = typed("body", body)?;
    if let Some(other) = body.model.take().filter(|name| name != model) {
        let text = format!("model 为“{other}”，本作业运行的是“{model}”");
        return Err(LineError::new("model_not_found", text));
    }
    if body.n.is_some_and(|n| n != 1) {
        return Err(invalid("n 只能为 1"));
    }
    let (form, input) = match url {
        "/v1/chat/completions" => {
            let said = body.messages.take().ok_or_else(|| missing("messages"))?;
            (Form::Chat, Input::Chat(chat(said)?))
        }
        "/v1/completions" => {
            let prompt = body.prompt.take().ok_or_else(|| missing("prompt"))?;
            (Form::Completion, Input::Prompt(one(prompt)?))
        }
        "/v1/responses" => (Form::Response, Input::Chat(turns(&mut body)?)),
        "/v1/embeddings" => return embed(body).map(Task::Embed),
        _ => {
            let accepted =
                "url 应为 /v1/chat/completions、/v1/completions、/v1/embeddings 或 /v1/responses";
            return Err(LineError::new("invalid_url", accepted));
        }
    };
    let default = match default_tokens {
        0 => MAX_TOKENS,
        named => named,
    };
    let asked = body.max_completion_tokens.or(body.max_output_tokens);
    Ok(Task::Write(Write {
        form,
        input,
        max_tokens: asked.or(body.max_tokens).unwrap_or(default),
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
    }))
}

fn embed(body: Body) -> Result<Embed, LineError> {
    let input = body.input.ok_or_else(|| missing("input"))?;
    few(&input)?;
    let (texts, tokens) = match typed("input", input)? {
        Texts::One(text) => (vec![text], Vec::new()),
        Texts::Many(texts) => (texts, Vec::new()),
        Texts::Tokens(ids) => (Vec::new(), vec![ids]),
        Texts::Lists(lists) => (Vec::new(), lists),
    };
    if texts.is_empty() && tokens.is_empty() {
        return Err(invalid("input 至少要有一段文本"));
    }
    let base64 = match body.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let text = format!("encoding_format 为“{other}”，应为 float 或 base64");
            return Err(invalid(text));
        }
    };
    if body.dimensions == Some(0) {
        return Err(invalid("dimensions 至少为 1"));
    }
    Ok(Embed {
        request: EmbedRequest {
            tokens,
            instruction: body.instruction.unwrap_or_default(),
            ..EmbedRequest::new(texts)
        },
        dimensions: body.dimensions.unwrap_or(0),
        base64,
    })
}

/// Bounds the inputs of a line before they are read further: a line has room for a million of
/// them. Numbers are the tokens of one input.
fn few(input: &Value) -> Result<(), LineError> {
    let inputs = input.as_array().map_or(0, |list| {
        list.iter().filter(|input| !input.is_number()).count()
    });
    if inputs <= MOST_INPUTS {
        return Ok(());
    }
    Err(invalid(format!(
        "input 共 {inputs} 段，一行最多 {MOST_INPUTS} 段"
    )))
}

/// The one prompt of a line.
fn one(texts: Texts) -> Result<Prompt, LineError> {
    let mut prompts: Vec<Prompt> = match texts {
        Texts::One(text) => vec![Prompt::Text(text)],
        Texts::Many(texts) => texts.into_iter().map(Prompt::Text).collect(),
        Texts::Tokens(ids) => vec![Prompt::Tokens(ids)],
        Texts::Lists(lists) => lists.into_iter().map(Prompt::Tokens).collect(),
    };
    match (prompts.pop(), prompts.is_empty()) {
        (Some(prompt), true) => Ok(prompt),
        _ => Err(invalid("prompt 每行只能有一条")),
    }
}

/// Instructions and input of a response as a chat.
fn turns(body: &mut Body) -> Result<Vec<ChatMessage>, LineError> {
    let input = body.input.take().ok_or_else(|| missing("input"))?;
    let instructions = body.instructions.take();
    let instructions = instructions.map(|text| ChatMessage::new("system", text));
    let said = match typed("input", input)? {
        Turns::Text(text) => vec![ChatMessage::new("user", text)],
        Turns::Items(items) => chat(items)?,
    };
    Ok(instructions.into_iter().chain(said).collect())
}

fn chat(said: Vec<Message>) -> Result<Vec<ChatMessage>, LineError> {
    said.into_iter().map(message).collect()
}

fn message(wire: Message) -> Result<ChatMessage, LineError> {
    if let Some(kind) = wire.r#type.filter(|kind| kind != "message") {
        return Err(invalid(format!(
            "input 的类型“{kind}”不支持，只支持 message"
        )));
    }
    let content = match wire.content {
        Content::Text(text) => text,
        Content::Parts(parts) => {
            let mut text = String::new();
            for part in parts {
                match (part.r#type.as_str(), part.text) {
                    ("text" | "input_text" | "output_text", Some(piece)) => text.push_str(&piece),
                    (other, _) => {
                        let words = format!("messages.content 的类型“{other}”不支持，只支持 text");
                        return Err(invalid(words));
                    }
                }
            }
            text
        }
    };
    let role = match wire.role.as_str() {
        "developer" => "system".to_owned(),
        _ => wire.role,
    };
    Ok(ChatMessage::new(role, content))
}

fn typed<T: for<'de> Deserialize<'de>>(field: &str, value: Value) -> Result<T, LineError> {
    serde_json::from_value(value).map_err(|error| invalid(format!("{field}:{error}")))
}

fn missing(field: &str) -> LineError {
    invalid(format!("{field} 缺失"))
}

fn invalid(message: impl Into<String>) -> LineError {
    LineError::new("invalid_request", message)
}
