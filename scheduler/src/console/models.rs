//! Models: what is served, and what could be.

use super::Console;
use super::frame::{page as framed, refused, reply};
use super::text;
use super::visitor::Visitor;
use crate::words::mib;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tonic::Status;
use zhisuan_proto::v1::{Deployment, Metering, ModelKind, ModelManifest, ReplicaLoad};
use zhisuan_web::{Page, Table, html, parts};

#[derive(Serialize)]
struct View {
    deployments: Vec<Served>,
    models: Vec<Known>,
}

#[derive(Serialize)]
struct Served {
    name: String,
    tenant: String,
    models: Vec<String>,
    replicas: u32,
    ready: u32,
    metering: &'static str,
    state: String,
    reason: String,
    job_ids: Vec<u64>,
    load: Option<Load>,
    created_at_ms: i64,
}

/// What its replicas do together.
#[derive(Serialize)]
struct Load {
    running: u32,
    waiting: u32,
    /// Of the fullest replica.
    kv_percent: u32,
    tokens_last_minute: u32,
    /// Of the slowest replica in the last minute; 0 when no answer began.
    first_token_p50_ms: u32,
    first_token_p99_ms: u32,
}

impl Load {
    fn of(loads: &[ReplicaLoad]) -> Option<Self> {
        let sum = |of: fn(&ReplicaLoad) -> u32| {
            let all = loads.iter().map(of);
            all.fold(0, u32::saturating_add)
        };
        let most = |of: fn(&ReplicaLoad) -> u32| loads.iter().map(of).max().unwrap_or(0);
        (!loads.is_empty()).then(|| Self {
            running: sum(|load| load.running),
            waiting: sum(|load| load.waiting),
            kv_percent: most(|load| load.kv_milli).div_ceil(10),
            tokens_last_minute: sum(|load| load.tokens_last_minute),
            first_token_p50_ms: most(|load| load.first_token_p50_ms),
            first_token_p99_ms: most(|load| load.first_token_p99_ms),
        })
    }

    fn text(&self) -> String {
        let busy = format!(
            "{} 进行，{} 等待，KV {}%，{} 词元/分",
            self.running, self.waiting, self.kv_percent, self.tokens_last_minute
        );
        match (self.first_token_p50_ms, self.first_token_p99_ms) {
            (_, 0) => busy,
            (half, most) => format!("{busy}，首词元 {half} / {most} 毫秒"),
        }
    }
}

#[derive(Serialize)]
struct Known {
    name: String,
    version: u32,
    kind: &'static str,
    architecture: String,
    licence: String,
    description: String,
    languages: Vec<String>,
    bytes: u64,
    base_model: String,
    tenant: String,
    made_by_job: u64,
}

pub(super) async fn page(State(console): State<Console>, visitor: Visitor) -> Response {
    match load(&console, &visitor).await {
        Ok(view) => reply(&visitor, &view, |view| render(&visitor, view)),
        Err(status) => refused(Some(&visitor), visitor.json, &status),
    }
}

async fn load(console: &Console, visitor: &Visitor) -> Result<View, Status> {
    let deployments = console.port.deployments(&visitor.caller).await?;
    let models = console.port.models(&visitor.caller).await?;
    // Jobs of others are nothing that a link could lead to.
    let own = |tenant: &str| visitor.caller.sees(tenant);
    let served = |one: Deployment| Served {
        metering: match one.metering() {
            Metering::Dedicated => "dedicated",
            Metering::Tokens | Metering::Unspecified => "tokens",
        },
        reason: one.reason.map(|reason| reason.text_zh).unwrap_or_default(),
        job_ids: if own(&one.tenant) {
            one.job_ids
        } else {
            Vec::new()
        },
        load: Load::of(&one.loads),
        name: one.name,
        tenant: one.tenant,
        models: one.models,
        replicas: one.replicas,
        ready: one.ready,
        state: one.state,
        created_at_ms: one.created_at_ms,
    };
    Ok(View {
        deployments: deployments.into_iter().map(served).collect(),
        models: models.into_iter().map(known).collect(),
    })
}

fn known(model: ModelManifest) -> Known {
    Known {
        kind: match model.kind() {
            ModelKind::Adapter => "adapter",
            ModelKind::Base | ModelKind::Unspecified => "base",
        },
        bytes: model
            .files
            .iter()
            .fold(0, |sum, file| file.bytes.saturating_add(sum)),
        made_by_job: model.lineage.map_or(0, |lineage| lineage.job_id),
        name: model.name,
        version: model.version,
        architecture: model.architecture,
        licence: model.licence,
        description: model.description,
        languages: model.languages,
        base_model: model.base_model,
        tenant: model.tenant,
    }
}

fn render(visitor: &Visitor, view: &View) -> Page {
    let mut served = Table::new("在服务的模型")
        .column("部署")
        .column("租户")
        .column("模型")
        .column("状态")
        .number("就绪 / 副本")
        .column("负载")
        .column("计费")
        .column("说明")
        .column("副本作业")
        .empty("没有在服务的模型", "zhisuan deploy 可启动一个");
    for one in &view.deployments {
        let (word, tone) = text::deployment_state(&one.state);
        let metering = if one.metering == "dedicated" {
            "独占，按时间"
        } else {
            "共享，按词元"
        };
        served = served.row(vec![
            html! { (one.name) },
            html! { (one.tenant) },
            html! { (one.models.join("、")) },
            parts::badge(tone, word),
            html! { (one.ready) " / " (one.replicas) },
            html! { @if let Some(load) = &one.load { (load.text()) } },
            html! { (metering) },
            html! { (one.reason) },
            html! { @for id in &one.job_ids { a href={ "/console/jobs/" (id) } { (id) } " " } },
        ]);
    }
    let mut known = Table::new("模型库")
        .column("名称")
        .number("版本")
        .column("种类")
        .column("许可证")
        .number("大小")
        .column("语言")
        .column("来历")
        .column("说明")
        .empty("模型库是空的", "");
    for model in &view.models {
        known = known.row(vec![
            html! { (model.name) },
            html! { (model.version) },
            html! { @if model.kind == "adapter" { "适配器，基于 " (model.base_model) } @else { "基座" } },
            html! { (model.licence) },
            html! { (mib(model.bytes.div_ceil(1 << 20))) },
            html! { (model.languages.join("、")) },
            html! {
                @if model.made_by_job > 0 {
                    a href={ "/console/jobs/" (model.made_by_job) } { "作业 " (model.made_by_job) }
                } @else if model.tenant.is_empty() { "中心" } @else { (model.tenant) }
            },
            html! { (model.description) },
        ]);
    }
    let body = html! { (parts::card("服务", served)) (parts::card("模型库", known)) };
    framed(visitor, "模型", "/console/models", body)
}
