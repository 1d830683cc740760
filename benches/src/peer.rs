//! The peer of the engine bench: llama.cpp in a Python process, one JSON line per question.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What to generate: the same token ids for every stream, greedily, never ending early.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    pub(crate) prompt: &'a [u32],
    pub(crate) tokens: usize,
    pub(crate) streams: usize,
}

/// Times of the peer.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "units belong in names")]
pub(crate) struct Times {
    /// Of one stream, as llama.cpp itself took it; without HTTP.
    pub(crate) prefill_ms: f64,
    /// Of one stream, all tokens after the first.
    pub(crate) decode_ms: f64,
    /// Of all streams together, from the first request to the last answer.
    pub(crate) wall_ms: f64,
}

#[derive(Deserialize)]
struct Ready {
    name: String,
}

/// A running peer.
pub(crate) struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) name: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    pub(crate) fn start(
        model: &Path,
        threads: usize,
        context: usize,
        streams: usize,
    ) -> Result<Self> {
        let python = std::env::var("ZHISUAN_TEST_PYTHON").context(
            "ZHISUAN_TEST_PYTHON names no Python with the package xllamacpp; `cargo xtask bench engine` provides it",
        )?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/llama.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(model)
            .args([threads, context, streams].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the peer's Python cannot be started")?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the peer has no pipes");
        };
        let mut peer = Self {
            child,
            questions,
            answers: BufReader::new(answers),
            name: String::new(),
        };
        peer.name = peer.read::<Ready>()?.name;
        Ok(peer)
    }

    pub(crate) fn ask(&mut self, question: &Question<'_>) -> Result<Times> {
        let line = serde_json::to_string(question)? + "\n";
        self.questions.write_all(line.as_bytes())?;
        self.questions.flush()?;
        self.read()
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        // Libraries may print to the same pipe: answers are the lines that are JSON objects.
        while self.answers.read_line(&mut line)? > 0 {
            if line.starts_with('{') {
                return serde_json::from_str(&line).context("the peer's answer cannot be read");
            }
            line.clear();
        }
        bail!("the peer ended without an answer; run benches/peers/llama.py by hand to see why")
    }
}
