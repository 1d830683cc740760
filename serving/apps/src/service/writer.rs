//! The writing model behind a server: a prompt in, pieces of text out as they come.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use super::models::ModelServer;
use crate::answer::{Prompt, WriteFault, Writer};

/// Longest answer of the model, in tokens.
const MAX_TOKENS: u32 = 512;
/// Longest line of its stream, in bytes.
const MAX_LINE: usize = 1 << 20;

/// A chat model behind a server.
pub struct RemoteWriter {
    server: ModelServer,
    model: String,
}

impl RemoteWriter {
    /// The model of a name.
    pub fn new(server: ModelServer, model: &str) -> Self {
        Self {
            server,
            model: model.to_owned(),
        }
    }
}

impl Writer for RemoteWriter {
    fn name(&self) -> String {
        self.model.clone()
    }

    fn write(&self, prompt: Prompt) -> BoxStream<'static, Result<String, WriteFault>> {
        // Without chance: the same prompt gives the same text.
        let request = self.server.post("/chat/completions").json(&json!({
            "model": self.model, "stream": true, "temperature": 0, "seed": 1,
            "max_tokens": MAX_TOKENS,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
        }));
        let failed = |why: &dyn std::fmt::Display| WriteFault(format!("改写模型没有写完：{why}"));
        async_stream::try_stream! {
            let answer = request.send().await.map_err(|error| failed(&error))?;
            let answer = answer.error_for_status().map_err(|error| failed(&error))?;
            let (mut bytes, mut line) = (answer.bytes_stream(), Vec::new());
            while let Some(piece) = bytes.next().await {
                line.extend_from_slice(&piece.map_err(|error| failed(&error))?);
                while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                    let whole: Vec<u8> = line.drain(..=end).collect();
                    match said(&whole) {
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

/// What a line of a stream says.
enum Said {
    Text(String),
    Nothing,
    End,
    Failed,
}

fn said(line: &[u8]) -> Said {
    let line = String::from_utf8_lossy(line);
    let Some(data) = line.trim().strip_prefix("data:").map(str::trim) else {
        return Said::Nothing;
    };
    if data == "[DONE]" {
        return Said::End;
    }
    let event: Value = serde_json::from_str(data).unwrap_or_default();
    if !event["error"].is_null() {
        return Said::Failed;
    }
    match event["choices"][0]["delta"]["content"].as_str() {
        Some(text) if !text.is_empty() => Said::Text(text.to_owned()),
        _ => Said::Nothing,
    }
}
