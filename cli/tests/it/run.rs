//! Runs the binary in a folder of its own and writes down what happened.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A user with an empty home.
pub(crate) struct User {
    home: TempDir,
    vars: Vec<(String, String)>,
}

/// What a command did.
pub(crate) struct Outcome {
    pub(crate) line: String,
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl User {
    /// A user whose home is a fresh folder and who set nothing.
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary folder"),
            vars: Vec::new(),
        }
    }

    /// Sets a variable for every command.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The home, which is also the working folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file below the home.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(&path, text).expect("write the file");
        path
    }

    /// The command, ready to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zhisuan"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home())
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let output = self.command(args).output().expect("run zhisuan");
        let place = self.home().display().to_string();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace(&place, "HOME")
        };
        Outcome {
            line: args.join(" ").replace(&place, "HOME"),
            exit: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Outcome {
    /// Everything, for a snapshot.
    pub(crate) fn whole(&self) -> String {
        let mut text = format!("$ zhisuan {}\nexit: {}\n", self.line, self.exit);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                write!(text, "--- {name}\n{stream}").expect("write to a string");
            }
        }
        text
    }
}

/// Several outcomes in one snapshot.
pub(crate) fn transcript(outcomes: &[Outcome]) -> String {
    let texts: Vec<String> = outcomes.iter().map(Outcome::whole).collect();
    texts.join("\n")
}
