//! Calls to the gateway over HTTP: the OpenAI endpoint as a stream, and plain JSON.

use crate::config::{As, Settings};
use crate::error::{Exit, Failure, Result, root_cause};
use crate::words::{say, tr};
use futures::StreamExt as _;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// A connection should open within this.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest silence inside an answer.
const SILENCE: Duration = Duration::from_mins(5);
/// The largest single event of a stream, bytes.
const MAX_EVENT: usize = 1024 * 1024;

/// The gateway as one caller sees it.
pub(crate) struct Gateway {
    http: reqwest::Client,
    url: String,
    key: String,
    /// The knowledge base that requests are for; empty for the first.
    base: String,
}

/// What a chat gave in all.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChatAnswer {
    pub(crate) content: String,
    pub(crate) finish_reason: String,
    /// The usage object of the last event, or null.
    pub(crate) usage: Value,
    pub(crate) id: String,
}

impl Gateway {
    /// A gateway with the user's settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let ca = settings.get("ca");
        let ca = if ca.is_empty() { None } else { Some(ca) };
        Self::at(settings.get("gateway"), settings.secret(As::Tenant), ca)
    }

    /// A gateway with the settings of the staff: the operator's key, else the user's own.
    pub(crate) fn of_staff(settings: &Settings) -> Result<Self> {
        let ca = settings.get("ca");
        let ca = if ca.is_empty() { None } else { Some(ca) };
        Self::at(settings.get("gateway"), settings.secret(As::Operator), ca)
    }

    /// A given gateway.
    pub(crate) fn at(url: &str, key: &str, ca: Option<&str>) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if let Some(path) = ca {
            let pem = std::fs::read(path)?;
            let certificate =
                reqwest::Certificate::from_pem(&pem).map_err(|error| broken(url, &error))?;
            builder = builder.tls_certs_merge([certificate]);
        }
        Ok(Self {
            http: builder.build().map_err(|error| broken(url, &error))?,
            url: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            base: String::new(),
        })
    }

    /// The same for a knowledge base of this name; the first one where none is given.
    pub(crate) fn of_base(mut self, base: Option<&str>) -> Result<Self> {
        let base = base.unwrap_or_default();
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
        if !base.chars().all(plain) {
            let message = say!(
                "知识库名“{}”不对:只用小写字母、数字和连字符",
                "\"{}\" is no name of a base: only small letters, digits and hyphens",
                base
            );
            return Err(Failure::usage("ZS-CLI-VALUE", message).field("base"));
        }
        base.clone_into(&mut self.base);
        Ok(self)
    }

    /// What a command needs besides to be for the same base.
    pub(crate) fn base_flag(&self) -> String {
        match self.base.as_str() {
            "" => String::new(),
            base => format!(" --base {base}"),
        }
    }

    /// Where a page of a base is reached.
    pub(crate) fn page_of(&self, base: &str) -> String {
        format!("{}/kb?base={base}", self.url)
    }

    /// An address with fields, the base among them where one was named.
    fn address(&self, path: &str, query: &[(&str, &str)]) -> Result<reqwest::Url> {
        let base = ("base", self.base.as_str());
        let base = (!self.base.is_empty()).then_some(base);
        let query: Vec<_> = query.iter().copied().chain(base).collect();
        address(&self.url, path, &query)
    }

    /// Sends JSON; an HTTP refusal becomes a failure.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Response> {
        let request = self.http.post(self.address(path, &[])?);
        self.send(request.json(body)).await
    }

    /// Asks for JSON with fields in the address.
    pub(crate) async fn get_json(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let request = self.http.get(self.address(path, query)?);
        self.json_of(self.send(request).await?).await
    }

    /// Asks for bytes with fields in the address.
    pub(crate) async fn get_bytes(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>> {
        let request = self.http.get(self.address(path, query)?);
        let read = self.send(request).await?.bytes().await;
        let bytes = read.map_err(|error| broken(&self.url, &error))?;
        Ok(bytes.to_vec())
    }

    /// Sends bytes with fields in the address, and reads JSON.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        query: &[(&str, &str)],
        bytes: Vec<u8>,
    ) -> Result<Value> {
        let request = self.http.post(self.address(path, query)?).body(bytes);
        self.json_of(self.send(request).await?).await
    }

    async fn json_of(&self, response: Response) -> Result<Value> {
        let read = response.json().await;
        read.map_err(|error| broken(&self.url, &error))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response> {
        let mut request = request;
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        let response = request
            .send()
            .await
            .map_err(|error| broken(&self.url, &error))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(refused(response).await)
        }
    }

    /// Sends JSON and reads JSON.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Result<Value> {
        self.json_of(self.post(path, body).await?).await
    }

    /// A chat as a stream; `piece` gets every text as it comes.
    pub(crate) async fn chat(
        &self,
        body: &Value,
        mut piece: impl FnMut(&str) -> Result<()>,
    ) -> Result<ChatAnswer> {
        let response = self.post("/v1/chat/completions", body).await?;
        let mut bytes = response.bytes_stream();
        let mut events = Events::default();
        let mut answer = ChatAnswer::default();
        while let Some(chunk) = bytes.next().await {
            events.push(&chunk.map_err(|error| broken(&self.url, &error))?)?;
            while let Some(data) = events.next() {
                if data == "[DONE]" {
                    return Ok(answer);
                }
                let event: Value = serde_json::from_str(&data).map_err(std::io::Error::other)?;
                answer.take(&event, &mut piece)?;
            }
        }
        // The endpoint always says [DONE]; without it the answer may be cut off.
        Err(Failure::new(
            Exit::Failed,
            "ZS-CHAT-CUT",
            tr("回答中途断开", "the answer was cut off"),
        )
        .hint(tr("重试一次", "try again")))
    }
}

impl ChatAnswer {
    fn take(&mut self, event: &Value, piece: &mut impl FnMut(&str) -> Result<()>) -> Result<()> {
        if event.get("error").is_some_and(|error| !error.is_null()) {
            return Err(openai_failure(Exit::Failed, event));
        }
        if let Some(id) = event["id"].as_str() {
            id.clone_into(&mut self.id);
        }
        if event["usage"].is_object() {
            self.usage = event["usage"].clone();
        }
        let choice = &event["choices"][0];
        if let Some(reason) = choice["finish_reason"].as_str() {
            reason.clone_into(&mut self.finish_reason);
        }
        if let Some(text) = choice["delta"]["content"].as_str() {
            self.content.push_str(text);
            piece(text)?;
        }
        Ok(())
    }
}

/// Server-sent events out of arbitrary pieces of bytes.
#[derive(Default)]
struct Events {
    buffer: Vec<u8>,
}

impl Events {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > MAX_EVENT {
            return Err(Failure::new(Exit::Failed, "ZS-CHAT-EVENT", "event > 1 MiB"));
        }
        Ok(())
    }

    /// The data of the next whole line that carries data.
    fn next(&mut self) -> Option<String> {
        loop {
            let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if let Some(data) = line.trim_end().strip_prefix("data:") {
                return Some(data.trim_start().to_owned());
            }
        }
    }
}

/// An address with fields.
fn address(url: &str, path: &str, query: &[(&str, &str)]) -> Result<reqwest::Url> {
    let whole = format!("{url}{path}");
    let parsed = match query {
        [] => reqwest::Url::parse(&whole),
        query => reqwest::Url::parse_with_params(&whole, query),
    };
    parsed.map_err(|error| {
        let message = say!(
            "网关地址 {} 无效:{}",
            "the gateway's address {} is not valid: {}",
            url,
            error
        );
        Failure::usage("ZS-CONFIG-VALUE", message).field("gateway")
    })
}

/// No answer, or a broken one.
fn broken(url: &str, error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        return Failure::new(
            Exit::TimedOut,
            "ZS-NET-TIMEOUT",
            tr("网关没有按时回答", "the gateway did not answer in time"),
        );
    }
    Failure::new(
        Exit::Unreachable,
        "ZS-NET-UNREACHABLE",
        say!(
            "连不上推理网关 {}:{}",
            "the gateway {} cannot be reached: {}",
            url,
            root_cause(error)
        ),
    )
    .hint(tr(
        "先运行 zhisuan up,或用 zhisuan config view --sources 检查地址",
        "start one with zhisuan up, or check the address with zhisuan config view --sources",
    ))
}

async fn refused(response: Response) -> Failure {
    let status = response.status();
    let exit = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Exit::Usage,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::SignIn,
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::PAYMENT_REQUIRED | StatusCode::TOO_MANY_REQUESTS => Exit::Money,
        StatusCode::GATEWAY_TIMEOUT => Exit::TimedOut,
        _ => Exit::Failed,
    };
    let body: Value = response.json().await.unwrap_or(Value::Null);
    if body["error"].is_null() {
        return Failure::new(
            exit,
            format!("ZS-HTTP-{}", status.as_u16()),
            say!("网关回答 {}", "the gateway answered {}", status),
        );
    }
    openai_failure(exit, &body)
}

/// The error body of the OpenAI form, or one of the pages' own.
fn openai_failure(exit: Exit, body: &Value) -> Failure {
    let error = &body["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let message = match text(&error["message"]) {
        message if message.is_empty() => text(error),
        message => message,
    };
    let code = [&error["code"], &error["type"]]
        .into_iter()
        .map(text)
        .find(|code| !code.is_empty())
        .unwrap_or_else(|| "ZS-HTTP".to_owned());
    let field = [&error["param"], &error["field"]].map(text);
    let field = field.into_iter().find(|field| !field.is_empty());
    Failure::new(exit, code, message)
        .field(field.unwrap_or_default())
        .hint(text(&error["hint"]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn events_survive_any_cut() {
        let text = ": keep-alive\n\ndata: {\"a\":\"智\"}\n\ndata: [DONE]\n\n".as_bytes();
        for size in 1..text.len() {
            let mut events = Events::default();
            let mut seen = Vec::new();
            for piece in text.chunks(size) {
                events.push(piece).unwrap();
                while let Some(data) = events.next() {
                    seen.push(data);
                }
            }
            assert_eq!(seen, ["{\"a\":\"智\"}", "[DONE]"], "{size}");
        }
    }
}
