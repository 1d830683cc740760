//! The files and jobs of a fake scheduler, under the caller's own key.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming};
use zhisuan_proto::v1::artifacts_server::Artifacts;
use zhisuan_proto::v1::jobs_server::Jobs;
use zhisuan_proto::v1::put_artifact_request::Message;
use zhisuan_proto::v1::*;

type Shelf = BTreeMap<(String, String), (Artifact, Vec<u8>)>;

#[derive(Clone, Default)]
pub(crate) struct FakeFiles {
    /// By tenant and digest.
    pub(crate) files: Arc<Mutex<Shelf>>,
    /// By digest: what jobs read stays when nobody sees it any more.
    pub(crate) bytes: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// Newest last, with their tenants.
    pub(crate) jobs: Arc<Mutex<Vec<Job>>>,
}

/// The tenant behind a caller's key; keys of applications have no files.
fn tenant<T>(request: &Request<T>) -> Result<String, Status> {
    let shown = request.metadata().get("authorization");
    match shown.and_then(|value| value.to_str().ok()) {
        Some("Bearer zs-hospital") => Ok("hospital".to_owned()),
        Some("Bearer zs-poor") => Ok("poor".to_owned()),
        Some("Bearer zs-school") => Err(refusal(Code::PermissionDenied, "ZS-ROLE")),
        other => Err(Status::unauthenticated(format!(
            "not a caller's key: {other:?}"
        ))),
    }
}

fn refusal(code: Code, name: &str) -> Status {
    let detail = ErrorDetail {
        code: name.to_owned(),
        ..ErrorDetail::default()
    };
    zhisuan_proto::status(code, "refused by the fake", &detail)
}

impl FakeFiles {
    pub(crate) fn keep(&self, tenant: &str, name: &str, bytes: &[u8]) -> Artifact {
        let file = Artifact {
            sha256: hex::encode(Sha256::digest(bytes)),
            bytes: bytes.len() as u64,
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            created_at_ms: 1_700_000_000_000,
            job_id: 0,
        };
        let key = (tenant.to_owned(), file.sha256.clone());
        let mut all = self.bytes.lock().unwrap();
        all.insert(file.sha256.clone(), bytes.to_vec());
        let mut files = self.files.lock().unwrap();
        files.insert(key, (file.clone(), bytes.to_vec()));
        file
    }

    /// The output of a job, as its worker tells it before the job ends.
    pub(crate) fn output(&self, id: u64, bytes: &[u8]) -> Artifact {
        let mut file = self.keep("hospital", "output.jsonl", bytes);
        file.job_id = id;
        let key = (file.tenant.clone(), file.sha256.clone());
        let mut files = self.files.lock().unwrap();
        files.insert(key, (file.clone(), bytes.to_vec()));
        drop(files);
        self.change(id, |job| {
            job.state = JobState::Succeeded.into();
            job.outputs.insert(file.name.clone(), file.sha256.clone());
        });
        file
    }

    fn find(&self, tenant: &str, sha256: &str) -> Result<(Artifact, Vec<u8>), Status> {
        let key = (tenant.to_owned(), sha256.to_owned());
        let found = self.files.lock().unwrap().get(&key).cloned();
        found.ok_or_else(|| refusal(Code::NotFound, "ZS-ARTIFACT-UNKNOWN"))
    }

    /// Changes a job as its worker would.
    pub(crate) fn change(&self, id: u64, change: impl FnOnce(&mut Job)) {
        let mut jobs = self.jobs.lock().unwrap();
        change(jobs.iter_mut().find(|job| job.id == id).unwrap());
    }

    fn job(&self, tenant: &str, id: u64) -> Result<Job, Status> {
        let jobs = self.jobs.lock().unwrap();
        let found = jobs.iter().find(|job| job.id == id && job.tenant == tenant);
        found
            .cloned()
            .ok_or_else(|| refusal(Code::NotFound, "ZS-JOB-UNKNOWN"))
    }
}

#[tonic::async_trait]
impl Artifacts for FakeFiles {
    type GetStream = Pin<Box<dyn Stream<Item = Result<ArtifactChunk, Status>> + Send>>;

    async fn put(
        &self,
        request: Request<Streaming<PutArtifactRequest>>,
    ) -> Result<Response<Artifact>, Status> {
        let tenant = tenant(&request)?;
        let mut messages = request.into_inner();
        let Some(Message::Header(header)) = messages.message().await?.and_then(|m| m.message)
        else {
            return Err(Status::invalid_argument("no header"));
        };
        let mut bytes = Vec::new();
        while let Some(message) = messages.message().await? {
            if let Some(Message::Data(data)) = message.message {
                assert!(data.len() <= 1 << 20, "as the scheduler bounds a message");
                bytes.extend(data);
            }
        }
        let kept = self.keep(&tenant, &header.name, &bytes);
        if (kept.sha256.as_str(), kept.bytes) != (header.sha256.as_str(), header.bytes) {
            return Err(Status::data_loss("not what the header says"));
        }
        Ok(Response::new(kept))
    }

    async fn get(
        &self,
        request: Request<GetArtifactRequest>,
    ) -> Result<Response<Self::GetStream>, Status> {
        let (_, bytes) = self.find(&tenant(&request)?, &request.get_ref().sha256)?;
        let chunks: Vec<_> = bytes
            .chunks(7.max(bytes.len() / 100))
            .map(<[u8]>::to_vec)
            .collect();
        let chunks = tokio_stream::iter(chunks).map(|data| Ok(ArtifactChunk { data: data.into() }));
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn stat(
        &self,
        request: Request<GetArtifactRequest>,
    ) -> Result<Response<Artifact>, Status> {
        let (file, _) = self.find(&tenant(&request)?, &request.get_ref().sha256)?;
        Ok(Response::new(file))
    }

    async fn list(
        &self,
        request: Request<ListArtifactsRequest>,
    ) -> Result<Response<ListArtifactsResponse>, Status> {
        let tenant = tenant(&request)?;
        let files = self.files.lock().unwrap();
        let mine = files.iter().filter(|((owner, _), _)| *owner == tenant);
        Ok(Response::new(ListArtifactsResponse {
            artifacts: mine.map(|(_, (file, _))| file.clone()).collect(),
            next_page_token: String::new(),
        }))
    }

    async fn delete(
        &self,
        request: Request<DeleteArtifactRequest>,
    ) -> Result<Response<Artifact>, Status> {
        let tenant = tenant(&request)?;
        let (file, _) = self.find(&tenant, &request.get_ref().sha256)?;
        self.files
            .lock()
            .unwrap()
            .remove(&(tenant, file.sha256.clone()));
        Ok(Response::new(file))
    }
}

#[tonic::async_trait]
impl Jobs for FakeFiles {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<Job, Status>> + Send>>;
    type LogsStream = Pin<Box<dyn Stream<Item = Result<LogChunk, Status>> + Send>>;

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let tenant = tenant(&request)?;
        if tenant == "poor" {
            return Err(refusal(Code::FailedPrecondition, "ZS-BALANCE"));
        }
        if format!("{:?}", request.get_ref()).contains("model: \"absent\"") {
            return Err(refusal(Code::NotFound, "ZS-MODEL-UNKNOWN"));
        }
        let mut jobs = self.jobs.lock().unwrap();
        let id = 7 + jobs.len() as u64;
        jobs.push(Job {
            id,
            tenant,
            spec: request.into_inner().specs.into_iter().next(),
            state: JobState::Queued.into(),
            submitted_at_ms: 1_700_000_000_000,
            held_micro: 900,
            ..Job::default()
        });
        Ok(Response::new(SubmitResponse {
            job_ids: vec![id],
            held_micro: 900,
        }))
    }

    async fn get(&self, request: Request<GetJobRequest>) -> Result<Response<Job>, Status> {
        let job = self.job(&tenant(&request)?, request.get_ref().job_id)?;
        Ok(Response::new(job))
    }

    async fn list(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        let tenant = tenant(&request)?;
        let word = request.into_inner().name_contains;
        let jobs = self.jobs.lock().unwrap();
        let mine = jobs.iter().rev().filter(|job| {
            let named = job
                .spec
                .as_ref()
                .is_some_and(|spec| spec.name.contains(&word));
            job.tenant == tenant && named
        });
        Ok(Response::new(ListJobsResponse {
            jobs: mine.cloned().collect(),
            ..ListJobsResponse::default()
        }))
    }

    async fn cancel(&self, request: Request<CancelJobRequest>) -> Result<Response<Job>, Status> {
        let id = request.get_ref().job_id;
        self.job(&tenant(&request)?, id)?;
        self.change(id, |job| {
            job.state = JobState::Cancelled.into();
            job.ended_at_ms = 1_700_000_005_000;
        });
        self.job("hospital", id).map(Response::new)
    }

    async fn watch(
        &self,
        _: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }

    async fn logs(&self, _: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }

    async fn explain(&self, _: Request<ExplainRequest>) -> Result<Response<Explanation>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }

    async fn quote(&self, _: Request<QuoteRequest>) -> Result<Response<QuoteResponse>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }
}
