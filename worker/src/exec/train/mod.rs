//! Fine-tunes a LoRA adapter: step by step on threads of its own, stopped between two
//! micro-batches, with a checkpoint that a later attempt goes on from.

mod checkpoint;
mod settings;

use super::prepare::{self, LocalModel};
use super::{Context, ExecError, Finish, StopSignal, TaskEvent, TaskEvents, outputs};
use crate::lease::{Outcome, StopReason};
use crate::logs::TaskLog;
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use zhisuan_engine::{EngineError, Trainer, with_threads};
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::{Lineage, ModelFile, ModelKind, ModelManifest, ModelSource, TrainWork};

const METRICS: &str = "metrics.jsonl";
const ADAPTER_FILES: [&str; 2] = ["adapter_model.safetensors", "adapter_config.json"];
const CHECKPOINT: &str = "checkpoint";

/// Trains to the last step or to a stop.
pub(crate) async fn run(context: Context, work: TrainWork) -> Result<Finish, ExecError> {
    let data = artifact(&context, &work.dataset_sha256, "数据集").await?;
    let models = prepare::models(&context).await?;
    let earlier = earlier(&context).await?;
    let job = Job {
        model: models.base.engine_path(&context.folder)?,
        data,
        folder: context.folder.clone(),
        keep: context.keep.clone(),
        earlier,
        log: context.log.clone(),
        events: context.events.clone(),
        stop: context.stop.clone(),
        work: work.clone(),
    };
    let threads = context.threads();
    let (mut job, mut trainer) = blocking(&context, move || {
        let trainer = with_threads(threads, || job.open())??;
        Ok((job, trainer))
    })
    .await?;
    if context.stop.requested() {
        return Err(ExecError::stopped());
    }
    context.events.send(TaskEvent::Started).await;
    let (finished, trainer) = blocking(&context, move || {
        let finished = with_threads(threads, || job.train(&mut trainer))??;
        Ok((finished, trainer))
    })
    .await?;
    if finished {
        return Box::pin(hand_over(&context, &work, &models.base, trainer)).await;
    }
    Box::pin(interrupted(&context, trainer.step_number())).await
}

async fn artifact(context: &Context, sha256: &str, what: &str) -> Result<PathBuf, ExecError> {
    let fetched = context
        .stop
        .unless_stopped(context.artifacts.get(sha256))
        .await?;
    fetched.map_err(|error| ExecError::new(error.code(), format!("{what}无法取得：{error}")))
}

/// The folder of the checkpoint to go on from: the scheduler's, else this node's own.
async fn earlier(context: &Context) -> Result<Option<PathBuf>, ExecError> {
    let sha256 = &context.assign.checkpoint_sha256;
    if sha256.is_empty() {
        return Ok(context.keep.is_dir().then(|| context.keep.clone()));
    }
    let file = artifact(context, sha256, "检查点").await?;
    let folder = context.folder.join("resume");
    let target = folder.clone();
    blocking(context, move || checkpoint::unpack(&file, &target)).await?;
    Ok(Some(folder))
}

async fn blocking<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce() -> Result<T, ExecError> + Send + 'static,
) -> Result<T, ExecError> {
    match context.blocking.spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ExecError::new("ZS-WORKER-PANIC", error.to_string())),
    }
}

/// What the blocking thread needs.
struct Job {
    model: PathBuf,
    data: PathBuf,
    folder: PathBuf,
    /// Where this node keeps checkpoints between attempts.
    keep: PathBuf,
    earlier: Option<PathBuf>,
    log: TaskLog,
    events: TaskEvents,
    stop: StopSignal,
    work: TrainWork,
}

impl Job {
    /// Goes on from the checkpoint if it fits; one that does not fit costs time, not the job.
    fn open(&self) -> Result<Trainer, ExecError> {
        let (lora, train) = settings::of(&self.work);
        if let Some(earlier) = &self.earlier {
            let resumed = Trainer::resume(
                &self.model,
                &self.data,
                lora.clone(),
                train.clone(),
                earlier,
            );
            match resumed {
                Ok(trainer) => {
                    let step = trainer.step_number();
                    self.log
                        .line(&format!("[zhisuan] 从检查点的第 {step} 步继续"));
                    return Ok(trainer);
                }
                Err(error @ (EngineError::CheckpointMismatch { .. } | EngineError::Io { .. })) => {
                    self.log.line(&format!("[zhisuan] {error}改为从头训练"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let trainer = Trainer::open(&self.model, &self.data, lora, train)?;
        let count = trainer.examples();
        self.log.line(&format!("[zhisuan] 数据集有 {count} 个样本"));
        Ok(trainer)
    }

    /// True at the last step, false at a stop, with a checkpoint kept on this node. It is saved
    /// here, since whoever waits for this thread may have been given up meanwhile.
    fn train(&mut self, trainer: &mut Trainer) -> Result<bool, ExecError> {
        let io = |error: std::io::Error| ExecError::new("ZS-WORKER-IO", error.to_string());
        let mut metrics = std::fs::File::create(self.folder.join(METRICS)).map_err(io)?;
        let every = self.work.checkpoint_every_steps as usize;
        while !trainer.finished() {
            let begun = Instant::now();
            let Some(report) = trainer.step_while(&|| !self.stop.requested())? else {
                save(trainer, &self.keep)?;
                return Ok(false);
            };
            let line = format!("step {}/{} loss {:.4}", report.step, report.of, report.loss);
            self.log.line(&line);
            self.events.progress(line);
            let record = json!({
                "step": report.step, "loss": report.loss, "learning_rate": report.learning_rate,
                "tokens": report.tokens, "grad_norm": report.grad_norm,
                "step_ms": begun.elapsed().as_millis() as u64,
            });
            writeln!(metrics, "{record}").map_err(io)?;
            if every != 0 && report.step % every == 0 && !trainer.finished() {
                save(trainer, &self.keep)?;
            }
        }
        Ok(true)
    }
}

fn save(trainer: &Trainer, folder: &Path) -> Result<(), ExecError> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| ExecError::new("ZS-WORKER-IO", error.to_string()))?;
    }
    Ok(trainer.save_checkpoint(folder)?)
}

fn forget(context: &Context) {
    // Absent unless the work asked for checkpoints in between.
    let _ = std::fs::remove_dir_all(&context.keep);
}

/// A checkpoint for the next attempt. Without a lease the store is out of reach: it stays here.
async fn interrupted(context: &Context, step: usize) -> Result<Finish, ExecError> {
    let lost = context
        .stop
        .order()
        .is_some_and(|order| order.reason == StopReason::LeaseExpired);
    let (keep, file) = (context.keep.clone(), context.folder.join("checkpoint.zip"));
    let target = file.clone();
    blocking(context, move || checkpoint::pack(&keep, &target)).await?;
    let mut finish = Finish {
        message: format!("停在第 {step} 步，已保存检查点"),
        ..Finish::of(Outcome::Stopped)
    };
    context.log.line(&format!("[zhisuan] {}", finish.message));
    if !lost {
        let digest = outputs::put(context, &file, CHECKPOINT).await?;
        finish.outputs.insert(CHECKPOINT.into(), digest);
        let digest = outputs::put(context, &context.folder.join(METRICS), METRICS).await?;
        finish.outputs.insert(METRICS.into(), digest);
        forget(context);
    }
    Ok(finish)
}

/// The adapter's files and its manifest, for the scheduler to register.
async fn hand_over(
    context: &Context,
    work: &TrainWork,
    base: &LocalModel,
    trainer: Trainer,
) -> Result<Finish, ExecError> {
    let base_sha256 = base
        .manifest
        .files
        .first()
        .map(|file| file.sha256.clone())
        .unwrap_or_default();
    let (folder, sha256) = (context.folder.join("adapter"), base_sha256.clone());
    let target = folder.clone();
    blocking(context, move || Ok(trainer.save_adapter(&target, &sha256)?)).await?;
    let mut finish = Finish::of(Outcome::Succeeded);
    let mut files = Vec::new();
    for name in ADAPTER_FILES {
        let path = folder.join(name);
        let digest = outputs::put(context, &path, name).await?;
        files.push(file(name, &path, &digest)?);
        finish.outputs.insert(name.into(), digest);
    }
    let digest = outputs::put(context, &context.folder.join(METRICS), METRICS).await?;
    finish.outputs.insert(METRICS.into(), digest);
    finish.model = Some(manifest(context, work, &base.manifest, files, base_sha256));
    forget(context);
    context
        .log
        .line(&format!("[zhisuan] 训练完成，适配器 {}", work.output_model));
    Ok(finish)
}

fn file(name: &str, path: &Path, digest: &str) -> Result<ModelFile, ExecError> {
    let data = std::fs::metadata(path)
        .map_err(|error| ExecError::new("ZS-WORKER-IO", format!("{name}:{error}")))?;
    Ok(ModelFile {
        path: name.into(),
        sha256: digest.into(),
        bytes: data.len(),
        sources: vec![ModelSource {
            source: Some(Source::ArtifactSha256(digest.into())),
        }],
    })
}

fn manifest(
    context: &Context,
    work: &TrainWork,
    base: &ModelManifest,
    files: Vec<ModelFile>,
    base_sha256: String,
) -> ModelManifest {
    let task = context.assign.task.unwrap_or_default();
    ModelManifest {
        name: work.output_model.clone(),
        version: 0,
        kind: ModelKind::Adapter as i32,
        architecture: "lora".into(),
        licence: base.licence.clone(),
        description: format!("{} 的 LoRA 适配器，作业 {}", base.name, task.job_id),
        languages: base.languages.clone(),
        files,
        base_model: base.name.clone(),
        base_sha256,
        lineage: Some(Lineage {
            job_id: task.job_id,
            attempt: task.attempt,
            dataset_sha256: work.dataset_sha256.clone(),
            code_version: env!("CARGO_PKG_VERSION").into(),
        }),
        tenant: context.assign.tenant.clone(),
        ..ModelManifest::default()
    }
}
