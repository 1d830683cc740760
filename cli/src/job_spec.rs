//! From a job file to the wire: the spec, and the local files that it needs on the scheduler first.

use crate::error::{Failure, Result, io_text};
use crate::job_file::{BatchTable, CommandTable, JobFile, TrainTable};
use crate::units;
use crate::words::say;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::PathBuf;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::{BatchWork, CommandWork, JobSpec, TrainWork};

/// A file to upload, known by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFile {
    pub(crate) path: PathBuf,
    /// Lower-case hex.
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

/// A spec together with its files.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) spec: JobSpec,
    pub(crate) files: Vec<LocalFile>,
}

/// Makes the wire form of a job. Reads the named files, sends nothing.
pub(crate) fn prepare(job: &JobFile) -> Result<Prepared> {
    job.check_work()?;
    let mut files = Vec::new();
    let work = match (&job.train, &job.batch, &job.command) {
        (Some(train), _, _) => Work::Train(train_work(job, train, &mut files)?),
        (_, Some(batch), _) => Work::Batch(batch_work(job, batch, &mut files)?),
        (_, _, Some(command)) => Work::Command(command_work(job, command, &mut files)?),
        (None, None, None) => return Err(Failure::usage("ZS-JOBFILE-WORK", "")),
    };
    let spec = JobSpec {
        name: name_of(job),
        queue: job.queue.clone(),
        project: job.project.clone(),
        resources: Some(job.wire_resources()?),
        tasks: job.tasks,
        time_limit_ms: match job.time_limit.as_str() {
            "" => 0,
            text => units::duration_ms("time_limit", text)?,
        },
        priority: job.priority,
        max_attempts: job.max_attempts,
        max_cost_micro: match job.max_cost.0.as_str() {
            "" => 0,
            text => units::money_micro("max_cost", text)?,
        },
        node_labels: job.node_labels.clone().into_iter().collect(),
        work: Some(work),
    };
    Ok(Prepared { spec, files })
}

/// The job's name, or what it does.
fn name_of(job: &JobFile) -> String {
    if !job.name.is_empty() {
        return job.name.clone();
    }
    let name = match (&job.train, &job.batch, &job.command) {
        (Some(train), _, _) => format!("train {}", train.output_model),
        (_, Some(batch), _) => format!("batch {}", batch.model),
        (_, _, Some(command)) => command.argv.join(" "),
        _ => String::new(),
    };
    name.chars().take(128).collect()
}

fn train_work(job: &JobFile, table: &TrainTable, files: &mut Vec<LocalFile>) -> Result<TrainWork> {
    Ok(TrainWork {
        base_model: table.base_model.clone(),
        dataset_sha256: digest(job, "train.dataset", &table.dataset, files)?,
        output_model: table.output_model.clone(),
        steps: table.steps,
        batch_size: table.batch_size,
        gradient_accumulation: table.gradient_accumulation,
        max_tokens_per_example: table.max_tokens_per_example,
        learning_rate_nano: units::nano("train.learning_rate", table.learning_rate)?,
        warmup_steps: table.warmup_steps,
        lora_rank: table.lora_rank,
        lora_alpha: table.lora_alpha,
        lora_last_layers: table.lora_last_layers,
        seed: table.seed,
        checkpoint_every_steps: table.checkpoint_every_steps,
    })
}

fn batch_work(job: &JobFile, table: &BatchTable, files: &mut Vec<LocalFile>) -> Result<BatchWork> {
    Ok(BatchWork {
        model: table.model.clone(),
        input_sha256: digest(job, "batch.input", &table.input, files)?,
        max_tokens: table.max_tokens,
        ..BatchWork::default()
    })
}

fn command_work(
    job: &JobFile,
    table: &CommandTable,
    files: &mut Vec<LocalFile>,
) -> Result<CommandWork> {
    let inputs = table.inputs.iter().map(|(name, written)| {
        let field = format!("command.inputs.{name}");
        Ok((name.clone(), digest(job, &field, written, files)?))
    });
    Ok(CommandWork {
        argv: table.argv.clone(),
        inputs: inputs.collect::<Result<_>>()?,
        env: table.env.clone().into_iter().collect(),
    })
}

/// The digest of a file, or the digest that was written as "sha256:...".
fn digest(job: &JobFile, field: &str, written: &str, files: &mut Vec<LocalFile>) -> Result<String> {
    if let Some(hex) = written.strip_prefix("sha256:") {
        if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(hex.to_ascii_lowercase());
        }
        return Err(Failure::usage(
            "ZS-JOBFILE-DIGEST",
            say!("{} 的摘要不对:{}", "{}: not a digest: {}", field, written),
        )
        .field(field)
        .hint("sha256:<64 hex>"));
    }
    let path = job.path(written);
    let (sha256, bytes) = hash(&path).map_err(|error| {
        Failure::usage(
            "ZS-JOBFILE-INPUT",
            say!(
                "{} 的文件 {} 读不了:{}",
                "{}: cannot read {}: {}",
                field,
                path.display(),
                io_text(&error)
            ),
        )
        .field(field)
        .hint(say!(
            "相对路径从作业文件所在的文件夹算起",
            "relative paths start at the job file's folder"
        ))
    })?;
    if !files.iter().any(|file| file.sha256 == sha256) {
        files.push(LocalFile {
            path,
            sha256: sha256.clone(),
            bytes,
        });
    }
    Ok(sha256)
}

/// SHA-256 and size of a file, read in pieces.
fn hash(path: &std::path::Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    let mut total = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex::encode(hasher.finalize()), total));
        }
        hasher.update(&buffer[..read]);
        total += read as u64;
    }
}
