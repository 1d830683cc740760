//! A client of any OpenAI-compatible server that writes down when each piece of an answer came.

use anyhow::{Context, Result};
use futures::StreamExt as _;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// A server under load.
pub(crate) struct Target {
    /// For people: product and version.
    pub(crate) name: String,
    /// Up to and with `/v1`.
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) model: String,
    client: reqwest::Client,
}

/// One request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) prompt: String,
    /// Most tokens of the answer.
    pub(crate) tokens: usize,
    /// Tokens that may not be chosen: the model's end tokens, where lengths must be equal.
    pub(crate) never: Vec<u32>,
    /// Hang up after this many pieces.
    pub(crate) leave_after: Option<usize>,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// This client hung up as it meant to.
    Left,
    /// Answered with an error status and text before the first piece.
    Refused(u16, String),
    /// The stream broke off or said an error.
    Broken(String),
}

/// What one request saw.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The server's id of the request.
    pub(crate) id: String,
    pub(crate) first_ms: Option<f64>,
    /// Between one piece and the next.
    pub(crate) gaps_ms: Vec<f64>,
    pub(crate) pieces: usize,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) end: End,
}

impl Target {
    pub(crate) fn new(name: &str, url: &str, key: &str, model: &str) -> Result<Self> {
        // Several clients in one process may install it; the first one wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .tcp_nodelay(true)
            // llama.cpp's server closes idle connections just as they are used again.
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_mins(10))
            .build()
            .context("no HTTP client")?;
        Ok(Self {
            name: name.to_owned(),
            url: url.to_owned(),
            key: key.to_owned(),
            model: model.to_owned(),
            client,
        })
    }

    /// Asks and reads the whole stream.
    pub(crate) async fn ask(&self, wish: &Wish) -> Seen {
        let mut reader = Reader::new(Instant::now(), wish.leave_after);
        if let Err(error) = self.read(wish, &mut reader).await {
            reader.seen.end = End::Broken(format!("{error:#}"));
        }
        reader.seen
    }

    async fn read(&self, wish: &Wish, reader: &mut Reader) -> Result<()> {
        let bias: Map<String, Value> = wish
            .never
            .iter()
            .map(|token| (token.to_string(), json!(-100)))
            .collect();
        let body = json!({
            "model": self.model,
            "messages": [{"role": "user", "content": wish.prompt}],
            "max_tokens": wish.tokens,
            "temperature": 0,
            "stream": true,
            "stream_options": {"include_usage": true},
            "logit_bias": bias,
        });
        let answer = self
            .client
            .post(format!("{}/chat/completions", self.url))
            .bearer_auth(&self.key)
            .json(&body)
            .send()
            .await?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            reader.seen.end = End::Refused(status, answer.text().await.unwrap_or_default());
            return Ok(());
        }
        if let Some(id) = answer.headers().get("x-request-id") {
            id.to_str()
                .unwrap_or_default()
                .clone_into(&mut reader.seen.id);
        }
        let mut bytes = answer.bytes_stream();
        while let Some(part) = bytes.next().await {
            if reader.take(&part?)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Turns the bytes of an event stream into what was seen.
struct Reader {
    begin: Instant,
    last: Option<Instant>,
    leave_after: Option<usize>,
    rest: Vec<u8>,
    seen: Seen,
}

impl Reader {
    fn new(begin: Instant, leave_after: Option<usize>) -> Self {
        Self {
            begin,
            last: None,
            leave_after,
            rest: Vec::new(),
            seen: Seen {
                id: String::new(),
                first_ms: None,
                gaps_ms: Vec::new(),
                pieces: 0,
                prompt_tokens: 0,
                completion_tokens: 0,
                end: End::Broken("the stream ended without [DONE]".to_owned()),
            },
        }
    }

    /// Takes bytes; `true` when the answer is over.
    fn take(&mut self, bytes: &[u8]) -> Result<bool> {
        self.rest.extend_from_slice(bytes);
        while let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=at).collect();
            let line = String::from_utf8_lossy(&line);
            let Some(data) = line.trim().strip_prefix("data:") else {
                continue;
            };
            if self.event(data.trim())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn event(&mut self, data: &str) -> Result<bool> {
        if data == "[DONE]" {
            self.seen.end = End::Complete;
            return Ok(true);
        }
        let event: Value = serde_json::from_str(data).context("an event is no JSON")?;
        if let Some(error) = event.get("error") {
            self.seen.end = End::Broken(error.to_string());
            return Ok(true);
        }
        if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
            let count = |name: &str| usage[name].as_u64().unwrap_or(0);
            self.seen.prompt_tokens = count("prompt_tokens");
            self.seen.completion_tokens = count("completion_tokens");
        }
        let text = event["choices"][0]["delta"]["content"].as_str();
        if text.is_some_and(|text| !text.is_empty()) {
            self.piece();
            if self.leave_after == Some(self.seen.pieces) {
                self.seen.end = End::Left;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn piece(&mut self) {
        let now = Instant::now();
        let ms = |from: Instant| now.duration_since(from).as_secs_f64() * 1000.0;
        match self.last.replace(now) {
            None => self.seen.first_ms = Some(ms(self.begin)),
            Some(last) => self.seen.gaps_ms.push(ms(last)),
        }
        self.seen.pieces += 1;
    }
}

/// Prompts that no cache has seen: each begins with its own number, and words follow in an
/// order of its own.
pub(crate) fn fresh_prompt(number: u64, words: usize) -> String {
    const WORDS: [&str; 24] = [
        "queue", "city", "permit", "office", "river", "budget", "window", "market", "school",
        "letter", "garden", "engine", "record", "clinic", "bridge", "winter", "ticket", "worker",
        "signal", "harbour", "meadow", "counter", "archive", "station",
    ];
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = format!("Note {number}: write a long story with these words.");
    for _ in 0..words {
        // A step of xorshift64*: any spread will do.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let at = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % WORDS.len();
        text.push(' ');
        text.push_str(WORDS[at]);
    }
    text
}

/// All streams ask `requests` times, one after the other; prompts are numbered from `first`.
pub(crate) async fn closed_loop(
    target: &Target,
    streams: usize,
    requests: usize,
    wish: impl Fn(u64) -> Wish,
    first: u64,
) -> (Vec<Seen>, f64) {
    let begin = Instant::now();
    let wish = &wish;
    let callers = (0..streams).map(|stream| async move {
        let mut seen = Vec::with_capacity(requests);
        for turn in 0..requests {
            let number = first + (stream * requests + turn) as u64;
            seen.push(target.ask(&wish(number)).await);
        }
        seen
    });
    let seen = futures::future::join_all(callers).await;
    let seconds = begin.elapsed().as_secs_f64();
    (seen.into_iter().flatten().collect(), seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{End, Reader, fresh_prompt};
    use std::time::Instant;

    #[test]
    fn a_stream_is_read_whole_whatever_the_cuts() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
                      data: {\"choices\":[{\"delta\":{}}]}\n\n\
                      data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n\
                      data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n\
                      data: [DONE]\n\n";
        for cut in 1..stream.len() {
            let mut reader = Reader::new(Instant::now(), None);
            let (head, tail) = stream.as_bytes().split_at(cut);
            let over = reader.take(head).unwrap() || reader.take(tail).unwrap();
            assert!(over);
            assert_eq!(reader.seen.end, End::Complete);
            assert_eq!((reader.seen.pieces, reader.seen.gaps_ms.len()), (2, 1));
            assert_eq!(
                (reader.seen.prompt_tokens, reader.seen.completion_tokens),
                (7, 2)
            );
        }
    }

    #[test]
    fn a_stream_without_its_end_is_broken() {
        let mut reader = Reader::new(Instant::now(), None);
        assert!(!reader.take(b"data: {\"choices\":[]}\n\n").unwrap());
        assert!(matches!(reader.seen.end, End::Broken(_)));
    }

    #[test]
    fn prompts_differ_from_their_beginning() {
        assert_ne!(fresh_prompt(1, 20), fresh_prompt(2, 20));
        assert_eq!(fresh_prompt(7, 20), fresh_prompt(7, 20));
    }
}
