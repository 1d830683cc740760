//! A refused call: gRPC code, stable code, both languages, and what to do next.

use tonic::{Code, Status};
use zhisuan_proto::v1::ErrorDetail;

/// Longest value that is sent back, characters.
const MAX_VALUE: usize = 80;
/// Longest sentence, characters.
const MAX_TEXT: usize = 600;

/// A refusal under construction; becomes a [`Status`] with an [`ErrorDetail`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Problem {
    code: Code,
    message: String,
    detail: ErrorDetail,
}

impl Problem {
    pub(crate) fn new(code: Code, id: &str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            code,
            message: en.into(),
            detail: ErrorDetail {
                code: id.to_owned(),
                message_zh: zh.into(),
                ..ErrorDetail::default()
            },
        }
    }

    /// A field whose value is not accepted.
    pub(crate) fn field(
        field: &str,
        value: impl std::fmt::Display,
        zh: &str,
        accepted: &str,
    ) -> Self {
        let value = cut(&value.to_string(), MAX_VALUE);
        Self::new(
            Code::InvalidArgument,
            "ZS-FIELD",
            format!("字段 {field} 的值“{value}”不可接受，应为：{zh}"),
            format!("{field} is \"{value}\", accepted: {accepted}"),
        )
        .at(field, &value, accepted)
        .hint("请修改该字段后重试")
    }

    /// Something that failed on this side; the cause goes to the log, not to the caller.
    pub(crate) fn internal(what: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(what, %cause, "a call failed inside the scheduler");
        Self::new(
            Code::Internal,
            "ZS-INTERNAL",
            format!("调度器内部错误：{what}"),
            format!("internal error: {what}"),
        )
        .hint("请稍后重试；如仍失败，请运营方查看调度器日志")
    }

    /// Names the field at fault, its value and what would be accepted.
    pub(crate) fn at(mut self, field: &str, value: &str, accepted: &str) -> Self {
        field.clone_into(&mut self.detail.field);
        self.detail.value = cut(value, MAX_VALUE);
        accepted.clone_into(&mut self.detail.accepted);
        self
    }

    /// What to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.detail.hint = hint.into();
        self
    }

    /// Texts may hold what a caller sent: they are cut, since a status travels in headers.
    pub(crate) fn status(mut self) -> Status {
        self.detail.message_zh = cut(&self.detail.message_zh, MAX_TEXT);
        self.detail.hint = cut(&self.detail.hint, MAX_TEXT);
        zhisuan_proto::status(self.code, cut(&self.message, MAX_TEXT), &self.detail)
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        problem.status()
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
