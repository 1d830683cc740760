//! Brings local files to the scheduler's artifact store; what is there already is not sent again.

use crate::client::Client;
use crate::error::Result;
use crate::job_spec::LocalFile;
use crate::output::Printer;
use crate::output::progress::Progress;
use crate::words::say;
use futures::{Stream, StreamExt as _, stream};
use std::sync::Arc;
use tokio_util::io::ReaderStream;
use tonic::Code;
use zhisuan_proto::v1::put_artifact_request::Message;
use zhisuan_proto::v1::{Artifact, GetArtifactRequest, PutArtifactRequest};

/// Bytes per message.
const CHUNK: usize = 256 * 1024;

/// Uploads every file that the store lacks.
pub(crate) async fn all(client: &Client, files: &[LocalFile], out: Printer) -> Result<()> {
    for file in files {
        one(client, file, out).await?;
    }
    Ok(())
}

async fn one(client: &Client, file: &LocalFile, out: Printer) -> Result<()> {
    let stat = GetArtifactRequest {
        sha256: file.sha256.clone(),
        offset: 0,
    };
    match client.artifacts().stat(stat).await {
        Ok(_) => return Ok(()),
        Err(status) if status.code() == Code::NotFound => {}
        Err(status) => return Err(status.into()),
    }
    let name = file
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let text = say!("上传 {}", "uploading {}", name);
    let progress = Arc::new(Progress::bytes(out, &text, file.bytes));
    let reader = tokio::fs::File::open(&file.path).await?;
    let header = Artifact {
        sha256: file.sha256.clone(),
        bytes: file.bytes,
        name,
        ..Artifact::default()
    };
    client
        .artifacts()
        .put(messages(header, reader, progress))
        .await?;
    Ok(())
}

/// The header, then the content. A read error ends the stream early, and the store refuses the short file.
fn messages(
    header: Artifact,
    reader: tokio::fs::File,
    progress: Arc<Progress>,
) -> impl Stream<Item = PutArtifactRequest> + Send + 'static {
    let first = PutArtifactRequest {
        message: Some(Message::Header(header)),
    };
    let rest = ReaderStream::with_capacity(reader, CHUNK)
        .scan((), |(), read| std::future::ready(read.ok()))
        .map(move |bytes| {
            progress.add(bytes.len() as u64);
            PutArtifactRequest {
                message: Some(Message::Data(bytes.to_vec())),
            }
        });
    stream::once(async move { first }).chain(rest)
}
