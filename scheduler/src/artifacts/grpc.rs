//! The Artifacts service: streams in, streams out.

use super::error::ArtifactError;
use super::store::{Artifacts, Row, check_digest};
use crate::access::{Caller, NowMs, Role, caller_of};
use crate::words::Problem;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::AsyncSeekExt as _;
use tokio_util::io::ReaderStream;
use tonic::{Request, Response, Status, Streaming};
use zhisuan_proto::v1;
use zhisuan_proto::v1::artifacts_server::Artifacts as ArtifactsApi;
use zhisuan_proto::v1::put_artifact_request::Message;

/// Most bytes of one message that is taken.
const MAX_CHUNK: usize = 1 << 20;
/// Bytes of one message that is given.
const CHUNK: usize = 256 * 1024;

/// Implements the service on the files.
pub(crate) struct ArtifactService {
    artifacts: Artifacts,
    now: NowMs,
}

impl ArtifactService {
    pub(crate) fn new(artifacts: Artifacts, now: NowMs) -> Self {
        Self { artifacts, now }
    }

    /// Takes a whole upload from a stream of messages.
    pub(super) async fn take(
        &self,
        caller: &Caller,
        messages: impl Stream<Item = Result<v1::PutArtifactRequest, Status>>,
    ) -> Result<v1::Artifact, Status> {
        let mut messages = std::pin::pin!(messages);
        let first = messages
            .next()
            .await
            .transpose()?
            .and_then(|first| first.message);
        let Some(Message::Header(header)) = first else {
            let problem = Problem::field(
                "message",
                "data",
                "第一条消息为 header",
                "a header as the first message",
            );
            return Err(problem.status());
        };
        // What a worker puts belongs to nobody until the job's end names it.
        let tenant = (caller.role != Role::Worker).then(|| caller.tenant.clone());
        let (artifacts, owner, begun) = (self.artifacts.clone(), tenant.clone(), header.clone());
        let mut upload = blocking(move || artifacts.begin(owner.as_deref(), &begun)).await?;
        while let Some(message) = messages.next().await {
            let Some(Message::Data(data)) = message?.message else {
                let problem =
                    Problem::field("message", "header", "数据", "data after the first message");
                return Err(problem.status());
            };
            if data.len() > MAX_CHUNK {
                let problem = Problem::field(
                    "data",
                    data.len(),
                    "每条最多 1 MiB",
                    "at most 1 MiB per message",
                );
                return Err(problem.status());
            }
            upload = blocking(move || upload.write(&data).map(|()| upload)).await?;
        }
        let (artifacts, now_ms) = (self.artifacts.clone(), (self.now)());
        let row =
            blocking(move || artifacts.keep(upload, &header, tenant.as_deref(), now_ms)).await?;
        Ok(row.to_proto())
    }

    async fn find(&self, caller: &Caller, sha256: &str) -> Result<v1::Artifact, Status> {
        check_digest("sha256", sha256)?;
        let tenant = match caller.role {
            Role::Worker | Role::Operator => None,
            _ => Some(caller.tenant.clone()),
        };
        let (artifacts, sha256) = (self.artifacts.clone(), sha256.to_owned());
        let row = blocking(move || artifacts.stat(tenant.as_deref(), &sha256)).await?;
        Ok(row.to_proto())
    }
}

#[tonic::async_trait]
impl ArtifactsApi for ArtifactService {
    type GetStream = BoxStream<'static, Result<v1::ArtifactChunk, Status>>;

    async fn put(
        &self,
        request: Request<Streaming<v1::PutArtifactRequest>>,
    ) -> Result<Response<v1::Artifact>, Status> {
        let caller = caller_of(&request)?;
        let kept = self.take(&caller, request.into_inner()).await?;
        Ok(Response::new(kept))
    }

    async fn get(
        &self,
        request: Request<v1::GetArtifactRequest>,
    ) -> Result<Response<Self::GetStream>, Status> {
        let caller = caller_of(&request)?;
        let wanted = request.into_inner();
        let found = self.find(&caller, &wanted.sha256).await?;
        if wanted.offset > found.bytes {
            let accepted = format!("0 to {}", found.bytes);
            return Err(Problem::field("offset", wanted.offset, &accepted, &accepted).status());
        }
        let read_failed = |error: std::io::Error| Problem::internal("artifacts", &error).status();
        let path = self.artifacts.path(&wanted.sha256);
        let mut file = File::open(path).await.map_err(read_failed)?;
        file.seek(SeekFrom::Start(wanted.offset))
            .await
            .map_err(read_failed)?;
        let chunks = ReaderStream::with_capacity(file, CHUNK).map(move |read| {
            read.map(|data| v1::ArtifactChunk { data })
                .map_err(read_failed)
        });
        Ok(Response::new(chunks.boxed()))
    }

    async fn stat(
        &self,
        request: Request<v1::GetArtifactRequest>,
    ) -> Result<Response<v1::Artifact>, Status> {
        let caller = caller_of(&request)?;
        let found = self.find(&caller, &request.into_inner().sha256).await?;
        Ok(Response::new(found))
    }

    async fn list(
        &self,
        request: Request<v1::ListArtifactsRequest>,
    ) -> Result<Response<v1::ListArtifactsResponse>, Status> {
        let caller = caller_of(&request)?;
        let (limit, after) = page_of(request.into_inner().page.as_ref())?;
        let mut rows = self.artifacts.list(&caller.tenant, after.as_ref());
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| format!("{}-{}", row.created_at_ms, row.sha256));
        Ok(Response::new(v1::ListArtifactsResponse {
            artifacts: rows.iter().map(Row::to_proto).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteArtifactRequest>,
    ) -> Result<Response<v1::Artifact>, Status> {
        let caller = caller_of(&request)?;
        let sha256 = request.into_inner().sha256;
        let artifacts = self.artifacts.clone();
        let row = blocking(move || artifacts.forget(&caller.tenant, &sha256)).await?;
        Ok(Response::new(row.to_proto()))
    }
}

/// Most entries of one page, and as many as there are when the caller names no number.
const MAX_PAGE: u32 = 1_000;
const DEFAULT_PAGE: u32 = 50;

/// The entries of a page that is asked for, and the place after which it begins.
fn page_of(page: Option<&v1::Page>) -> Result<(usize, Option<(i64, String)>), Status> {
    let (limit, token) = page.map_or((0, ""), |page| (page.limit, page.token.as_str()));
    if limit > MAX_PAGE {
        return Err(Problem::field("page.limit", limit, "1 到 1000", "1 to 1000").status());
    }
    let limit = if limit == 0 { DEFAULT_PAGE } else { limit };
    if token.is_empty() {
        return Ok((limit as usize, None));
    }
    let place = token.split_once('-').and_then(|(at, sha256)| {
        let at = at.parse().ok().filter(|at: &i64| *at >= 0)?;
        super::is_digest(sha256).then(|| (at, sha256.to_owned()))
    });
    match place {
        Some(place) => Ok((limit as usize, Some(place))),
        None => Err(Problem::field(
            "page.token",
            token,
            "前一次应答中的值",
            "the token of an earlier answer",
        )
        .status()),
    }
}

/// Runs what blocks on the disk or the store.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Problem::internal("artifacts", &error).status())?;
    done.map_err(Status::from)
}
