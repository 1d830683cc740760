//! POST /v1/files: a form with a file, on the disk until its digest is known, then to the
//! scheduler.

use super::spool::Spool;
use crate::openai::ApiError;
use crate::openai::body::missing_parameter;
use crate::openai::fields::unknown;
use crate::openai::remote::Remote;
use crate::openai::validate::invalid_value;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use std::time::Duration;
use zhisuan_proto::v1::Artifact;

/// As the official interface bounds the input of a batch.
const MAX_FILE_BYTES: u64 = 200 * 1024 * 1024;
const MAX_NAME_CHARS: usize = 255;
const READ_TIMEOUT: Duration = Duration::from_mins(10);

/// Takes the file of a form and keeps it for the caller's tenant.
pub(super) async fn take(remote: &Remote, request: Request) -> Result<Artifact, ApiError> {
    match tokio::time::timeout(READ_TIMEOUT, receive(request)).await {
        Ok(received) => {
            let (spool, name) = received?;
            spool.keep(remote, name).await
        }
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "invalid_request_error",
            "body_timeout",
            "The file did not arrive within 10 minutes. Send it again.",
            "文件未在 10 分钟内收齐。请重新发送。",
        )),
    }
}

async fn receive(mut request: Request) -> Result<(Spool, String), ApiError> {
    // The bound is kept while the file is written, with an error of this interface.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| malformed(&error.body_text()))?;
    let (mut received, mut purpose) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        match field.name().unwrap_or_default() {
            "file" => received = Some(write(field).await?),
            "purpose" => purpose = Some(text(field).await?),
            other => return Err(unknown(other)),
        }
    }
    match purpose.as_deref() {
        Some("batch") => {}
        None => return Err(missing_parameter("purpose")),
        Some(other) => return Err(invalid_value("purpose", other, "'batch'", " batch")),
    }
    received.ok_or_else(|| missing_parameter("file"))
}

async fn text(field: Field<'_>) -> Result<String, ApiError> {
    let mut field = field;
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > 1_024 {
            return Err(malformed("a field is longer than 1024 bytes"));
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed("a field is not UTF-8"))
}

async fn write(mut field: Field<'_>) -> Result<(Spool, String), ApiError> {
    let name = field.file_name().unwrap_or("upload.jsonl");
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    let mut spool = Spool::new().await?;
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if spool.bytes.saturating_add(chunk.len() as u64) > MAX_FILE_BYTES {
            return Err(too_large());
        }
        spool.write(&chunk).await?;
    }
    if spool.bytes == 0 {
        return Err(invalid_value(
            "file",
            "empty",
            "a file that is not empty",
            "非空文件",
        ));
    }
    Ok((spool, name))
}

fn malformed(cause: &str) -> ApiError {
    let cause: String = cause.chars().take(200).collect();
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "invalid_request_error",
        "invalid_form",
        format!(
            "The request body is not a form with a file: {cause}. Send multipart/form-data with the fields 'purpose' and 'file'."
        ),
        format!(
            "请求正文不是带文件的表单：{cause}。请以 multipart/form-data 发送 purpose 与 file 两个字段。"
        ),
    )
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    malformed(&error.body_text())
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "invalid_request_error",
        "file_too_large",
        format!("The file is larger than {MAX_FILE_BYTES} bytes. Split it."),
        format!("文件超过 {MAX_FILE_BYTES} 字节。请拆分后上传。"),
    )
    .about("file")
}
