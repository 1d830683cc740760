//! The list of jobs: filter by state, page by page.

use super::Console;
use super::frame::{page as framed, refused, reply};
use super::text;
use super::visitor::Visitor;
use crate::words::yuan;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use zhisuan_proto::v1::{Job, JobState, ListJobsRequest, ListJobsResponse, Page as Paging};
use zhisuan_web::{Markup, Page, Table, html, parts};

const PAGE_ROWS: u32 = 50;
const ACTIVE: [JobState; 3] = [JobState::Starting, JobState::Running, JobState::Stopping];
const UNHAPPY: [JobState; 2] = [JobState::Failed, JobState::TimedOut];

#[derive(Deserialize)]
pub(super) struct Filter {
    /// A state, "active", "unhappy", or empty for all.
    #[serde(default)]
    state: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    token: String,
}

/// A job as a row; also part of the job's own page.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) tenant: String,
    pub(super) queue: String,
    pub(super) work: &'static str,
    pub(super) state: &'static str,
    /// Why it waits or how it ended, in Chinese.
    pub(super) reason: String,
    pub(super) position: u32,
    pub(super) progress: String,
    pub(super) submitted_at_ms: i64,
    pub(super) started_at_ms: i64,
    pub(super) ended_at_ms: i64,
    pub(super) held_micro: i64,
    pub(super) charged_micro: i64,
    /// On devices that are simulated.
    pub(super) simulated: bool,
    #[serde(skip)]
    pub(super) wire_state: JobState,
}

#[derive(Serialize)]
struct View {
    jobs: Vec<Row>,
    total: u64,
    next_page_token: String,
}

pub(super) async fn page(
    State(console): State<Console>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> Response {
    let request = ListJobsRequest {
        page: Some(Paging {
            limit: PAGE_ROWS,
            token: filter.token.clone(),
        }),
        states: states(&filter.state)
            .iter()
            .map(|state| i32::from(*state))
            .collect(),
        tenant: if visitor.sees_all() {
            filter.tenant.clone()
        } else {
            String::new()
        },
        name_contains: filter.name.clone(),
        ..ListJobsRequest::default()
    };
    match console.port.list_jobs(&visitor.caller, request).await {
        Ok(found) => reply(&visitor, &view(found), |view| {
            render(&visitor, &filter, view)
        }),
        Err(status) => refused(Some(&visitor), visitor.json, &status),
    }
}

fn view(found: ListJobsResponse) -> View {
    View {
        jobs: found.jobs.iter().map(row).collect(),
        total: found.total,
        next_page_token: found.next_page_token,
    }
}

/// An unknown word filters nothing.
fn states(word: &str) -> Vec<JobState> {
    match word {
        "active" => ACTIVE.to_vec(),
        "unhappy" => UNHAPPY.to_vec(),
        word => text::STATES
            .into_iter()
            .filter(|state| text::job_state(*state).0 == word)
            .collect(),
    }
}

pub(super) fn row(job: &Job) -> Row {
    let spec = job.spec.clone().unwrap_or_default();
    Row {
        id: job.id,
        name: spec.name,
        tenant: job.tenant.clone(),
        queue: spec.queue,
        work: text::work(job),
        state: text::job_state(job.state()).0,
        reason: job
            .reason
            .as_ref()
            .map(|reason| reason.text_zh.clone())
            .unwrap_or_default(),
        position: job.position,
        progress: job.progress.clone(),
        submitted_at_ms: job.submitted_at_ms,
        started_at_ms: job.started_at_ms,
        ended_at_ms: job.ended_at_ms,
        held_micro: job.held_micro,
        charged_micro: job.charged_micro,
        simulated: job.simulated,
        wire_state: job.state(),
    }
}

fn filters(filter: &Filter) -> Markup {
    let choices = [
        ("", "全部"),
        ("queued", "排队"),
        ("active", "进行中"),
        ("succeeded", "成功"),
        ("unhappy", "失败与超时"),
        ("cancelled", "已取消"),
    ];
    html! {
        form method="get" action="/console/jobs" {
            label { "状态 "
                select name="state" {
                    @for (value, label) in choices {
                        option value=(value) selected[filter.state == value] { (label) }
                    }
                }
            }
            label { " 名称包含 " input type="search" name="name" value=(filter.name); }
            @if !filter.tenant.is_empty() { input type="hidden" name="tenant" value=(filter.tenant); }
            button type="submit" { "筛选" }
        }
    }
}

fn render(visitor: &Visitor, filter: &Filter, view: &View) -> Page {
    let mut table = Table::new("作业，新的在前")
        .number("编号")
        .column("名称")
        .column("租户")
        .column("种类")
        .column("状态")
        .column("说明")
        .column("提交时间")
        .number("费用（元）")
        .empty(
            "没有符合条件的作业",
            "换一个筛选条件，或用 zhisuan submit 提交作业",
        );
    for job in &view.jobs {
        let said = if job.reason.is_empty() {
            &job.progress
        } else {
            &job.reason
        };
        let href = format!("/console/jobs/{}", job.id);
        table = table.row(vec![
            html! { a href=(href) { (job.id) } },
            html! { a href=(href) { (job.name) } },
            html! { (job.tenant) },
            html! { (job.work) @if job.simulated { " （模拟设备）" } },
            text::job_badge(job.wire_state),
            html! { (said) },
            text::time(job.submitted_at_ms),
            html! { (yuan(job.charged_micro)) },
        ]);
    }
    let link = |token: &str| {
        let part = |text: &str| encode(text);
        format!(
            "/console/jobs?state={}&name={}&tenant={}&token={}",
            part(&filter.state),
            part(&filter.name),
            part(&filter.tenant),
            part(token)
        )
    };
    let first = (!filter.token.is_empty()).then(|| link(""));
    let next = (!view.next_page_token.is_empty()).then(|| link(&view.next_page_token));
    let place = format!("共 {} 个，每页 {PAGE_ROWS} 个", view.total);
    let body = html! {
        (filters(filter))
        (table)
        @if let Some(first) = &first { p { a href=(first) { "回到第一页" } } }
        (parts::pager(None, &place, next.as_deref()))
    };
    framed(visitor, "作业", "/console/jobs", body)
}

/// Percent-encoding of a query value (RFC 3986, unreserved characters stay).
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}
