//! Answers every line of a JSONL file in the OpenAI batch form. A bad line gives an error line;
//! only a file without any good line fails the job.

mod answers;
mod ask;
mod bodies;
mod files;
mod lines;
#[cfg(test)]
mod tests;

use super::engine::{self, Limits, Loaded};
use super::{Context, ExecError, Finish, TaskEvent, outputs};
use crate::lease::Outcome;
use bodies::Task;
use futures::StreamExt as _;
use lines::{Line, LineError, MAX_LINE_BYTES, Place};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use zhisuan_proto::v1::BatchWork;

/// Lines in the engine at once: twice its batch, so that it never waits for the next one.
const WINDOW: usize = 16;
const OUTPUT: &str = "output.jsonl";

/// What the lines came to.
#[derive(Default)]
struct Tally {
    good: u64,
    bad: u64,
    first_fault: Option<String>,
}

/// Runs the file from its first line to its last.
pub(crate) async fn run(context: Context, work: BatchWork) -> Result<Finish, ExecError> {
    let fetched = context
        .stop
        .unless_stopped(context.artifacts.get(&work.input_sha256))
        .await?;
    let input = fetched
        .map_err(|error| ExecError::new(error.code(), format!("输入文件无法取得：{error}")))?;
    let loaded = engine::load(&context, Limits::default()).await?;
    let adapter = adapter_of(&loaded, &work.model)?;
    context.events.send(TaskEvent::Started).await;
    let path = context.folder.join(OUTPUT);
    let is_encoder = loaded.engine.chat_abilities().is_none();
    let job = Arc::new(Job {
        vectors: Semaphore::new(if is_encoder { WINDOW } else { 1 }),
        loaded,
        adapter,
        work,
        number: context.assign.task.unwrap_or_default().job_id,
        blocking: context.blocking.clone(),
    });
    let tally = Box::pin(answer_all(&context, &job, &input, &path)).await;
    let engine = job.loaded.engine.clone();
    let ended = move || engine.shutdown(Duration::ZERO);
    let _ = context.blocking.spawn_blocking(ended).await;
    let tally = tally?;
    let digest = outputs::put(&context, &path, OUTPUT).await?;
    Ok(finish(&context, &tally, digest))
}

/// What every line needs.
struct Job {
    loaded: Loaded,
    adapter: Option<String>,
    work: BatchWork,
    number: u64,
    blocking: TaskTracker,
    /// Lines whose vectors are computed at once. An encoder batches them; a decoder gives all its
    /// places to one of them, and would refuse the next.
    vectors: Semaphore,
}

fn adapter_of(loaded: &Loaded, model: &str) -> Result<Option<String>, ExecError> {
    if loaded.base == model {
        return Ok(None);
    }
    if loaded.adapters.iter().any(|name| name == model) {
        return Ok(Some(model.to_owned()));
    }
    Err(ExecError::new(
        "ZS-MODEL-MANIFEST",
        format!("指派里没有模型“{model}”的清单"),
    ))
}

async fn answer_all(
    context: &Context,
    job: &Arc<Job>,
    input: &Path,
    output: &Path,
) -> Result<Tally, ExecError> {
    let io = |error: std::io::Error| ExecError::new("ZS-WORKER-IO", error.to_string());
    let counted = files::count(&context.blocking, input.to_path_buf());
    let total = counted.wait().await.map_err(io)?;
    let (lines, read) = files::read(&context.blocking, input.to_path_buf());
    let (sink, written) = files::write(&context.blocking, output.to_path_buf());
    let mut stop = context.stop.clone();
    // A dropped future drops its receiver, and the engine frees the place within a step.
    let mut answers = ReceiverStream::new(lines)
        .map(|(number, text)| answer_line(Arc::clone(job), number, text))
        .buffered(WINDOW)
        .take_until(Box::pin(async move { stop.wait().await }));
    let mut tally = Tally::default();
    while let Some((line, fault)) = answers.next().await {
        if sink.send(line).await.is_err() {
            break;
        }
        match fault {
            None => tally.good += 1,
            Some(fault) => {
                context.log.line(&format!("[zhisuan] {fault}"));
                tally.bad += 1;
                tally.first_fault.get_or_insert(fault);
            }
        }
        let done = tally.good + tally.bad;
        context.events.progress(format!("line {done}/{total}"));
    }
    // Both threads end when their channels do.
    drop((answers, sink));
    written.wait().await.map_err(io)?;
    read.wait().await.map_err(io)?;
    Ok(tally)
}

/// The output line, and the fault in words if there was one.
async fn answer_line(job: Arc<Job>, number: u64, text: Vec<u8>) -> (String, Option<String>) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let place = Place {
        job_id: job.number,
        number,
        created: since.map_or(0, |time| time.as_secs()),
    };
    let model = job.work.model.clone();
    let Line { custom_id, task } = if text.len() > MAX_LINE_BYTES {
        let words = format!("超过 {} MiB", MAX_LINE_BYTES >> 20);
        Line {
            custom_id: None,
            task: Err(LineError::new("line_too_long", words)),
        }
    } else {
        lines::parse(&text, &model, job.work.max_tokens)
    };
    let result = match task {
        Ok(Task::Write(write)) => ask::write(&job, write).await,
        Ok(Task::Embed(embed)) => ask::embed(&job, embed).await,
        Err(error) => Err(error),
    };
    let fault = result
        .as_ref()
        .err()
        .map(|error| format!("第 {number} 行 {}:{}", error.code, error.message));
    let line = lines::render(place, &model, custom_id.as_deref(), &result);
    (line, fault)
}

fn finish(context: &Context, tally: &Tally, digest: String) -> Finish {
    let outputs = HashMap::from([(OUTPUT.to_owned(), digest)]);
    let summary = format!(
        "完成 {} 行，其中 {} 行有误",
        tally.good + tally.bad,
        tally.bad
    );
    context.log.line(&format!("[zhisuan] {summary}"));
    if context.stop.requested() {
        return Finish {
            outputs,
            message: summary,
            ..Finish::of(Outcome::Stopped)
        };
    }
    if tally.good == 0 {
        let fault = tally.first_fault.as_deref().unwrap_or("文件中没有任何行");
        return Finish {
            outputs,
            code: "ZS-BATCH-INPUT".into(),
            message: format!("没有一行可用。{fault}"),
            ..Finish::of(Outcome::Failed)
        };
    }
    Finish {
        outputs,
        message: summary,
        ..Finish::of(Outcome::Succeeded)
    }
}
