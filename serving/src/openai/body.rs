//! A body from the wire to a typed request: bounded, UTF-8, JSON object, every field named.

use super::ApiError;
use super::fields::{self, Fields};
use crate::listener::Late;
use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::error::Error;

/// Largest body of a request, bytes.
pub(crate) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// What is still read and thrown away of a larger one, so that its sender reads the refusal
/// instead of a reset connection.
const MAX_DRAINED_BYTES: usize = 32 * 1024 * 1024;

/// Reads a whole body of at most [`MAX_BODY_BYTES`].
pub(crate) async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut total) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        total = total.saturating_add(chunk.len());
        if total <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&chunk);
        } else if total > MAX_DRAINED_BYTES {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    if total > MAX_BODY_BYTES {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            "request_too_large",
            format!(
                "The request body is larger than {MAX_BODY_BYTES} bytes. Send a shorter prompt."
            ),
            format!("请求正文超过 {MAX_BODY_BYTES} 字节。请缩短提示。"),
        ));
    }
    Ok(bytes)
}

/// Why a body did not come to its end.
fn broken(error: &axum::Error) -> ApiError {
    let first: &(dyn Error + 'static) = error;
    let mut causes = std::iter::successors(Some(first), |&cause| cause.source());
    match causes.find_map(|cause| cause.downcast_ref::<Late>()) {
        Some(Late(limit)) => {
            let seconds = limit.as_secs().max(1);
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "invalid_request_error",
                "body_timeout",
                format!("The request body did not arrive within {seconds} s. Send it again."),
                format!("请求正文未在 {seconds} 秒内收齐。请重新发送。"),
            )
        }
        None => malformed(
            "The request body broke off. Send it again.",
            "请求正文中途断开。请重新发送。",
        ),
    }
}

fn malformed(english: impl Into<Box<str>>, chinese: impl Into<Box<str>>) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "invalid_json",
        english,
        chinese,
    )
}

/// The JSON object in the bytes of a body, whose fields are all known and offered. Pure.
pub(crate) fn parse(bytes: &[u8], fields: &Fields) -> Result<Value, ApiError> {
    let object = object(bytes)?;
    fields.check(&object)?;
    Ok(Value::Object(object))
}

/// One typed view of a parsed body; an error names the field by its path. Pure.
pub(crate) fn view<T: DeserializeOwned>(body: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        let cause: String = error.inner().to_string().chars().take(300).collect();
        // A missing field is reported at its parent's path.
        if let Some(name) = quoted(&cause, "missing field `") {
            return missing_parameter(&below(&path, name));
        }
        match quoted(&cause, "unknown field `") {
            // The path may or may not have the field at its end already.
            Some(name) if path == name || path.ends_with(&format!(".{name}")) => {
                fields::unknown(&path)
            }
            Some(name) => fields::unknown(&below(&path, name)),
            None => invalid_type(&path, &cause),
        }
    })
}

fn quoted<'a>(cause: &'a str, start: &str) -> Option<&'a str> {
    cause.strip_prefix(start)?.split('`').next()
}

fn below(path: &str, name: &str) -> String {
    if path == "." {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

pub(crate) fn missing_parameter(path: &str) -> ApiError {
    ApiError::field(
        "missing_required_parameter",
        path,
        format!("Missing required parameter: '{path}'."),
        format!("缺少必需的参数“{path}”。"),
    )
}

pub(crate) fn invalid_type(path: &str, cause: &str) -> ApiError {
    ApiError::field(
        "invalid_type",
        path,
        format!("Invalid type for '{path}': {cause}."),
        format!("参数“{path}”的类型不对：{cause}。"),
    )
}

pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        malformed(
            format!("The request body is not valid UTF-8: byte {at} begins no character. Encode it as UTF-8."),
            format!("请求正文不是有效的 UTF-8：第 {at} 字节处不成字符。请用 UTF-8 编码。"),
        )
    })?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(malformed(
            "The request body must be a JSON object.",
            "请求正文必须是一个 JSON 对象。",
        )),
        Err(error) => Err(malformed(
            format!("We could not parse the JSON body of your request: {error}."),
            format!("无法解析请求正文的 JSON：{error}。"),
        )),
    }
}
