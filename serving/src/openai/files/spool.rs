//! A file on the disk until its digest is known, then the scheduler's.

use crate::openai::ApiError;
use crate::openai::remote::{Remote, refused};
use futures::{Stream, StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use std::io::{self, SeekFrom};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_util::io::ReaderStream;
use zhisuan_proto::v1::put_artifact_request::Message;
use zhisuan_proto::v1::{Artifact, PutArtifactRequest};

const CHUNK: usize = 256 * 1024;

/// A file that grows.
pub(crate) struct Spool {
    file: File,
    hash: Sha256,
    pub(crate) bytes: u64,
}

impl Spool {
    pub(crate) async fn new() -> Result<Self, ApiError> {
        let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
        let file = made.map_err(io::Error::other).and_then(|made| made);
        Ok(Self {
            file: File::from_std(file.map_err(|error| disk(&error))?),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        let written = self.file.write_all(bytes).await;
        written.map_err(|error| disk(&error))
    }

    /// Has the scheduler keep the file for the caller's tenant.
    pub(crate) async fn keep(
        mut self,
        remote: &Remote,
        name: String,
    ) -> Result<Artifact, ApiError> {
        self.file.flush().await.map_err(|error| disk(&error))?;
        let back = self.file.seek(SeekFrom::Start(0)).await;
        back.map_err(|error| disk(&error))?;
        let header = Artifact {
            sha256: hex::encode(self.hash.finalize()),
            bytes: self.bytes,
            name,
            ..Artifact::default()
        };
        let messages = messages(header, self.file);
        let answer = remote.wire.artifacts().put(messages).await;
        let kept = answer.map_err(|status| refused(&status, "file"))?;
        Ok(kept.into_inner())
    }
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

fn disk(error: &io::Error) -> ApiError {
    tracing::error!(%error, "cannot keep a file on the disk");
    ApiError::internal()
}
