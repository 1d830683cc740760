//! The demo's jobs: a quote, a fine-tuning with its loss, a batch with its answers.

use super::stage::{Stage, fail};
use crate::error::Result;
use crate::follow;
use crate::job_file::{BatchTable, JobFile, Number, ResourcesTable, TrainTable};
use crate::job_spec::{self, Prepared};
use crate::output::table::Table;
use crate::units;
use crate::upload;
use crate::views;
use crate::words::say;
use std::path::{Path, PathBuf};
use zhisuan_proto::v1::{
    GetArtifactRequest, Job, JobState, LogsRequest, QuoteRequest, SubmitRequest,
};

/// Name of the adapter that the demo trains.
pub(super) const ADAPTER: &str = "helpdesk";
/// Shown of the batch's answers, bytes.
const SHOWN: usize = 2_000;

/// Dialogues in a language that the base model speaks.
pub(super) fn dataset(chinese: bool) -> &'static str {
    if chinese {
        "finetune/help-desk.jsonl"
    } else {
        "finetune/help-desk-en.jsonl"
    }
}

/// The first data file of an example folder, by extension.
fn data_file(folder: &Path) -> Result<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    files.sort();
    files
        .into_iter()
        .next()
        .ok_or_else(|| fail("ZS-DEMO-EXAMPLE", folder.display().to_string()))
}

/// The fine-tuning as a job file would say it.
pub(super) fn train_job(stage: &Stage, base: &str, steps: u32, chinese: bool) -> Result<Prepared> {
    let dataset = stage.example(dataset(chinese))?;
    job_spec::prepare(&JobFile {
        name: "客服微调".to_owned(),
        time_limit: "20m".to_owned(),
        resources: resources(),
        train: Some(TrainTable {
            base_model: base.to_owned(),
            dataset: dataset.to_string_lossy().into_owned(),
            output_model: ADAPTER.to_owned(),
            steps,
            batch_size: 4,
            gradient_accumulation: 1,
            max_tokens_per_example: 192,
            learning_rate: 2e-4,
            warmup_steps: 3,
            lora_rank: 8,
            lora_alpha: 16,
            seed: 7,
            ..TrainTable::default()
        }),
        ..JobFile::default()
    })
}

/// Two cores where there are two: nothing else runs while the demo's jobs do.
fn resources() -> ResourcesTable {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2));
    ResourcesTable {
        cpus: Number(cores.to_string()),
        memory: "2GiB".to_owned(),
        ..ResourcesTable::default()
    }
}

/// Shows what the fine-tuning would cost.
pub(super) async fn quote(stage: &Stage, job: &Prepared) -> Result<()> {
    let request = QuoteRequest {
        spec: Some(job.spec.clone()),
        tenant: String::new(),
    };
    let quote = stage.tenant()?.jobs().quote(request).await?.into_inner();
    for table in views::money::quote_tables(&quote) {
        stage.out.report(&table)?;
    }
    Ok(())
}

/// Trains to the end and shows how the loss fell.
pub(super) async fn train(stage: &Stage, job: &Prepared) -> Result<()> {
    let mut losses: Vec<f64> = Vec::new();
    let ended = submit_and_follow(stage, job, |line| losses.extend(loss_of(line))).await?;
    if let Some((first, last)) = ends(&losses) {
        let (first, last) = (format!("{first:.4}"), format!("{last:.4}"));
        stage.out.line(&say!(
            "损失 {} → {}(开头与结尾几步的平均)",
            "loss {} -> {} (means of the first and last steps)",
            first,
            last
        ))?;
        if losses.len() >= 10 && last >= first {
            return Err(fail("ZS-DEMO-LOSS", format!("{first} -> {last}")));
        }
    }
    let digest = ended
        .outputs
        .get("adapter_model.safetensors")
        .cloned()
        .unwrap_or_default();
    stage.out.note(&say!(
        "适配器 {} 已登记 {}",
        "adapter {} is registered {}",
        ADAPTER,
        digest
    ));
    Ok(())
}

/// Means of the first and the last few losses: single steps are noisy.
fn ends(losses: &[f64]) -> Option<(f64, f64)> {
    let window = (losses.len() / 3).clamp(1, 5);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let first = losses.get(..window)?;
    let last = losses.get(losses.len().checked_sub(window)?..)?;
    Some((mean(first), mean(last)))
}

/// "step 12/36 loss 1.93" to 1.93.
fn loss_of(line: &str) -> Option<f64> {
    let after = line.split("loss").nth(1)?;
    let number: String = after
        .trim_start_matches([' ', '=', ':'])
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    number.trim_end_matches('.').parse().ok()
}

/// Runs the batch and shows the beginning of its answers.
pub(super) async fn batch(stage: &Stage, base: &str) -> Result<()> {
    let input = data_file(&stage.example("batch")?)?;
    let job = job_spec::prepare(&JobFile {
        name: "批量推理".to_owned(),
        time_limit: "20m".to_owned(),
        resources: resources(),
        batch: Some(BatchTable {
            model: base.to_owned(),
            input: input.to_string_lossy().into_owned(),
            max_tokens: 48,
        }),
        ..JobFile::default()
    })?;
    let ended = submit_and_follow(stage, &job, |_| {}).await?;
    let Some(digest) = ended.outputs.get("output.jsonl") else {
        let known: Vec<&String> = ended.outputs.keys().collect();
        return Err(fail("ZS-DEMO-BATCH", format!("no output.jsonl: {known:?}")));
    };
    let request = GetArtifactRequest {
        sha256: digest.clone(),
        offset: 0,
    };
    let mut stream = stage.tenant()?.artifacts().get(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.message().await? {
        bytes.extend_from_slice(&chunk.data);
    }
    let mut table = Table::new(&["custom_id", "answer"]);
    for line in String::from_utf8_lossy(&bytes).lines().take(5) {
        let value: serde_json::Value = serde_json::from_str(line).map_err(std::io::Error::other)?;
        let content = &value["response"]["body"]["choices"][0]["message"]["content"];
        let answer: String = content
            .as_str()
            .unwrap_or("-")
            .chars()
            .take(SHOWN / 40)
            .collect();
        table.row(vec![
            value["custom_id"].as_str().unwrap_or("-").into(),
            answer.replace('\n', " ").into(),
        ]);
    }
    stage.out.report(&table)
}

/// Submits as the tenant and waits for success; `progress` gets every progress line.
async fn submit_and_follow(
    stage: &Stage,
    job: &Prepared,
    mut progress: impl FnMut(&str),
) -> Result<Job> {
    let client = stage.tenant()?;
    upload::all(client, &job.files, stage.out).await?;
    let request = SubmitRequest {
        specs: vec![job.spec.clone()],
        ..SubmitRequest::default()
    };
    let answer = client.jobs().submit(request).await?.into_inner();
    let id = answer.job_ids.first().copied().unwrap_or_default();
    let held = units::yuan(answer.held_micro);
    stage
        .out
        .note(&say!("作业 {},预扣 {} 元", "job {}, {} CNY held", id, held));
    let mut said = String::new();
    let ended = follow::to_end(client, id, None, |job| {
        let line = views::job::line(job);
        if line != said {
            stage.out.note(&line);
            said = line;
        }
        progress(&job.progress);
    })
    .await?;
    if ended.state() == JobState::Succeeded {
        let charged = units::yuan(ended.charged_micro);
        stage.out.note(&say!(
            "作业 {} 费用 {} 元",
            "job {}: {} CNY charged",
            id,
            charged
        ));
        return Ok(ended);
    }
    let request = LogsRequest {
        job_id: id,
        tail_lines: 20,
        ..LogsRequest::default()
    };
    follow::logs(client, request, stage.out).await?;
    Err(fail("ZS-DEMO-JOB", views::job::line(&ended)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_read_from_the_progress_line() {
        assert_eq!(loss_of("step 12/36 loss 1.93"), Some(1.93));
        assert_eq!(loss_of("step 12 of 36, loss 1.93, lr 0.1"), Some(1.93));
        assert_eq!(loss_of("downloading"), None);
    }

    #[test]
    fn few_losses_still_have_two_ends() {
        assert_eq!(ends(&[]), None);
        assert_eq!(ends(&[2.0]), Some((2.0, 2.0)));
        assert_eq!(ends(&[4.0, 2.0, 3.0, 3.0, 1.0, 1.0]), Some((3.0, 1.0)));
    }
}
