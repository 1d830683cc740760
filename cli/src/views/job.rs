//! Jobs, their states and explanations.

use super::{reason, reason_text, resources, resources_text, sorted};
use crate::error::Exit;
use crate::output::table::{Cell, Table};
use crate::words::{say, tr};
use serde_json::{Value, json};
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::{Attempt, Explanation, Job, JobSpec, JobState};

/// The stable word of a state.
pub(crate) fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::Unspecified => "unspecified",
        JobState::Queued => "queued",
        JobState::Starting => "starting",
        JobState::Running => "running",
        JobState::Stopping => "stopping",
        JobState::Succeeded => "succeeded",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::TimedOut => "timed_out",
    }
}

/// The state for people.
pub(crate) fn state_text(state: JobState) -> &'static str {
    match state {
        JobState::Unspecified => tr("未知", "unknown"),
        JobState::Queued => tr("排队", "queued"),
        JobState::Starting => tr("启动中", "starting"),
        JobState::Running => tr("运行", "running"),
        JobState::Stopping => tr("停止中", "stopping"),
        JobState::Succeeded => tr("成功", "succeeded"),
        JobState::Failed => tr("失败", "failed"),
        JobState::Cancelled => tr("已取消", "cancelled"),
        JobState::TimedOut => tr("超时", "timed out"),
    }
}

/// The state of a stable word.
pub(crate) fn state_of(word: &str) -> Option<JobState> {
    JobState::from_str_name(&format!("JOB_STATE_{}", word.to_uppercase()))
}

/// The outcome as an exit code; `None` while the job goes on.
pub(crate) fn outcome(state: JobState) -> Option<Exit> {
    match state {
        JobState::Succeeded => Some(Exit::Done),
        JobState::Failed | JobState::Cancelled => Some(Exit::Failed),
        JobState::TimedOut => Some(Exit::TimedOut),
        _ => None,
    }
}

/// The exit code of a job's own program, when it ran to its end.
pub(crate) fn program_exit(job: &Job) -> Option<i32> {
    let is_program = matches!(
        job.spec.as_ref().and_then(|spec| spec.work.as_ref()),
        Some(Work::Command(_))
    );
    let code = job.attempts.last()?.exit_code;
    let ran = match job.state() {
        JobState::Succeeded => true,
        // A program that could not start has no exit code of its own.
        JobState::Failed => code != 0,
        _ => false,
    };
    (is_program && ran).then_some(code)
}

/// The kind of work: "train", "batch", "serve", "command".
fn work_word(spec: &JobSpec) -> &'static str {
    match spec.work {
        Some(Work::Train(_)) => "train",
        Some(Work::Batch(_)) => "batch",
        Some(Work::Serve(_)) => "serve",
        Some(Work::Command(_)) => "command",
        None => "",
    }
}

fn work_json(spec: &JobSpec) -> Value {
    match &spec.work {
        None => Value::Null,
        Some(Work::Train(work)) => json!({
            "base_model": work.base_model, "dataset_sha256": work.dataset_sha256,
            "output_model": work.output_model, "steps": work.steps, "batch_size": work.batch_size,
            "gradient_accumulation": work.gradient_accumulation,
            "max_tokens_per_example": work.max_tokens_per_example,
            "learning_rate_nano": work.learning_rate_nano, "warmup_steps": work.warmup_steps,
            "lora_rank": work.lora_rank, "lora_alpha": work.lora_alpha,
            "lora_last_layers": work.lora_last_layers, "seed": work.seed,
            "checkpoint_every_steps": work.checkpoint_every_steps,
        }),
        Some(Work::Batch(work)) => json!({
            "model": work.model, "input_sha256": work.input_sha256, "max_tokens": work.max_tokens,
        }),
        Some(Work::Serve(work)) => json!({
            "deployment": work.deployment, "model": work.model, "adapters": work.adapters,
            "max_batch": work.max_batch, "max_waiting": work.max_waiting,
            "max_context": work.max_context,
        }),
        Some(Work::Command(work)) => json!({
            "argv": work.argv, "env": sorted(&work.env), "inputs": sorted(&work.inputs),
        }),
    }
}

/// A spec as JSON.
pub(crate) fn spec_json(spec: &JobSpec) -> Value {
    json!({
        "name": spec.name,
        "queue": spec.queue,
        "project": spec.project,
        "resources": resources(spec.resources.as_ref()),
        "tasks": spec.tasks,
        "time_limit_ms": spec.time_limit_ms,
        "priority": spec.priority,
        "max_attempts": spec.max_attempts,
        "max_cost_micro": spec.max_cost_micro,
        "node_labels": sorted(&spec.node_labels),
        "work": work_word(spec),
        work_key(spec): work_json(spec),
    })
}

/// The key that carries the work's own fields.
fn work_key(spec: &JobSpec) -> &'static str {
    match work_word(spec) {
        "" => "none",
        word => word,
    }
}

fn attempt_json(attempt: &Attempt) -> Value {
    let tasks: Vec<Value> = attempt
        .tasks
        .iter()
        .map(|task| json!({"task": task.task, "node": task.node, "devices": task.devices}))
        .collect();
    json!({
        "number": attempt.number,
        "epoch": attempt.epoch,
        "tasks": tasks,
        "placed_at_ms": attempt.placed_at_ms,
        "started_at_ms": attempt.started_at_ms,
        "ended_at_ms": attempt.ended_at_ms,
        "outcome": attempt.outcome,
        "exit_code": attempt.exit_code,
        "message": attempt.message,
        "charged_micro": attempt.charged_micro,
    })
}

/// A job as JSON; the schema is `zhisuan.job/1`.
pub(crate) fn json(job: &Job) -> Value {
    let attempts: Vec<Value> = job.attempts.iter().map(attempt_json).collect();
    json!({
        "id": job.id,
        "tenant": job.tenant,
        "spec": job.spec.as_ref().map(spec_json),
        "state": state_word(job.state()),
        "reason": reason(job.reason.as_ref()),
        "position": job.position,
        "attempts": attempts,
        "submitted_at_ms": job.submitted_at_ms,
        "started_at_ms": job.started_at_ms,
        "ended_at_ms": job.ended_at_ms,
        "held_micro": job.held_micro,
        "charged_micro": job.charged_micro, "simulated": job.simulated,
        "outputs": sorted(&job.outputs),
        "revision": job.revision,
        "progress": job.progress,
    })
}

/// Column heads of a list of jobs.
pub(crate) fn heads() -> [&'static str; 8] {
    [
        tr("编号", "ID"),
        tr("名称", "NAME"),
        tr("类型", "WORK"),
        tr("状态", "STATE"),
        tr("说明", "DETAIL"),
        tr("提交", "SUBMITTED"),
        tr("用时", "TIME"),
        tr("费用(元)", "CHARGED (CNY)"),
    ]
}

/// One row of a list of jobs.
pub(crate) fn row(job: &Job, now_ms: i64) -> Vec<Cell> {
    let spec = job.spec.clone().unwrap_or_default();
    let end = if job.ended_at_ms > 0 {
        job.ended_at_ms
    } else {
        now_ms
    };
    let time = match job.started_at_ms {
        0 => Cell::from("-"),
        start => Cell::Span(end.saturating_sub(start).max(0).unsigned_abs()),
    };
    let work = work_word(&spec);
    vec![
        Cell::Count(job.id),
        spec.name.into(),
        marked(work, job.simulated).into(),
        state_text(job.state()).into(),
        detail(job).into(),
        Cell::Time(job.submitted_at_ms),
        time,
        Cell::Money(job.charged_micro),
    ]
}

/// Says so when the devices under it are simulated.
fn marked(text: &str, simulated: bool) -> String {
    let mark = if simulated {
        tr("(模拟设备)", " (simulated)")
    } else {
        ""
    };
    format!("{text}{mark}")
}

/// The reason, else the last progress.
fn detail(job: &Job) -> String {
    let reason = reason_text(job.reason.as_ref());
    if reason.is_empty() {
        job.progress.clone()
    } else {
        reason
    }
}

/// One line about the job now, for waits.
pub(crate) fn line(job: &Job) -> String {
    let detail = detail(job);
    let state = state_text(job.state());
    let gap = if detail.is_empty() { "" } else { tr(":", ": ") };
    say!(
        "作业 {} {}{}{}",
        "job {} {}{}{}",
        job.id,
        state,
        gap,
        detail
    )
}

/// A job in full for people.
pub(crate) fn tables(job: &Job) -> Vec<Table> {
    let spec = job.spec.clone().unwrap_or_default();
    let mut facts = Table::default();
    facts.pair(tr("编号", "id"), Cell::Count(job.id));
    facts.pair(tr("名称", "name"), spec.name.clone());
    facts.pair(tr("租户", "tenant"), job.tenant.clone());
    facts.pair(tr("类型", "work"), marked(work_word(&spec), job.simulated));
    facts.pair(tr("状态", "state"), state_text(job.state()));
    facts.pair(tr("原因", "reason"), reason_text(job.reason.as_ref()));
    facts.pair(tr("进度", "progress"), job.progress.clone());
    if job.position > 0 {
        facts.pair(tr("排位", "position"), Cell::Count(u64::from(job.position)));
    }
    facts.pair(
        tr("资源", "resources"),
        resources_text(spec.resources.as_ref()),
    );
    let limit = match spec.time_limit_ms {
        0 => Cell::from(tr("不限", "none")),
        ms => Cell::Span(ms),
    };
    facts.pair(tr("时间上限", "time limit"), limit);
    facts.pair(tr("提交", "submitted"), Cell::Time(job.submitted_at_ms));
    facts.pair(tr("开始", "started"), Cell::Time(job.started_at_ms));
    facts.pair(tr("结束", "ended"), Cell::Time(job.ended_at_ms));
    facts.pair(tr("预扣(元)", "held (CNY)"), Cell::Money(job.held_micro));
    facts.pair(
        tr("费用(元)", "charged (CNY)"),
        Cell::Money(job.charged_micro),
    );
    let mut outputs: Vec<_> = job.outputs.iter().collect();
    outputs.sort();
    for (name, digest) in outputs {
        facts.pair(tr("产物", "output"), format!("{name} sha256:{digest}"));
    }
    vec![facts, attempts_table(job)]
}

fn attempts_table(job: &Job) -> Table {
    let mut table = Table::new(&[
        tr("尝试", "ATTEMPT"),
        tr("节点", "NODES"),
        tr("开始", "STARTED"),
        tr("结果", "OUTCOME"),
        tr("费用(元)", "CHARGED (CNY)"),
        tr("信息", "MESSAGE"),
    ]);
    for attempt in &job.attempts {
        let nodes: Vec<&str> = attempt
            .tasks
            .iter()
            .map(|task| task.node.as_str())
            .collect();
        table.row(vec![
            Cell::Count(u64::from(attempt.number)),
            nodes.join(",").into(),
            Cell::Time(attempt.started_at_ms),
            attempt.outcome.as_str().into(),
            Cell::Money(attempt.charged_micro),
            attempt.message.as_str().into(),
        ]);
    }
    table
}

/// An explanation as JSON; the schema is `zhisuan.explanation/1`.
pub(crate) fn explanation_json(explanation: &Explanation) -> Value {
    let nodes: Vec<Value> = explanation
        .nodes
        .iter()
        .map(|fit| json!({"node": fit.node, "fits": fit.fits, "reason": reason(fit.reason.as_ref())}))
        .collect();
    json!({
        "job": explanation.job.as_ref().map(json),
        "nodes": nodes,
        "ahead": explanation.ahead,
    })
}

/// An explanation for people: the sentence, then node by node.
pub(crate) fn explanation_tables(explanation: &Explanation) -> Vec<Table> {
    let job = explanation.job.clone().unwrap_or_default();
    let mut facts = Table::default();
    facts.pair(tr("作业", "job"), Cell::Count(job.id));
    facts.pair(tr("状态", "state"), state_text(job.state()));
    facts.pair(tr("原因", "reason"), reason_text(job.reason.as_ref()));
    if let Some(reason) = &job.reason {
        facts.pair(tr("原因代码", "reason code"), reason.code.clone());
        let mut numbers: Vec<String> = reason
            .numbers
            .iter()
            .map(|(name, number)| format!("{name}={number}"))
            .collect();
        numbers.sort();
        facts.pair(tr("数据", "numbers"), numbers.join(" "));
    }
    if outcome(job.state()).is_none() && job.position > 0 {
        facts.pair(
            tr("前面的作业", "jobs ahead"),
            Cell::Count(explanation.ahead),
        );
    }
    let mut nodes = Table::new(&[
        tr("节点", "NODE"),
        tr("可放置", "FITS"),
        tr("原因", "REASON"),
    ]);
    for fit in &explanation.nodes {
        nodes.row(vec![
            fit.node.as_str().into(),
            (if fit.fits {
                tr("是", "yes")
            } else {
                tr("否", "no")
            })
            .into(),
            reason_text(fit.reason.as_ref()).into(),
        ]);
    }
    vec![facts, nodes]
}
