//! /v1/batches: a batch is a job of the caller's tenant that answers every line of a file.

mod card;
mod endpoint;
mod input;
mod lines;
pub(crate) mod notes;
mod read;

use super::ApiError;
use super::body;
use super::files::{FileId, OUTPUT, Tallies, View};
use super::list::{Query, Raw, page};
use super::remote::{Remote, refused};
use super::unary::to_its_end;
use crate::app::App;
use crate::scheduler::within;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as UrlQuery, State};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use card::{Outcome, card};
use input::Checked;
use read::Ask;
use serde_json::Value;
use tonic::Code;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::{
    Artifact, BatchWork, CancelJobRequest, GetJobRequest, Job, JobSpec, ListJobsRequest, Page,
    SubmitRequest,
};

/// Jobs made here have names that begin so.
const NAME: &str = "openai-batch";
/// Jobs that are looked through for one list.
const MAX_LISTED: usize = 5_000;

pub(crate) use endpoint::Endpoint;
pub(crate) use notes::{of_line, write};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/batches", post(create).get(list))
        .route("/v1/batches/{id}", get(retrieve))
        .route("/v1/batches/{id}/cancel", post(cancel))
}

async fn create(
    State(app): State<App>,
    remote: Remote,
    Extension(tallies): Extension<Tallies>,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let ask = read::read(&body::read(body).await?)?;
    let checked = input::check(&app, &remote, &ask).await?;
    // A job that was taken gets its audit events, also when its caller is gone.
    let queued = to_its_end(async move {
        let id = submit(&app, &remote, &ask, checked).await?;
        Ok((remote, id))
    });
    let (remote, id) = queued.await?;
    let job = job(&remote, id).await?;
    Ok(Json(dressed(&remote, &tallies, &job).await?))
}

/// Queues the job of a batch and writes the events of its lines; the job's number.
async fn submit(app: &App, remote: &Remote, ask: &Ask, checked: Checked) -> Result<u64, ApiError> {
    let Checked { work, notes, copy } = checked;
    let model = work.model.clone();
    let spec = JobSpec {
        name: format!("{NAME} {}", &ask.input.sha256[..12]),
        time_limit_ms: ask.window_ms,
        work: Some(Work::Batch(work)),
        ..JobSpec::default()
    };
    let submit = SubmitRequest {
        specs: vec![spec],
        ..SubmitRequest::default()
    };
    let answer = remote.wire.jobs().submit(within(submit)).await;
    if let Some(copy) = copy {
        copy.forget(remote).await;
    }
    let answer = answer.map_err(|status| match status.code() {
        // The file was found a moment ago, so it is the model that is not in the library.
        Code::NotFound => ApiError::model_not_found(&model),
        _ => refused(&status, "input_file_id"),
    })?;
    let id = answer.into_inner().job_ids.first().copied();
    let id = id.ok_or_else(ApiError::internal)?;
    let trail = &remote.admitted.trail;
    notes::queued(app, trail, ask.endpoint, &model, id, notes).await;
    Ok(id)
}

async fn list(
    remote: Remote,
    Extension(tallies): Extension<Tallies>,
    query: Result<UrlQuery<Raw>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let query = Query::of(query, (20, 100))?;
    let mut cards = Vec::new();
    let (mut token, mut seen) = (String::new(), 0);
    loop {
        let ask = ListJobsRequest {
            page: Some(Page {
                limit: 1_000,
                token,
            }),
            name_contains: NAME.to_owned(),
            ..ListJobsRequest::default()
        };
        let answer = remote.wire.jobs().list(within(ask)).await;
        let answer = answer.map_err(|status| refused(&status, ""))?.into_inner();
        seen += answer.jobs.len();
        for job in answer.jobs.iter().filter(|job| batch_of(job).is_some()) {
            // Lines are counted for the batches of the page only.
            cards.push(card(job, &Outcome::default()));
        }
        token = answer.next_page_token;
        if token.is_empty() || seen >= MAX_LISTED {
            break;
        }
    }
    let mut answer = page(cards, &query)?;
    for card in answer["data"].as_array_mut().into_iter().flatten() {
        let id = card["id"].as_str().and_then(number).unwrap_or_default();
        *card = dressed(&remote, &tallies, &job(&remote, id).await?).await?;
    }
    Ok(Json(answer))
}

async fn retrieve(
    remote: Remote,
    Extension(tallies): Extension<Tallies>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let job = find(&remote, &id).await?;
    Ok(Json(dressed(&remote, &tallies, &job).await?))
}

async fn cancel(
    remote: Remote,
    Extension(tallies): Extension<Tallies>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let job = find(&remote, &id).await?;
    let ask = within(CancelJobRequest { job_id: job.id });
    let job = remote.wire.jobs().cancel(ask).await;
    let job = job.map_err(|status| refused(&status, &id))?.into_inner();
    Ok(Json(dressed(&remote, &tallies, &job).await?))
}

/// Checks the body of a request for a batch. Pure.
pub(crate) fn check_body(bytes: &[u8]) -> Result<(), ApiError> {
    read::read(bytes).map(drop)
}

/// Checks the first line of an input to `endpoint`, and reads its texts as a filter would. Pure.
pub(crate) fn check_line(endpoint: &str, bytes: &[u8]) -> Result<(), ApiError> {
    let mut seen = lines::Seen::new(Endpoint::parse(endpoint)?);
    let mut line = seen.line(bytes)?;
    seen.texts(&mut line).map(drop)
}

/// The job behind an id, if it is a batch that the caller may see.
async fn find(remote: &Remote, id: &str) -> Result<Job, ApiError> {
    let shown: String = id.chars().take(100).collect();
    let absent = || ApiError::absent(&shown);
    let job = job(remote, number(id).ok_or_else(absent)?).await?;
    if batch_of(&job).is_none() {
        return Err(absent());
    }
    Ok(job)
}

/// The batch whose output a file is, where it is one.
pub(crate) async fn maker(remote: &Remote, file: &Artifact) -> Result<Option<u64>, ApiError> {
    if file.job_id == 0 || file.name != OUTPUT {
        return Ok(None);
    }
    let job = job(remote, file.job_id).await?;
    let is_output = job.outputs.get(OUTPUT) == Some(&file.sha256);
    Ok((is_output && batch_of(&job).is_some()).then_some(job.id))
}

async fn job(remote: &Remote, id: u64) -> Result<Job, ApiError> {
    let ask = within(GetJobRequest { job_id: id });
    let job = remote.wire.jobs().get(ask).await;
    let job = job.map_err(|status| refused(&status, &format!("batch_{id}")))?;
    Ok(job.into_inner())
}

fn number(id: &str) -> Option<u64> {
    let digits = id.strip_prefix("batch_")?;
    // One job has one id: no signs, no leading zeros.
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn batch_of(job: &Job) -> Option<&BatchWork> {
    match job.spec.as_ref()?.work.as_ref()? {
        Work::Batch(batch) => Some(batch),
        _ => None,
    }
}

/// The batch with the counts of its output, once there is one.
async fn dressed(remote: &Remote, tallies: &Tallies, job: &Job) -> Result<Value, ApiError> {
    let mut outcome = Outcome::default();
    if let Some(sha256) = job.outputs.get(OUTPUT) {
        let tally = tallies.of(remote, sha256).await?;
        let id = |view| {
            FileId {
                sha256: sha256.clone(),
                view,
            }
            .to_string()
        };
        outcome.tally = Some(tally);
        outcome.output = (tally.good > 0).then(|| id(View::Good));
        outcome.errors = (tally.bad > 0).then(|| id(View::Bad));
    }
    Ok(card(job, &outcome))
}
