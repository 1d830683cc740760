//! One step: a program with its environment, its time, and how to repeat it when it fails.

use crate::provide::Provided;
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Instant;

/// A program to run in the repository's root.
pub(crate) struct Step {
    name: String,
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Step {
    pub(crate) fn new(name: &str, program: &str, args: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: Vec::new(),
        }
    }

    /// With the cargo that runs this program.
    pub(crate) fn cargo(name: &str, args: &[&str]) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Self::new(name, &cargo, args)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With what tests need, and with the order to fail where they would skip.
    pub(crate) fn provided(mut self, provided: &Provided) -> Self {
        self.env.extend(provided.env());
        self
    }

    /// The command as a line for a shell.
    pub(crate) fn text(&self) -> String {
        // Cargo names itself by its full path; a shell finds it.
        let cargo = self.program.ends_with("/cargo");
        let program = if cargo { "cargo" } else { &self.program };
        let quoted = |text: &String| {
            if text.contains(' ') {
                format!("'{text}'")
            } else {
                text.clone()
            }
        };
        let mut words: Vec<String> = self
            .env
            .iter()
            .map(|(name, value)| format!("{name}={}", quoted(value)))
            .collect();
        words.push(program.to_owned());
        words.extend(self.args.iter().map(quoted));
        words.join(" ")
    }

    pub(crate) fn run(&self) -> Result<()> {
        println!("==> {}: {}", self.name, self.text());
        let begin = Instant::now();
        let status = Command::new(&self.program)
            .args(&self.args)
            .envs(self.env.iter().cloned())
            .current_dir(root())
            .status()
            .with_context(|| format!("{} cannot be started; is it installed?", self.program))?;
        let seconds = begin.elapsed().as_secs_f64();
        if !status.success() {
            bail!(
                "{} failed after {seconds:.1} s ({status})\nto repeat: {}",
                self.name,
                self.text()
            );
        }
        println!("    {} passed in {seconds:.1} s", self.name);
        Ok(())
    }
}

/// The repository.
pub(crate) fn root() -> &'static str {
    // Asked now: a binary built for another clone with the same target folder must not lead there.
    static ROOT: LazyLock<String> = LazyLock::new(|| {
        let own = std::env::var("CARGO_MANIFEST_DIR");
        let own = own.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR"));
        own.rsplit_once('/')
            .map_or(own, |(root, _)| root)
            .to_owned()
    });
    &ROOT
}
