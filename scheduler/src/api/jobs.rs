//! The Jobs service.

use super::convert::{Simulated, Waits, state_filter};
use super::page::page;
use super::{caller, failure, job_message, normalise, read, scope, tenant_of};
use crate::access::Caller;
use crate::actor::Core;
use crate::artifacts::Artifacts;
use crate::live::{Changes, Live};
use crate::logs::{LogTask, Logs};
use crate::models::Models;
use crate::store::{JobFilter, Reads, StoredJob};
use crate::words;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};
use zhisuan_core::{Event, JobId, JobState, Millis, Refusal};
use zhisuan_proto::v1::{self, jobs_server::Jobs};

/// Submit, follow, explain, price. Cheap to clone: the console asks through it too.
#[derive(Clone)]
pub(crate) struct JobsService {
    pub(crate) core: Core,
    pub(crate) reads: Arc<dyn Reads>,
    pub(crate) live: Live,
    pub(crate) logs: Logs,
    pub(crate) models: Models,
    pub(crate) artifacts: Artifacts,
}

fn unknown(id: u64) -> Status {
    words::refusal(&Refusal::UnknownJob(JobId(id)))
}

impl JobsService {
    /// A job that the caller may see; others do not exist for it.
    pub(crate) async fn stored(&self, caller: &Caller, id: u64) -> Result<StoredJob, Status> {
        if i64::try_from(id).is_err() {
            return Err(unknown(id));
        }
        let reads = self.reads.clone();
        let stored = read(move || reads.job(id))
            .await?
            .ok_or_else(|| unknown(id))?;
        let scope = scope(caller, "")?;
        if scope.is_some_and(|tenant| tenant != stored.job.tenant) {
            return Err(unknown(id));
        }
        Ok(stored)
    }

    /// Wire messages of stored jobs, with what the core knows of those that wait.
    pub(crate) async fn messages(&self, stored: Vec<StoredJob>) -> Result<Vec<v1::Job>, Status> {
        let queued = stored
            .iter()
            .filter(|stored| stored.job.state == JobState::Queued);
        let ids: Vec<JobId> = queued.map(|stored| stored.job.id).collect();
        let asked = self.core.ask(move |state, _| {
            let jobs = ids.iter().filter_map(|id| state.jobs().get(id));
            let queued = jobs.filter(|job| job.state == JobState::Queued);
            let waits = queued.map(|job| {
                let position = u32::try_from(state.ahead(job) + 1).unwrap_or(u32::MAX);
                let reason = Some(state.reason(job));
                (job.id, Waits { reason, position })
            });
            let waits: BTreeMap<JobId, Waits> = waits.collect();
            (waits, Simulated::of(state))
        });
        let (waits, simulated) = asked.await.map_err(|error| failure(&error))?;
        let message = |stored: &StoredJob| {
            let waits = waits.get(&stored.job.id).cloned().unwrap_or_default();
            let progress = self.live.progress(stored.job.id.0);
            job_message(stored, &waits, &simulated, progress)
        };
        Ok(stored.iter().map(message).collect())
    }

    pub(crate) async fn message(&self, caller: &Caller, id: u64) -> Result<v1::Job, Status> {
        let stored = self.stored(caller, id).await?;
        self.messages(vec![stored])
            .await?
            .pop()
            .ok_or_else(|| unknown(id))
    }

    /// Closes a followed log when its attempt is over: the end may come between the look at the
    /// job and the first byte that is followed.
    async fn close_after(self, task: LogTask, mut changes: Changes) {
        loop {
            let (reads, id) = (self.reads.clone(), task.job);
            let stored = read(move || reads.job(id)).await.ok().flatten();
            let current = stored.as_ref().and_then(|stored| stored.job.current());
            if current.is_none_or(|attempt| attempt.number != task.attempt) {
                break;
            }
            if !changes.changed().await {
                break;
            }
        }
        if let Err(error) = self.logs.close(task).await {
            tracing::error!(%error, "a log cannot be closed");
        }
    }

    pub(crate) async fn page_of_jobs(
        &self,
        caller: &Caller,
        ask: v1::ListJobsRequest,
    ) -> Result<v1::ListJobsResponse, Status> {
        let page = page(ask.page.as_ref())?;
        let mut states = Vec::with_capacity(ask.states.len());
        for number in ask.states {
            let refusal =
                || Refusal::invalid("states", number, "a job state other than unspecified");
            states.push(
                state_filter(number)
                    .ok_or_else(|| words::refusal(&refusal()))?
                    .to_owned(),
            );
        }
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let filter = JobFilter {
            tenant: scope(caller, &ask.tenant)?.map(|tenant| tenant.0),
            states,
            queue: some(ask.queue),
            name_contains: some(ask.name_contains),
            since: Some(Millis(ask.since_ms)).filter(|since| since.0 > 0),
            before: page.token,
            limit: page.limit + 1,
        };
        let reads = self.reads.clone();
        let (mut stored, total) = read(move || reads.jobs(&filter)).await?;
        let more = stored.len() > page.limit as usize;
        stored.truncate(page.limit as usize);
        let last = stored.last().map(|stored| stored.job.id.0).filter(|_| more);
        let jobs = self.messages(stored).await?;
        let next_page_token = last.map(|id| id.to_string()).unwrap_or_default();
        Ok(v1::ListJobsResponse {
            jobs,
            next_page_token,
            total,
        })
    }
}

type JobStream = Pin<Box<dyn Stream<Item = Result<v1::Job, Status>> + Send>>;
type LogStream = Pin<Box<dyn Stream<Item = Result<v1::LogChunk, Status>> + Send>>;

#[tonic::async_trait]
impl Jobs for JobsService {
    type WatchStream = JobStream;
    type LogsStream = LogStream;

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let tenant = tenant_of(&caller, &message.tenant)?;
        for spec in &message.specs {
            self.check_names(&tenant, spec)?;
        }
        let answer = self
            .accept(tenant, message.specs, message.idempotency_key)
            .await?;
        Ok(Response::new(answer))
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(
            self.message(&caller, request.into_inner().job_id).await?,
        ))
    }

    async fn list(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(
            self.page_of_jobs(&caller, request.into_inner()).await?,
        ))
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::Job>, Status> {
        let caller = caller(&request)?;
        let id = request.into_inner().job_id;
        let stored = self.stored(&caller, id).await?;
        if !stored.job.state.ended() {
            let cancelled = self
                .core
                .apply(Event::CancelRequested { job: JobId(id) })
                .await;
            match cancelled {
                // It ended in the meantime: nothing to cancel, and that is the answer.
                Ok(_) | Err(crate::actor::Failure::Refused(Refusal::UnknownJob(_))) => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(Response::new(self.message(&caller, id).await?))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<JobStream>, Status> {
        let caller = caller(&request)?;
        let id = request.into_inner().job_id;
        self.stored(&caller, id).await?;
        let service = self.clone();
        let mut changes = self.live.changes(id);
        let stream = async_stream::try_stream! {
            let mut last = None;
            loop {
                let job = service.message(&caller, id).await?;
                let ended = job.ended_at_ms > 0;
                if last.as_ref() != Some(&job) {
                    last = Some(job.clone());
                    yield job;
                }
                if ended || !changes.changed().await {
                    break;
                }
            }
        };
        Ok(Response::new(Box::pin(stream)))
    }

    async fn logs(&self, request: Request<v1::LogsRequest>) -> Result<Response<LogStream>, Status> {
        let caller = caller(&request)?;
        let ask = request.into_inner();
        let mut changes = self.live.changes(ask.job_id);
        let mut stored = self.stored(&caller, ask.job_id).await?;
        // A follower of a job that waits sees its first attempt as soon as there is one.
        while ask.follow && stored.job.attempts.is_empty() && !stored.job.state.ended() {
            if !changes.changed().await {
                break;
            }
            stored = self.stored(&caller, ask.job_id).await?;
        }
        let latest = stored.job.attempts.len() as u32;
        let attempt = if ask.attempt == 0 {
            latest
        } else {
            ask.attempt
        };
        if attempt == 0 || attempt > latest {
            return Ok(Response::new(Box::pin(tokio_stream::empty())));
        }
        let task = LogTask {
            job: ask.job_id,
            attempt,
            task: ask.task,
        };
        let current = stored
            .job
            .current()
            .is_some_and(|current| current.number == attempt);
        let chunks: LogStream = if ask.follow && current {
            tokio::spawn(self.clone().close_after(task, changes));
            let chunks = self
                .logs
                .follow(task, ask.tail_lines)
                .await
                .map_err(Status::from)?;
            Box::pin(chunks.map(|chunk| chunk.map_err(Status::from)))
        } else {
            let chunks = self
                .logs
                .read(task, ask.tail_lines)
                .await
                .map_err(Status::from)?;
            Box::pin(tokio_stream::iter(chunks.into_iter().map(Ok)))
        };
        Ok(Response::new(chunks))
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::Explanation>, Status> {
        let caller = caller(&request)?;
        let id = request.into_inner().job_id;
        let job = self.message(&caller, id).await?;
        let asked = self.core.ask(move |state, _| {
            let job = state
                .jobs()
                .get(&JobId(id))
                .filter(|job| job.state == JobState::Queued)?;
            Some((state.explain(job), state.ahead(job)))
        });
        let (nodes, ahead) = asked
            .await
            .map_err(|error| failure(&error))?
            .unwrap_or_default();
        let nodes = nodes.into_iter().map(|(node, failure)| v1::NodeFit {
            node: node.0,
            fits: failure.is_none(),
            reason: failure.as_ref().map(words::fit_failure),
        });
        Ok(Response::new(v1::Explanation {
            job: Some(job),
            nodes: nodes.collect(),
            ahead,
        }))
    }

    async fn quote(
        &self,
        request: Request<v1::QuoteRequest>,
    ) -> Result<Response<v1::QuoteResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let tenant = tenant_of(&caller, &message.tenant)?;
        let spec = message.spec.unwrap_or_default();
        let (_, core) = normalise(spec, "spec").map_err(|refusal| words::refusal(&refusal))?;
        let asked = self
            .core
            .ask(move |state, now| state.quote(&tenant, &core, now))
            .await;
        let quote = asked
            .map_err(|error| failure(&error))?
            .map_err(|refusal| words::refusal(&refusal))?;
        let lines = quote.lines.iter().map(|line| v1::QuoteLine {
            sku: line.sku.clone(),
            quantity_milli: line.quantity_milli,
            duration_ms: line.duration_ms,
            price_micro: line.price_micro,
            unit: line.unit.name().to_owned(),
            amount_micro: line.amount_micro,
        });
        Ok(Response::new(v1::QuoteResponse {
            price_version: quote.price_version,
            lines: lines.collect(),
            hold_micro: quote.hold_micro,
            available_micro: quote.available_micro,
            affordable: quote.hold_micro <= quote.available_micro && quote.available_micro > 0,
            starts_now: quote.waits.is_none(),
            reason: quote.waits.as_ref().map(words::reason),
        }))
    }
}
