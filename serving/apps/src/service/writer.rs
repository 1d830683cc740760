//! The writing model behind a server: a prompt in, pieces of text out as they come.

use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::models::ModelServer;
use crate::answer::{Prompt, WriteFault, Writer};

/// Longest line of its stream, in bytes.
const MAX_LINE: usize = 1 << 20;

/// A chat model behind a server.
pub struct RemoteWriter {
    server: ModelServer,
    model: String,
    /// `system_fingerprint` of the answer that came last.
    fingerprint: Arc<Mutex<String>>,
}

impl RemoteWriter {
    /// The model of a name.
    pub fn new(server: ModelServer, model: &str) -> Self {
        Self {
            server,
            model: model.to_owned(),
            fingerprint: Arc::default(),
        }
    }
}

impl Writer for RemoteWriter {
    fn name(&self) -> String {
        self.model.clone()
    }

    fn fingerprint(&self) -> String {
        let known = self.fingerprint.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, prompt: Prompt) -> BoxStream<'static, Result<String, WriteFault>> {
        let failed = |why: &dyn std::fmt::Display| WriteFault(format!("改写模型没有写完：{why}"));
        let (server, model) = (self.server.clone(), self.model.clone());
        let fingerprint = Arc::clone(&self.fingerprint);
        async_stream::try_stream! {
            let answer = asked(&server, &model, &prompt).await;
            let answer = answer.and_then(Response::error_for_status);
            let answer = answer.map_err(|error| failed(&error.without_url()))?;
            let (mut bytes, mut line) = (answer.bytes_stream(), Vec::new());
            while let Some(piece) = bytes.next().await {
                line.extend_from_slice(&piece.map_err(|error| failed(&error.without_url()))?);
                while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                    let whole: Vec<u8> = line.drain(..=end).collect();
                    let (said, by) = said(&whole);
                    if let Some(by) = by {
                        *fingerprint.lock().unwrap_or_else(PoisonError::into_inner) = by;
                    }
                    match said {
                        Said::Text(text) => yield text,
                        Said::End => return,
                        Said::Nothing => {}
                        Said::Failed => Err(failed(&"回答中途出错"))?,
                    }
                }
                if line.len() > MAX_LINE {
                    Err(failed(&"一行过长"))?;
                }
            }
            Err(failed(&"连接中断"))?;
        }
        .boxed()
    }
}

/// Asks without chance, so that the same prompt gives the same text; and for the form that can be
/// used, where the server knows forms. What it writes is checked either way.
async fn asked(
    server: &ModelServer,
    model: &str,
    prompt: &Prompt,
) -> Result<Response, reqwest::Error> {
    let mut body = json!({
        "model": model, "stream": true, "temperature": 0, "seed": 1,
        "max_tokens": prompt.max_chars, "messages": prompt.turns, "guided_regex": prompt.form,
    });
    let answer = server.post("/chat/completions").json(&body).send().await?;
    if answer.status() != StatusCode::BAD_REQUEST {
        return Ok(answer);
    }
    if let Some(fields) = body.as_object_mut() {
        fields.remove("guided_regex");
    }
    server.post("/chat/completions").json(&body).send().await
}

/// What a line of a stream says.
enum Said {
    Text(String),
    Nothing,
    End,
    Failed,
}

/// What a line says, and the fingerprint of who says it.
fn said(line: &[u8]) -> (Said, Option<String>) {
    let line = String::from_utf8_lossy(line);
    let Some(data) = line.trim().strip_prefix("data:").map(str::trim) else {
        return (Said::Nothing, None);
    };
    if data == "[DONE]" {
        return (Said::End, None);
    }
    let Ok(event) = serde_json::from_str::<Value>(data) else {
        return (Said::Failed, None);
    };
    if !event["error"].is_null() {
        return (Said::Failed, None);
    }
    let said = match event["choices"][0]["delta"]["content"].as_str() {
        Some(text) if !text.is_empty() => Said::Text(text.to_owned()),
        _ => Said::Nothing,
    };
    let by = event["system_fingerprint"].as_str().map(str::to_owned);
    (said, by)
}
