//! POST /v1/files: a form with a file, on the disk until its digest is known, then to the
//! scheduler.

use crate::openai::ApiError;
use crate::openai::body::missing_parameter;
use crate::openai::fields::unknown;
use crate::openai::remote::{Remote, refused};
use crate::openai::validate::invalid_value;
use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use futures::{Stream, StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use std::io::{self, SeekFrom};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_util::io::ReaderStream;
use zhisuan_proto::v1::put_artifact_request::Message;
use zhisuan_proto::v1::{Artifact, PutArtifactRequest};

/// As the official interface bounds the input of a batch.
const MAX_FILE_BYTES: u64 = 200 * 1024 * 1024;
const MAX_NAME_CHARS: usize = 255;
const READ_TIMEOUT: Duration = Duration::from_mins(10);
const CHUNK: usize = 256 * 1024;

/// Takes the file of a form and keeps it for the caller's tenant.
pub(super) async fn take(remote: &Remote, head: Parts, body: Body) -> Result<Artifact, ApiError> {
    match tokio::time::timeout(READ_TIMEOUT, receive(Request::from_parts(head, body))).await {
        Ok(received) => keep(remote, received?).await,
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "invalid_request_error",
            "body_timeout",
            "The file did not arrive within 10 minutes. Send it again.",
            "文件未在 10 分钟内收齐。请重新发送。",
        )),
    }
}

struct Received {
    file: File,
    header: Artifact,
}

async fn receive(mut request: Request) -> Result<Received, ApiError> {
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

async fn write(mut field: Field<'_>) -> Result<Received, ApiError> {
    let name = field.file_name().unwrap_or("upload.jsonl");
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    let spool = tokio::task::spawn_blocking(tempfile::tempfile).await;
    let spool = spool
        .map_err(io::Error::other)
        .and_then(|made| made)
        .map_err(|error| disk(&error))?;
    let mut file = File::from_std(spool);
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        bytes += chunk.len() as u64;
        if bytes > MAX_FILE_BYTES {
            return Err(too_large());
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(|error| disk(&error))?;
    }
    if bytes == 0 {
        return Err(invalid_value(
            "file",
            "empty",
            "a file that is not empty",
            "非空文件",
        ));
    }
    file.flush().await.map_err(|error| disk(&error))?;
    file.seek(SeekFrom::Start(0))
        .await
        .map_err(|error| disk(&error))?;
    let header = Artifact {
        sha256: hex::encode(hash.finalize()),
        bytes,
        name,
        ..Artifact::default()
    };
    Ok(Received { file, header })
}

async fn keep(remote: &Remote, received: Received) -> Result<Artifact, ApiError> {
    let Received { file, header } = received;
    let answer = remote.wire.artifacts().put(messages(header, file)).await;
    let kept = answer.map_err(|status| refused(&status, "file"))?;
    Ok(kept.into_inner())
}

/// The header, then the bytes. A read that fails ends the stream, and the digest is refused.
fn messages(
    header: Artifact,
    file: File,
) -> impl Stream<Item = PutArtifactRequest> + Send + 'static {
    let put = |message| PutArtifactRequest {
        message: Some(message),
    };
    let data = ReaderStream::with_capacity(file, CHUNK)
        .take_while(|read| std::future::ready(read.is_ok()))
        .filter_map(|read| std::future::ready(read.ok()));
    let first = stream::once(std::future::ready(put(Message::Header(header))));
    first.chain(data.map(move |data| put(Message::Data(data.to_vec()))))
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

fn disk(error: &io::Error) -> ApiError {
    tracing::error!(%error, "cannot keep an upload on the disk");
    ApiError::internal()
}
