//! Files by content in the scheduler's store: put one, get one, with every hash checked.

use crate::error::Error;
use crate::models::error::SourceError;
use crate::models::sink::Sink;
use crate::rpc::{self, Bearer};
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1::artifacts_client::ArtifactsClient;
use zhisuan_proto::v1::put_artifact_request::Message;
use zhisuan_proto::v1::{Artifact, GetArtifactRequest, PutArtifactRequest};

const CHUNK_BYTES: usize = 256 * 1024;
/// Broken transfers go on from where they stopped, this many times without progress.
const TRIES: u32 = 4;

/// Client of the artifact store. Cheap to clone; connects on first use and again when needed.
#[derive(Clone)]
pub struct Artifacts {
    client: ArtifactsClient<InterceptedService<Channel, Bearer>>,
    folder: PathBuf,
}

/// Why a file could not be put or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The store refused or could not be reached.
    #[error("制品库调用失败：{0}")]
    Call(String),
    /// The file on this machine cannot be read or written.
    #[error("读写 {path} 失败：{source}")]
    Io {
        /// The file.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The bytes are not those that the digest names.
    #[error("制品 {expected} 的内容校验不符，实得 {actual}")]
    Hash {
        /// Digest that was asked for.
        expected: String,
        /// Digest of what came.
        actual: String,
    },
    /// The digest is not one.
    #[error("“{0}”不是 SHA-256 摘要：应为 64 个小写十六进制字符")]
    Digest(String),
}

impl ArtifactError {
    /// Stable code, never translated.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Call(_) => "ZS-ARTIFACT-CALL",
            Self::Io { .. } => "ZS-ARTIFACT-IO",
            Self::Hash { .. } => "ZS-ARTIFACT-HASH",
            Self::Digest(_) => "ZS-ARTIFACT-DIGEST",
        }
    }

    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.display().to_string(),
            source,
        }
    }
}

/// 64 lower-case hexadecimal characters: safe as a file name.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl Artifacts {
    /// A client of the scheduler at `scheduler_url`; fetched files are kept under `cache_dir`.
    pub fn new(
        scheduler_url: &str,
        key: &str,
        cache_dir: &Path,
        scheduler_ca_pem: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let channel = rpc::endpoint(scheduler_url, scheduler_ca_pem)?.connect_lazy();
        let client = ArtifactsClient::with_interceptor(channel, Bearer::new(key)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self {
            client,
            folder: cache_dir.join("artifacts").join("sha256"),
        })
    }

    /// Stores a file for `tenant` and returns its SHA-256 in hexadecimal.
    pub async fn put(
        &self,
        path: &Path,
        name: &str,
        tenant: &str,
    ) -> Result<String, ArtifactError> {
        let owned = path.to_path_buf();
        let (sha256, bytes) = blocking(move || hash_file(&owned))
            .await
            .map_err(|source| ArtifactError::io(path, source))?;
        let header = Artifact {
            sha256: sha256.clone(),
            bytes,
            name: name.into(),
            tenant: tenant.into(),
            created_at_ms: 0,
            job_id: 0,
        };
        let (sender, receiver) = mpsc::channel(4);
        let owned = path.to_path_buf();
        let reader = tokio::task::spawn_blocking(move || send_file(&owned, header, &sender));
        let stored = self.client.clone().put(ReceiverStream::new(receiver)).await;
        match (reader.await, stored) {
            (_, Err(status)) => Err(ArtifactError::Call(describe(&status))),
            (Ok(Err(source)), _) => Err(ArtifactError::io(path, source)),
            (_, Ok(stored)) => {
                let actual = stored.into_inner().sha256;
                if actual == sha256 {
                    return Ok(sha256);
                }
                // The file changed between hashing and sending.
                Err(ArtifactError::Hash {
                    expected: sha256,
                    actual,
                })
            }
        }
    }

    /// Fetches a file by its digest into the cache and returns its path; a cached one is checked
    /// again, since a disk may have changed it.
    pub async fn get(&self, sha256: &str) -> Result<PathBuf, ArtifactError> {
        if !is_digest(sha256) {
            return Err(ArtifactError::Digest(sha256.chars().take(80).collect()));
        }
        let path = self.folder.join(sha256);
        if path.exists() {
            let owned = path.clone();
            let found = blocking(move || hash_file(&owned)).await;
            if found.is_ok_and(|(digest, _)| digest == sha256) {
                return Ok(path);
            }
            let _ = tokio::fs::remove_file(&path).await;
        }
        let io = |source| ArtifactError::io(&path, source);
        tokio::fs::create_dir_all(&self.folder).await.map_err(io)?;
        // A private name: two tasks may fetch the same file, the last rename wins with equal bytes.
        let partial = self
            .folder
            .join(format!("{sha256}.{:016x}.part", crate::backoff::seed()));
        let mut sink = Sink::open(&partial, 0).await.map_err(io)?;
        let fetched = self.fetch(sha256, &mut sink, &mut |_| ()).await;
        let finished = match fetched {
            Ok(()) => sink.finish(sha256, &path).await,
            Err(error) => Err(error),
        };
        finished.map_err(|error| {
            let _ = std::fs::remove_file(&partial);
            match error {
                SourceError::Hash { actual } => ArtifactError::Hash {
                    expected: sha256.into(),
                    actual,
                },
                other => ArtifactError::Call(other.to_string()),
            }
        })?;
        Ok(path)
    }

    /// Streams the file into `sink` from where the sink stands, resuming broken transfers.
    pub(crate) async fn fetch(
        &self,
        sha256: &str,
        sink: &mut Sink,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), SourceError> {
        let mut failures = 0;
        loop {
            let before = sink.position();
            let error = match self.fetch_once(sha256, sink, progress).await {
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
            let pause = crate::backoff::pause_ms(failures, crate::backoff::seed());
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        }
    }

    async fn fetch_once(
        &self,
        sha256: &str,
        sink: &mut Sink,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), SourceError> {
        let request = GetArtifactRequest {
            sha256: sha256.into(),
            offset: sink.position(),
        };
        let call = self.client.clone().get(request).await;
        let mut chunks = call.map_err(|status| from_status(&status))?.into_inner();
        while let Some(chunk) = chunks
            .message()
            .await
            .map_err(|status| from_status(&status))?
        {
            sink.write(&chunk.data).await?;
            progress(sink.position());
        }
        Ok(())
    }
}

fn from_status(status: &tonic::Status) -> SourceError {
    match status.code() {
        tonic::Code::Unavailable
        | tonic::Code::Unknown
        | tonic::Code::Internal
        | tonic::Code::Cancelled
        | tonic::Code::Aborted => SourceError::Broken(describe(status)),
        _ => SourceError::Refused(describe(status)),
    }
}

/// The scheduler's Chinese words where it sent them.
pub(crate) fn describe(status: &tonic::Status) -> String {
    match zhisuan_proto::detail_of(status) {
        Some(detail) if !detail.message_zh.is_empty() => {
            format!("{}({})", detail.message_zh, detail.code)
        }
        _ => format!("{}: {}", status.code(), status.message()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(std::io::Error::other(error)),
    }
}

/// Digest in hexadecimal and length of a file.
pub(crate) fn hash_file(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let (mut hasher, mut bytes) = (Sha256::new(), 0_u64);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hex::encode(hasher.finalize()), bytes));
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
}

/// Feeds the upload. A closed channel means that the server has answered already: not our error.
fn send_file(
    path: &Path,
    header: Artifact,
    sender: &mpsc::Sender<PutArtifactRequest>,
) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut message = Message::Header(header);
    loop {
        let request = PutArtifactRequest {
            message: Some(message),
        };
        if sender.blocking_send(request).is_err() {
            return Ok(());
        }
        let mut data = vec![0; CHUNK_BYTES];
        let count = file.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        data.truncate(count);
        message = Message::Data(data);
    }
}
