//! Files from a hub over HTTP, resumed with Range after a break.

use super::error::SourceError;
use super::sink::Sink;
use crate::backoff;
use crate::options::HubOptions;
use crate::rpc::chain;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use std::time::Duration;
use zhisuan_proto::v1::HubSource;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence inside a transfer.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// Breaks in a row without a single new byte.
const TRIES: u32 = 5;

/// The address of a file. Refuses names that would leave the repository's path.
pub(crate) fn address(options: &HubOptions, source: &HubSource) -> Result<String, SourceError> {
    let (endpoint, prefix, default_revision) = match source.style.as_str() {
        "huggingface" => (&options.huggingface_endpoint, "", "main"),
        "modelscope" => (&options.modelscope_endpoint, "models/", "master"),
        other => {
            return Err(SourceError::Invalid(format!(
                "style 为“{other}”，应为 huggingface 或 modelscope"
            )));
        }
    };
    let Some(endpoint) = endpoint else {
        return Err(SourceError::NotConfigured(format!(
            "没有设置 {} 的地址",
            source.style
        )));
    };
    let revision = match source.revision.as_str() {
        "" => default_revision,
        given => given,
    };
    for (field, value) in [
        ("repository", source.repository.as_str()),
        ("revision", revision),
        ("file", source.file.as_str()),
    ] {
        if !is_plain_path(value) {
            return Err(SourceError::Invalid(format!(
                "{field} 为“{value}”，应只含字母、数字、'.'、'-'、'_' 和 '/'"
            )));
        }
    }
    Ok(format!(
        "{}/{prefix}{}/resolve/{revision}/{}",
        endpoint.trim_end_matches('/'),
        source.repository,
        source.file
    ))
}

fn is_plain_path(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 512
        && text.split('/').all(|part| {
            !matches!(part, "" | "." | "..")
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        })
}

/// The HTTP client; made when a hub is first used.
pub(crate) fn client() -> Result<reqwest::Client, SourceError> {
    // One TLS provider for the process; somebody may have chosen it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(concat!("zhisuan-worker/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| SourceError::Refused(error.to_string()))
}

/// Downloads `url` into `sink` from where the sink stands; a broken transfer goes on by itself.
/// `expected` is the size in the manifest, 0 when unknown.
pub(crate) async fn download(
    client: &reqwest::Client,
    url: &str,
    expected: u64,
    sink: &mut Sink,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), SourceError> {
    let mut failures = 0;
    loop {
        if expected != 0 && sink.position() == expected {
            return Ok(());
        }
        let before = sink.position();
        let error = match transfer(client, url, expected, sink, progress).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        failures = if sink.position() > before {
            1
        } else {
            failures + 1
        };
        if failures >= TRIES || !error.is_transient() {
            return Err(error);
        }
        tracing::info!(url, at = sink.position(), %error, "download broke, resuming");
        let pause = backoff::pause_ms(failures, backoff::seed());
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

async fn transfer(
    client: &reqwest::Client,
    url: &str,
    expected: u64,
    sink: &mut Sink,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), SourceError> {
    let mut request = client.get(url);
    if sink.position() > 0 {
        request = request.header(RANGE, format!("bytes={}-", sink.position()));
    }
    let broken = |error: reqwest::Error| SourceError::Broken(chain(&error.without_url()));
    let mut response = request.send().await.map_err(broken)?;
    match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(&response, sink.position()) => {}
        // The server does not resume (or resumes elsewhere): from the beginning.
        StatusCode::OK => sink.restart()?,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            sink.restart()?;
            return Err(SourceError::Broken("对方无法从断点继续".into()));
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(SourceError::Broken(format!("HTTP {}", status.as_u16())));
        }
        status => return Err(SourceError::Refused(format!("HTTP {}", status.as_u16()))),
    }
    while let Some(data) = response.chunk().await.map_err(broken)? {
        sink.write(&data).await?;
        progress(sink.position());
    }
    // A body without a length can end early without an error.
    if expected != 0 && sink.position() < expected {
        return Err(SourceError::Broken(format!(
            "只收到 {} / {expected} 字节",
            sink.position()
        )));
    }
    Ok(())
}

/// "bytes 100-199/200" starts at 100.
fn starts_at(response: &Response, position: u64) -> bool {
    response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes "))
        .and_then(|range| range.split('-').next())
        .and_then(|first| first.parse::<u64>().ok())
        == Some(position)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::{HubSource, address};
    use crate::options::HubOptions;

    fn source(style: &str, file: &str) -> HubSource {
        HubSource {
            style: style.into(),
            repository: "owner/name".into(),
            revision: String::new(),
            file: file.into(),
        }
    }

    #[test]
    fn addresses_follow_the_style_and_stay_inside_the_repository() {
        let options = HubOptions {
            huggingface_endpoint: Some("http://hub.test/".into()),
            ..HubOptions::default()
        };
        assert_eq!(
            address(&options, &source("huggingface", "a/b.gguf")).unwrap(),
            "http://hub.test/owner/name/resolve/main/a/b.gguf"
        );
        for bad in ["../x", "a//b", "a?b", "", "a b", "/a"] {
            assert!(
                address(&options, &source("huggingface", bad)).is_err(),
                "{bad}"
            );
        }
        assert!(
            address(&options, &source("modelscope", "a")).is_err(),
            "not set"
        );
        assert!(address(&options, &source("ftp", "a")).is_err());
    }
}
