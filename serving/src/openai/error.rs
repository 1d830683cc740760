//! The error body that client libraries read, in both languages until the reader is known.

use crate::language::Language;
use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refusal or failure. `code` is stable; the message is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// Field `type` of the body.
    pub(crate) kind: &'static str,
    pub(crate) code: &'static str,
    pub(crate) param: Option<Box<str>>,
    pub(crate) english: Box<str>,
    pub(crate) chinese: Box<str>,
    /// Seconds for `Retry-After`.
    pub(crate) retry_after_s: Option<u64>,
    /// What libraries should do by themselves, where the status alone would mislead them.
    pub(crate) should_retry: Option<bool>,
}

/// What client libraries parse.
#[derive(Serialize)]
pub(crate) struct Body<'a> {
    error: Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        english: impl Into<Box<str>>,
        chinese: impl Into<Box<str>>,
    ) -> Self {
        Self {
            status,
            kind,
            code,
            param: None,
            english: english.into(),
            chinese: chinese.into(),
            retry_after_s: None,
            should_retry: None,
        }
    }

    /// A 400 that names the field at fault.
    pub(crate) fn field(
        code: &'static str,
        param: impl Into<Box<str>>,
        english: impl Into<Box<str>>,
        chinese: impl Into<Box<str>>,
    ) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self::new(status, "invalid_request_error", code, english, chinese).about(param)
    }

    pub(crate) fn about(mut self, param: impl Into<Box<str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub(crate) fn message(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        }
    }

    /// Names the field that the prompt came in, where the prompt is at fault.
    pub(crate) fn prompt_is(self, field: &str) -> Self {
        if self.code == "context_length_exceeded" {
            self.about(field)
        } else {
            self
        }
    }

    /// Names the field that the constraint came in, where the replica says that it is at fault.
    pub(crate) fn constraint_is(self, field: &str) -> Self {
        if self
            .param
            .as_deref()
            .is_some_and(|param| param.starts_with("constraint"))
        {
            self.about(field)
        } else {
            self
        }
    }

    /// The body: `{"error":{"message","type","param","code"}}`.
    pub(crate) fn body(&self, language: Language) -> Body<'_> {
        Body {
            error: Fields {
                message: self.message(language),
                kind: self.kind,
                param: self.param.as_deref(),
                code: self.code,
            },
        }
    }

    /// The whole answer in one language, in the shape of the OpenAI interface.
    pub(crate) fn render(&self, language: Language) -> Response {
        self.dress(Json(self.body(language)).into_response())
    }

    /// Gives a body the status and headers of the error.
    pub(crate) fn dress(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(retry) = self.should_retry {
            let value = HeaderValue::from_static(if retry { "true" } else { "false" });
            headers.insert("x-should-retry", value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"zhisuan\""),
            );
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// English; the envelope around every answer renders it anew for a reader of Chinese.
    fn into_response(self) -> Response {
        let mut response = self.render(Language::English);
        response.extensions_mut().insert(self);
        response
    }
}

pub(crate) async fn unknown_url(method: Method, uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    ApiError::new(
        StatusCode::NOT_FOUND,
        "invalid_request_error",
        "unknown_url",
        format!(
            "Unknown request URL: {method} {path}. Check the path; the interface is below /v1."
        ),
        format!("没有这个地址：{method} {path}。请检查路径；接口都在 /v1 之下。"),
    )
}

pub(crate) async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request_error",
        "method_not_allowed",
        format!("Method {method} is not allowed for {path}. The header 'allow' names what is."),
        format!("{path} 不接受 {method} 方法。可用的方法见响应头 allow。"),
    )
}
