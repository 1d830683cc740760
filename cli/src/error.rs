//! Failures as users meet them: a sentence, hints, a stable code, and the exit code that goes with it.

use crate::words::{either, say, tr};
use serde_json::{Value, json};
use tonic::{Code, Status};

/// What every command returns.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Exit codes of the command, as `zhisuan --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The work failed.
    Failed = 1,
    /// Wrong usage: arguments, files or values.
    Usage = 2,
    /// Nothing has that name or number.
    NotFound = 3,
    /// Sign in, or not allowed.
    SignIn = 4,
    /// Quota or balance.
    Money = 5,
    /// The server cannot be reached.
    Unreachable = 6,
    /// Timed out.
    TimedOut = 7,
    /// Still pending when the wait ended.
    Pending = 8,
    /// Interrupted by the user.
    Interrupted = 130,
}

/// A refusal or failure with what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.0.message)]
pub(crate) struct Failure(Box<Parts>);

/// Boxed so that results stay small.
#[derive(Debug)]
struct Parts {
    exit: Exit,
    code: String,
    message: String,
    field: String,
    hints: Vec<String>,
    silent: bool,
}

impl Failure {
    /// A failure of a kind, with its stable code and a sentence in the user's language.
    pub(crate) fn new(exit: Exit, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            exit,
            code: code.into(),
            message: message.into(),
            field: String::new(),
            hints: Vec::new(),
            silent: false,
        }))
    }

    /// Wrong usage.
    pub(crate) fn usage(code: &str, message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// The command says nothing more and ends with this code: everything was said already.
    pub(crate) fn silent(exit: Exit) -> Self {
        let mut failure = Self::new(exit, "", "");
        failure.0.silent = true;
        failure
    }

    /// Adds what to do next; the same hint is kept once.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        if !hint.is_empty() && !self.0.hints.contains(&hint) {
            self.0.hints.push(hint);
        }
        self
    }

    /// Names the field at fault.
    #[must_use]
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = field.into();
        self
    }

    /// The process's exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    /// Stable code such as `ZS-NET-UNREACHABLE`.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// What to do next.
    pub(crate) fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// True when nothing is to be printed.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.silent
    }

    /// The document of JSON mode, written to stderr.
    pub(crate) fn json(&self) -> Value {
        json!({
            "schema": "zhisuan.error/1",
            "code": self.0.code,
            "message": self.0.message,
            "field": self.0.field,
            "hints": self.0.hints,
            "exit_code": self.0.exit as i32,
        })
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let Some(detail) = zhisuan_proto::detail_of(&status) else {
            return without_detail(&status);
        };
        let message = either(&detail.message_zh, status.message()).to_owned();
        Self::new(exit_of(status.code(), &detail.code), detail.code, message)
            .field(detail.field)
            .hint(if detail.accepted.is_empty() {
                String::new()
            } else {
                say!("可接受:{}", "accepted: {}", detail.accepted)
            })
            .hint(readable(detail.hint))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            // The reader had enough, as `head` does: not a failure.
            return Self::silent(Exit::Done);
        }
        Self::new(Exit::Failed, "ZS-CLI-IO", io_text(&error))
    }
}

/// Servers write hints in Chinese; one that the user cannot read is left out.
fn readable(hint: String) -> String {
    match crate::words::lang() {
        crate::words::Lang::En if !hint.is_ascii() => String::new(),
        _ => hint,
    }
}

/// Exit code of a refusal; money has its own, whatever transport code carries it.
fn exit_of(code: Code, stable: &str) -> Exit {
    if ["BALANCE", "BUDGET", "QUOTA"]
        .iter()
        .any(|word| stable.contains(word))
    {
        return Exit::Money;
    }
    match code {
        Code::InvalidArgument | Code::OutOfRange => Exit::Usage,
        Code::NotFound => Exit::NotFound,
        Code::Unauthenticated | Code::PermissionDenied => Exit::SignIn,
        Code::ResourceExhausted => Exit::Money,
        Code::Unavailable => Exit::Unreachable,
        Code::DeadlineExceeded => Exit::TimedOut,
        _ => Exit::Failed,
    }
}

/// The innermost sentence: the outer ones only say that something went wrong.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
        .downcast_ref::<std::io::Error>()
        .map_or_else(|| cause.to_string(), io_text)
}

/// The common file and network errors in the user's language.
pub(crate) fn io_text(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => tr("没有这个文件", "no such file").to_owned(),
        ErrorKind::PermissionDenied => tr("没有权限", "permission denied").to_owned(),
        ErrorKind::IsADirectory => tr("这是文件夹", "it is a folder").to_owned(),
        ErrorKind::ConnectionRefused => tr("对方拒绝连接", "connection refused").to_owned(),
        ErrorKind::AddrInUse => tr("地址已被占用", "address in use").to_owned(),
        _ => error.to_string(),
    }
}

/// A proxy, a broken connection, or a server of another version answered.
fn without_detail(status: &Status) -> Failure {
    let (code, message, hint) = match status.code() {
        Code::Unavailable => (
            "ZS-NET-UNREACHABLE",
            say!(
                "连不上调度服务:{}",
                "the scheduler cannot be reached: {}",
                root_cause(status)
            ),
            tr(
                "先运行 zhisuan up,或用 zhisuan config view --sources 检查地址",
                "start one with zhisuan up, or check the address with zhisuan config view --sources",
            ),
        ),
        Code::DeadlineExceeded => (
            "ZS-NET-TIMEOUT",
            tr("服务没有按时回答", "the server did not answer in time").to_owned(),
            tr("稍后重试", "try again later"),
        ),
        Code::Unimplemented => (
            "ZS-NET-VERSION",
            tr("服务端没有这个功能", "the server lacks this feature").to_owned(),
            tr(
                "升级服务端或换用同版本的客户端",
                "use the same version on both sides",
            ),
        ),
        Code::Unauthenticated | Code::PermissionDenied => (
            "ZS-AUTH",
            say!("没有权限:{}", "not allowed: {}", status.message()),
            tr(
                "用 zhisuan config set key - 设置密钥",
                "set a key with zhisuan config set key -",
            ),
        ),
        _ => ("ZS-NET", status.message().to_owned(), ""),
    };
    Failure::new(exit_of(status.code(), ""), code, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zhisuan_proto::v1::ErrorDetail;

    #[test]
    fn a_refusal_keeps_its_code_and_field() {
        let detail = ErrorDetail {
            code: "ZS-MONEY-BALANCE".into(),
            field: "specs[0]".into(),
            message_zh: "余额不足".into(),
            ..ErrorDetail::default()
        };
        let status = zhisuan_proto::status(Code::FailedPrecondition, "balance too low", &detail);
        let failure = Failure::from(status);
        assert_eq!(failure.exit(), Exit::Money);
        assert_eq!(failure.code(), "ZS-MONEY-BALANCE");
        assert_eq!(failure.json()["field"], "specs[0]");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let failure = Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!(failure.exit(), Exit::Done);
        assert!(failure.is_silent());
    }
}
