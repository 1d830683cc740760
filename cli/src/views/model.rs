//! Models and deployments.

use super::{reason, reason_text};
use crate::output::table::{Cell, Table};
use crate::units;
use crate::words::tr;
use serde_json::{Value, json};
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::{
    Backend, Deployment, Metering, ModelKind, ModelManifest, ModelSource, ReplicaLoad, Traffic,
    TrafficShare,
};

fn kind_word(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Unspecified => "unspecified",
        ModelKind::Base => "base",
        ModelKind::Adapter => "adapter",
    }
}

fn kind_text(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Unspecified => "-",
        ModelKind::Base => tr("基座", "base"),
        ModelKind::Adapter => tr("适配器", "adapter"),
    }
}

fn source_json(source: &ModelSource) -> Value {
    match &source.source {
        None => Value::Null,
        Some(Source::LocalPath(path)) => json!({"local_path": path}),
        Some(Source::ArtifactSha256(digest)) => json!({"artifact_sha256": digest}),
        Some(Source::Hub(hub)) => json!({"hub": {
            "style": hub.style, "repository": hub.repository,
            "revision": hub.revision, "file": hub.file,
        }}),
        Some(Source::PythonPackage(package)) => {
            let parts: Vec<Value> = package
                .parts
                .iter()
                .map(|part| {
                    json!({"package": part.package, "version": part.version, "member": part.member})
                })
                .collect();
            json!({"python_package": {"parts": parts}})
        }
    }
}

/// A model as JSON; the schema is `zhisuan.model/1`.
pub(crate) fn json(model: &ModelManifest) -> Value {
    let files: Vec<Value> = model
        .files
        .iter()
        .map(|file| {
            let sources: Vec<Value> = file.sources.iter().map(source_json).collect();
            json!({"path": file.path, "sha256": file.sha256, "bytes": file.bytes, "sources": sources})
        })
        .collect();
    let lineage = model.lineage.as_ref().map(|lineage| {
        json!({
            "job_id": lineage.job_id, "attempt": lineage.attempt,
            "dataset_sha256": lineage.dataset_sha256, "code_version": lineage.code_version,
        })
    });
    json!({
        "name": model.name, "version": model.version, "kind": kind_word(model.kind()),
        "architecture": model.architecture, "licence": model.licence,
        "description": model.description, "languages": model.languages, "files": files,
        "base_model": model.base_model, "base_sha256": model.base_sha256, "lineage": lineage,
        "tenant": model.tenant, "created_at_ms": model.created_at_ms,
        "abilities": model.abilities,
    })
}

fn size(model: &ModelManifest) -> String {
    let total = model
        .files
        .iter()
        .fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    units::bytes(total)
}

/// Models for people.
pub(crate) fn table(models: &[ModelManifest]) -> Table {
    let mut table = Table::new(&[
        tr("模型", "MODEL"),
        tr("版本", "VERSION"),
        tr("类型", "KIND"),
        tr("架构", "ARCHITECTURE"),
        tr("语言", "LANGUAGES"),
        tr("大小", "SIZE"),
        tr("许可", "LICENCE"),
        tr("基座", "BASE"),
    ]);
    for model in models {
        table.row(vec![
            model.name.as_str().into(),
            Cell::Count(u64::from(model.version)),
            kind_text(model.kind()).into(),
            model.architecture.as_str().into(),
            model.languages.join(",").into(),
            size(model).into(),
            model.licence.as_str().into(),
            model.base_model.as_str().into(),
        ]);
    }
    table
}

/// One model for people.
pub(crate) fn tables(model: &ModelManifest) -> Vec<Table> {
    let mut facts = Table::default();
    facts.pair(
        tr("模型", "model"),
        format!("{}@{}", model.name, model.version),
    );
    facts.pair(tr("类型", "kind"), kind_text(model.kind()));
    facts.pair(tr("说明", "description"), model.description.clone());
    facts.pair(tr("架构", "architecture"), model.architecture.clone());
    facts.pair(tr("语言", "languages"), model.languages.join(", "));
    facts.pair(tr("许可", "licence"), model.licence.clone());
    facts.pair(tr("大小", "size"), size(model));
    facts.pair(tr("基座", "base model"), model.base_model.clone());
    if let Some(lineage) = &model.lineage {
        facts.pair(tr("来自作业", "made by job"), Cell::Count(lineage.job_id));
        facts.pair(tr("数据集", "dataset"), lineage.dataset_sha256.clone());
    }
    facts.pair(tr("租户", "tenant"), model.tenant.clone());
    facts.pair(tr("登记", "registered"), Cell::Time(model.created_at_ms));
    let mut files = Table::new(&[tr("文件", "FILE"), tr("大小", "SIZE"), "SHA-256"]);
    for file in &model.files {
        files.row(vec![
            file.path.as_str().into(),
            units::bytes(file.bytes).into(),
            file.sha256.as_str().into(),
        ]);
    }
    vec![facts, files]
}

/// A deployment as JSON; the schema is `zhisuan.deployment/1`.
pub(crate) fn deployment_json(deployment: &Deployment) -> Value {
    let autoscale = deployment.autoscale.as_ref().map(|bounds| {
        json!({
            "floor": bounds.floor, "ceiling": bounds.ceiling,
            "target_inflight": bounds.target_inflight, "idle_s": bounds.idle_s,
        })
    });
    let metering = metering_word(deployment.metering());
    json!({
        "name": deployment.name, "tenant": deployment.tenant, "models": deployment.models,
        "replicas": deployment.replicas, "ready": deployment.ready, "metering": metering,
        "job_ids": deployment.job_ids, "state": deployment.state,
        "reason": reason(deployment.reason.as_ref()), "created_at_ms": deployment.created_at_ms,
        "autoscale": autoscale, "serve_as": deployment.serve_as, "loads": loads_json(deployment),
    })
}

fn loads_json(deployment: &Deployment) -> Vec<Value> {
    let load = |load: &ReplicaLoad| {
        json!({
            "job_id": load.job_id, "running": load.running, "waiting": load.waiting,
            "kv_milli": load.kv_milli, "tokens_last_minute": load.tokens_last_minute,
            "first_token_p50_ms": load.first_token_p50_ms,
            "first_token_p99_ms": load.first_token_p99_ms,
        })
    };
    deployment.loads.iter().map(load).collect()
}

/// Requests under way and waiting, and the fullest cache; empty while no replica says anything.
fn load_text(loads: &[ReplicaLoad]) -> String {
    if loads.is_empty() {
        return String::new();
    }
    let sum = |of: fn(&ReplicaLoad) -> u32| loads.iter().map(of).fold(0, u32::saturating_add);
    let kv = loads.iter().map(|load| load.kv_milli).max().unwrap_or(0);
    format!(
        "{}+{} KV {}%",
        sum(|load| load.running),
        sum(|load| load.waiting),
        kv.div_ceil(10)
    )
}

fn metering_word(metering: Metering) -> &'static str {
    match metering {
        Metering::Unspecified => "unspecified",
        Metering::Tokens => "tokens",
        Metering::Dedicated => "dedicated",
    }
}

/// The state of a deployment for people.
pub(crate) fn deployment_state(state: &str) -> String {
    match state {
        "starting" => tr("启动中", "starting").to_owned(),
        "ready" => tr("可用", "ready").to_owned(),
        "degraded" => tr("副本不足", "degraded").to_owned(),
        "scaling" => tr("扩容中", "scaling up").to_owned(),
        "asleep" => tr("休眠", "asleep").to_owned(),
        "stopping" => tr("停止中", "stopping").to_owned(),
        other => other.to_owned(),
    }
}

/// Deployments for people.
pub(crate) fn deployments_table(deployments: &[Deployment]) -> Table {
    let mut table = Table::new(&[
        tr("部署", "DEPLOYMENT"),
        tr("模型", "MODELS"),
        tr("可用/副本", "READY/REPLICAS"),
        tr("状态", "STATE"),
        tr("进行+等待", "RUNNING+WAITING"),
        tr("作业", "JOBS"),
        tr("说明", "DETAIL"),
    ]);
    for deployment in deployments {
        let jobs: Vec<String> = deployment.job_ids.iter().map(u64::to_string).collect();
        table.row(vec![
            deployment.name.as_str().into(),
            deployment.models.join(",").into(),
            format!("{}/{}", deployment.ready, deployment.replicas).into(),
            deployment_state(&deployment.state).into(),
            load_text(&deployment.loads).into(),
            jobs.join(",").into(),
            reason_text(deployment.reason.as_ref()).into(),
        ]);
    }
    table
}

/// A name's division as JSON; the schema is `zhisuan.traffic/1`.
pub(crate) fn traffic_json(traffic: &Traffic) -> Value {
    let shares = |shares: &[TrafficShare]| -> Vec<Value> {
        let share =
            |share: &TrafficShare| json!({"deployment": share.deployment, "weight": share.weight});
        shares.iter().map(share).collect()
    };
    json!({
        "model": traffic.model, "tenant": traffic.tenant, "revision": traffic.revision,
        "changed_at_ms": traffic.changed_at_ms, "shares": shares(&traffic.shares),
        "previous": shares(&traffic.previous),
    })
}

/// Divisions for people.
pub(crate) fn traffic_table(all: &[Traffic]) -> Table {
    let mut table = Table::new(&[
        tr("名称", "NAME"),
        tr("租户", "TENANT"),
        tr("份额", "SHARES"),
        tr("上一次", "BEFORE"),
        tr("版本", "REVISION"),
        tr("更改", "CHANGED"),
    ]);
    let shares = |shares: &[TrafficShare]| {
        let share = |share: &TrafficShare| format!("{}={}", share.deployment, share.weight);
        shares.iter().map(share).collect::<Vec<_>>().join(" ")
    };
    for traffic in all {
        table.row(vec![
            traffic.model.as_str().into(),
            traffic.tenant.as_str().into(),
            shares(&traffic.shares).into(),
            shares(&traffic.previous).into(),
            Cell::Count(traffic.revision),
            Cell::Time(traffic.changed_at_ms),
        ]);
    }
    table
}

/// A back end as JSON, without its key; the schema is `zhisuan.backend/1`.
pub(crate) fn backend_json(backend: &Backend) -> Value {
    json!({
        "name": backend.name, "model": backend.model, "url": backend.url,
        "remote_model": backend.remote_model, "tenant": backend.tenant,
        "context_length": backend.context_length, "created_at_ms": backend.created_at_ms,
        "metering": metering_word(backend.metering()),
    })
}

/// Back ends for people.
pub(crate) fn backends_table(backends: &[Backend]) -> Table {
    let mut table = Table::new(&[
        tr("外部后端", "BACK END"),
        tr("调用名", "MODEL"),
        tr("地址", "URL"),
        tr("对方模型", "REMOTE MODEL"),
        tr("租户", "TENANT"),
        tr("新建", "CREATED"),
    ]);
    for backend in backends {
        table.row(vec![
            backend.name.as_str().into(),
            backend.model.as_str().into(),
            backend.url.as_str().into(),
            backend.remote_model.as_str().into(),
            backend.tenant.as_str().into(),
            Cell::Time(backend.created_at_ms),
        ]);
    }
    table
}
