//! One job: state in words, attempts, charge, and the end of its log.

use super::Console;
use super::frame::{page as framed, refused, reply};
use super::jobs::{Row, row};
use super::text;
use super::visitor::Visitor;
use crate::words::{Problem, yuan};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use std::collections::BTreeMap;
use tonic::Status;
use zhisuan_proto::v1::{Attempt, Job, LogChunk};
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, Page, Table, html};

const LOG_LINES: u32 = 200;

#[derive(Serialize)]
struct View {
    job: Row,
    resources: String,
    tasks: u32,
    attempts: Vec<Try>,
    outputs: BTreeMap<String, String>,
    /// The last lines of the first task; bytes that are no UTF-8 are replaced.
    log: String,
}

#[derive(Serialize)]
struct Try {
    number: u32,
    outcome: String,
    message: String,
    exit_code: i32,
    nodes: Vec<String>,
    placed_at_ms: i64,
    started_at_ms: i64,
    ended_at_ms: i64,
    charged_micro: i64,
}

pub(super) async fn page(
    State(console): State<Console>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    match load(&console, &visitor, &id).await {
        Ok(view) => reply(&visitor, &view, |view| {
            render(&visitor, view, (console.now)())
        }),
        Err(status) => refused(Some(&visitor), visitor.json, &status),
    }
}

async fn load(console: &Console, visitor: &Visitor, id: &str) -> Result<View, Status> {
    let Ok(number) = id.parse() else {
        return Err(Problem::field("id", id, "作业编号", "the number of a job").status());
    };
    let job = console.port.get_job(&visitor.caller, number).await?;
    let log = if job.attempts.is_empty() {
        Vec::new()
    } else {
        console
            .port
            .log_tail(&visitor.caller, number, LOG_LINES)
            .await?
    };
    Ok(view(&job, &log))
}

fn view(job: &Job, log: &[LogChunk]) -> View {
    let spec = job.spec.clone().unwrap_or_default();
    View {
        job: row(job),
        resources: text::resources(&spec.resources.unwrap_or_default()),
        tasks: spec.tasks,
        attempts: job.attempts.iter().map(attempt).collect(),
        outputs: job.outputs.clone().into_iter().collect(),
        log: log_text(log),
    }
}

fn attempt(attempt: &Attempt) -> Try {
    let place = |task: &zhisuan_proto::v1::TaskPlacement| {
        let devices: Vec<String> = task.devices.iter().map(ToString::to_string).collect();
        if devices.is_empty() {
            task.node.clone()
        } else {
            format!("{}（卡 {}）", task.node, devices.join("、"))
        }
    };
    Try {
        number: attempt.number,
        outcome: attempt.outcome.clone(),
        message: attempt.message.clone(),
        exit_code: attempt.exit_code,
        nodes: attempt.tasks.iter().map(place).collect(),
        placed_at_ms: attempt.placed_at_ms,
        started_at_ms: attempt.started_at_ms,
        ended_at_ms: attempt.ended_at_ms,
        charged_micro: attempt.charged_micro,
    }
}

/// The chunks as text, with a note where bytes are missing.
fn log_text(chunks: &[LogChunk]) -> String {
    let mut bytes = Vec::new();
    for chunk in chunks {
        if chunk.dropped_bytes > 0 {
            bytes.extend_from_slice(
                format!("\n[此处缺少 {} 字节]\n", chunk.dropped_bytes).as_bytes(),
            );
        }
        bytes.extend_from_slice(&chunk.data);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn outcome(word: &str) -> (&str, Tone) {
    match word {
        "running" => ("进行中", Tone::Info),
        "succeeded" => ("成功", Tone::Good),
        "failed" => ("失败", Tone::Bad),
        "cancelled" => ("已取消", Tone::Neutral),
        "timed_out" => ("超时", Tone::Warn),
        "lost" => ("节点失联", Tone::Bad),
        other => (other, Tone::Neutral),
    }
}

fn render(visitor: &Visitor, view: &View, now_ms: i64) -> Page {
    let job = &view.job;
    let live = text::is_live(job.wire_state);
    let facts = facts(view, now_ms);
    let attempts = attempt_table(&view.attempts);
    let outputs = output_table(&view.outputs);
    let body = html! {
        (parts::definitions(&facts))
        (parts::card("尝试", attempts))
        (parts::card("产出", outputs))
        section.card {
            h2 { "日志末尾" }
            @if view.log.is_empty() { (parts::empty_state("还没有日志", "")) } @else { (parts::code(&view.log)) }
            (parts::code(&format!("zhisuan logs {} --follow", job.id)))
        }
    };
    let page = framed(
        visitor,
        &format!("作业 {} {}", job.id, job.name),
        "/console/jobs",
        body,
    )
    .trail("/console/jobs", "作业");
    if live { page.refresh_s(5) } else { page }
}

fn facts(view: &View, now_ms: i64) -> Vec<(&'static str, Markup)> {
    let job = &view.job;
    let until = if job.ended_at_ms > 0 {
        job.ended_at_ms
    } else {
        now_ms
    };
    let ran = match job.started_at_ms {
        0 => html! { span.unknown title="尚未开始" { "—" } },
        from => html! { (text::duration(until - from)) },
    };
    let mut facts = vec![
        (
            "状态",
            html! { (text::job_badge(job.wire_state)) " " (job.reason) },
        ),
        ("进度", html! { (job.progress) }),
        ("租户与队列", html! { (job.tenant) " / " (job.queue) }),
        ("种类", html! { (job.work) }),
        (
            "申请",
            html! { (view.resources) "，" (view.tasks.max(1)) " 个任务" },
        ),
        ("提交", text::time(job.submitted_at_ms)),
        ("开始", text::time(job.started_at_ms)),
        ("结束", text::time(job.ended_at_ms)),
        ("运行时长", ran),
        (
            "费用",
            html! { (yuan(job.charged_micro)) " 元，预留 " (yuan(job.held_micro)) " 元" },
        ),
    ];
    if job.position > 0 {
        facts.insert(1, ("排队位置", html! { "第 " (job.position) " 位" }));
    }
    facts
}

fn attempt_table(attempts: &[Try]) -> Table {
    let mut table = Table::new("尝试")
        .number("次")
        .column("结果")
        .column("节点")
        .column("开始")
        .column("结束")
        .column("说明")
        .number("费用（元）")
        .empty("还没有放置过", "上面的状态说明了原因");
    for one in attempts {
        let (word, tone) = outcome(&one.outcome);
        table = table.row(vec![
            html! { (one.number) },
            parts::badge(tone, word),
            html! { (one.nodes.join("；")) },
            text::time(one.started_at_ms),
            text::time(one.ended_at_ms),
            html! { (one.message) },
            html! { (yuan(one.charged_micro)) },
        ]);
    }
    table
}

fn output_table(outputs: &BTreeMap<String, String>) -> Table {
    let mut table = Table::new("产出")
        .column("名称")
        .column("制品摘要（SHA-256）")
        .empty("还没有产出", "");
    for (name, sha256) in outputs {
        table = table.row(vec![html! { (name) }, html! { code { (sha256) } }]);
    }
    table
}
