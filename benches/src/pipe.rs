//! A peer in a Python process: one JSON line per question, one per answer.

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

#[derive(Deserialize)]
struct Ready {
    name: String,
}

/// A running peer.
pub(crate) struct Pipe {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    script: &'static str,
    pub(crate) name: String,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pipe {
    /// Starts a script of `benches/peers` and waits until it says its name.
    pub(crate) fn start(script: &'static str, args: &[&str]) -> Result<Self> {
        let python = std::env::var("ZHISUAN_TEST_PYTHON").context(
            "ZHISUAN_TEST_PYTHON names no Python with the peers' packages; `cargo xtask bench` provides it",
        )?;
        let mut child = Command::new(python)
            .arg(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("peers")
                    .join(script),
            )
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the peer's Python cannot be started")?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the peer has no pipes");
        };
        let mut pipe = Self {
            child,
            questions,
            answers: BufReader::new(answers),
            script,
            name: String::new(),
        };
        pipe.name = pipe.read::<Ready>()?.name;
        Ok(pipe)
    }

    /// Sends a question and waits for its answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, question: &impl Serialize) -> Result<T> {
        let line = serde_json::to_string(question)? + "\n";
        self.questions.write_all(line.as_bytes())?;
        self.questions.flush()?;
        self.read()
    }

    fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        // Libraries may print to the same pipe: answers are the lines that are JSON objects.
        while self.answers.read_line(&mut line)? > 0 {
            if line.starts_with('{') {
                return serde_json::from_str(&line).context("the peer's answer cannot be read");
            }
            line.clear();
        }
        bail!(
            "the peer ended without an answer; run benches/peers/{} by hand to see why",
            self.script
        )
    }
}
