//! The bytes of a file on their way to a caller, or line by line to a reader of ours.

use super::delivery::Delivery;
use super::id::{FileId, View};
use crate::app::App;
use crate::openai::ApiError;
use crate::openai::remote::{Remote, refused};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use serde::Deserialize;
use std::io;
use tonic::Status;
use zhisuan_proto::v1::{Artifact, GetArtifactRequest};

/// Longest line that is read; the worker's own bound.
pub(crate) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

type Chunks = BoxStream<'static, Result<Bytes, Status>>;

/// A file as a download. `maker` is the batch whose output it is; what somebody uploaded leaves as
/// it came, whatever it looks like.
pub(super) async fn download(
    app: &App,
    remote: &Remote,
    id: &FileId,
    file: &Artifact,
    maker: Option<u64>,
) -> Result<Response, ApiError> {
    if maker.is_none() && id.view != View::Whole {
        return Err(ApiError::absent(&id.to_string()));
    }
    let chunks = chunks(remote, &id.sha256).await?;
    let body = if let Some(job) = maker {
        let delivery = Delivery::new(app, &remote.admitted.trail, job);
        Body::from_stream(delivered(chunks, delivery, id.view))
    } else {
        Body::from_stream(chunks.map(|chunk| chunk.map_err(io::Error::other)))
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    if maker.is_none() {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.bytes));
    }
    Ok(response)
}

/// The lines of a batch's output that a view has, as they may leave.
fn delivered(
    chunks: Chunks,
    delivery: Delivery,
    view: View,
) -> impl Stream<Item = io::Result<Bytes>> {
    async_stream::stream! {
        let mut lines = std::pin::pin!(split(chunks));
        while let Some(line) = lines.next().await {
            match line {
                Ok((_, line)) if view == View::Whole || is_bad(&line) == (view == View::Bad) => {
                    yield Ok(Bytes::from(delivery.line(line).await));
                }
                Ok(_) => {}
                Err(status) => yield Err(io::Error::other(status)),
            }
        }
    }
}

/// A line with its number from 1.
pub(crate) type Numbered = (u64, Vec<u8>);

/// The lines of a file, without their ends and without empty ones.
pub(crate) async fn lines(
    remote: &Remote,
    sha256: &str,
) -> Result<impl Stream<Item = Result<Numbered, Status>> + use<>, ApiError> {
    Ok(split(chunks(remote, sha256).await?))
}

/// Whether a line of a batch's output tells an error.
pub(super) fn is_bad(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Line {
        error: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Line>(line).map_or(true, |line| line.error.is_some())
}

async fn chunks(remote: &Remote, sha256: &str) -> Result<Chunks, ApiError> {
    let ask = GetArtifactRequest {
        sha256: sha256.to_owned(),
        offset: 0,
    };
    // No deadline: a large file takes as long as its reader.
    let answer = remote.wire.artifacts().get(ask).await;
    let answer = answer.map_err(|status| refused(&status, &format!("file-{sha256}")))?;
    let chunks = answer.into_inner();
    Ok(chunks.map(|chunk| chunk.map(|chunk| chunk.data)).boxed())
}

fn split(mut chunks: Chunks) -> impl Stream<Item = Result<Numbered, Status>> {
    async_stream::try_stream! {
        let mut rest: Vec<u8> = Vec::new();
        let mut number = 1;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            let mut parts = chunk.split(|&byte| byte == b'\n');
            if let Some(first) = parts.next() {
                rest.extend_from_slice(first);
            }
            for part in parts {
                let line = std::mem::replace(&mut rest, part.to_vec());
                if !line.trim_ascii().is_empty() {
                    yield (number, line);
                }
                number += 1;
            }
            if rest.len() > MAX_LINE_BYTES {
                Err(Status::out_of_range("a line is longer than 4 MiB"))?;
            }
        }
        if !rest.trim_ascii().is_empty() {
            yield (number, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{Chunks, is_bad, split};
    use axum::body::Bytes;
    use futures::{StreamExt as _, stream};

    #[tokio::test]
    async fn lines_do_not_depend_on_where_chunks_end() {
        let text = "eins\n\nzwei\r\n  \n三\n四";
        for size in 1..=text.len() {
            let parts: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .map(Bytes::copy_from_slice)
                .map(Ok)
                .collect();
            let chunks: Chunks = stream::iter(parts).boxed();
            let lines: Vec<_> = split(chunks).map(|line| line.unwrap()).collect().await;
            let lines: Vec<_> = lines
                .into_iter()
                .map(|(number, line)| (number, String::from_utf8(line).unwrap()))
                .collect();
            let wanted = [(1, "eins"), (3, "zwei\r"), (5, "三"), (6, "四")];
            assert_eq!(
                lines,
                wanted.map(|(number, line)| (number, line.to_owned())),
                "{size}"
            );
        }
    }

    #[test]
    fn a_line_is_bad_when_it_tells_an_error_or_nothing() {
        assert!(!is_bad(br#"{"custom_id":"a","response":{},"error":null}"#));
        assert!(is_bad(
            br#"{"custom_id":"a","response":null,"error":{"code":"x"}}"#
        ));
        assert!(is_bad(b"no json"));
    }
}
