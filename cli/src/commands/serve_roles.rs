//! `zhisuan scheduler`, `worker` and `gateway`: one role each, for more than one machine.

use super::{Context, submit};
use crate::args::{GatewayArgs, SchedulerArgs, WorkerArgs};
use crate::config::As;
use crate::error::{Exit, Failure, Result};
use crate::roles::knowledge::{Knowledge, KnowledgeOptions};
use crate::roles::{self, not_started};
use crate::stop;
use crate::units;
use crate::words::{say, tr};
use std::path::Path;
use std::time::Duration;
use zhisuan_scheduler::Role;

/// Time for work under way when a role stops.
const GRACE: Duration = Duration::from_secs(30);

pub(super) async fn scheduler(context: &Context, args: SchedulerArgs) -> Result<Exit> {
    stop::logging();
    let data = roles::data::DataDir::open(&args.data_dir)?;
    let mut options = zhisuan_scheduler::Options::new(data.path().join("scheduler"), args.listen);
    options.catalogue = args.catalogue;
    options.public_url = args.public_url;
    let handle = zhisuan_scheduler::start(options)
        .await
        .map_err(|error| not_started(tr("调度服务", "the scheduler"), error.code(), &error))?;
    let url = format!("http://{}", handle.address());
    let operator = crate::client::Client::at(&url, &handle.internal_key(Role::Operator), None)?;
    let mut profile = data.profile()?;
    let remembered = profile.get("operator_key").map(str::to_owned);
    let key =
        roles::tenants::ensure_key(&operator, &url, remembered.as_deref(), "", "operator").await?;
    profile.set("scheduler", &url);
    profile.set("operator_key", &key);
    profile.write()?;
    context.out.note(&say!(
        "调度服务在 {},操作员密钥在 {}",
        "the scheduler is at {}, the operator's key in {}",
        url,
        data.profile_path().display()
    ));
    let asked = stop::asked_unless(handle.failed()).await;
    context.out.note(tr("正在停止", "stopping"));
    let exit = stop::unless_forced(handle.shutdown()).await?;
    asked.map(|()| exit)
}

pub(super) async fn worker(context: &Context, args: WorkerArgs) -> Result<Exit> {
    stop::logging();
    let cpu = args.cpus.as_deref().map(|text| units::milli("cpus", text));
    let memory = args
        .memory
        .as_deref()
        .map(|text| units::memory_mib("memory", text));
    let options = zhisuan_worker::Options {
        scheduler_url: context.settings.get("scheduler").to_owned(),
        key: own_key(context, "worker")?,
        node: args.node.unwrap_or_else(roles::node_name),
        data_dir: args.data_dir,
        cache_dir: roles::cache_dir(),
        replica_listen: args.replica_listen,
        replica_advertise: args.replica_advertise,
        cpu_milli: cpu.transpose()?,
        memory_mib: memory.transpose()?,
        labels: submit::pairs("label", &args.labels)?.into_iter().collect(),
        simulated_devices: roles::simulated(&args.simulate_devices)?,
        allow_commands: args.allow_commands,
        hub: roles::hub(),
        scheduler_ca_pem: match context.settings.get("ca") {
            "" => None,
            path => Some(std::fs::read(path)?),
        },
        ..zhisuan_worker::Options::default()
    };
    if !options.simulated_devices.is_empty() {
        context.out.note(tr(
            "注意:本节点的加速卡是模拟设备,不会真的计算",
            "note: the devices of this node are simulated and compute nothing",
        ));
    }
    let handle = zhisuan_worker::start(options).await.map_err(|error| {
        let failure = not_started(tr("工作节点", "the worker"), error.code(), &error);
        with_key_hint(failure, "worker")
    })?;
    context.out.note(&say!(
        "节点 {} 已登记",
        "node {} is registered",
        handle.node()
    ));
    stop::asked().await;
    context.out.note(tr("正在停止", "stopping"));
    stop::unless_forced(handle.shutdown(GRACE)).await
}

pub(super) async fn gateway(context: &Context, args: GatewayArgs) -> Result<Exit> {
    stop::logging();
    let key = own_key(context, "gateway")?;
    let tenant = tenant_of(&args)?;
    let mut knowledge = own_knowledge(context, &args).await?;
    let handle = zhisuan_serving::start(zhisuan_serving::Options {
        listen: args.listen,
        scheduler_url: context.settings.get("scheduler").to_owned(),
        key,
        max_inflight: args.max_inflight,
        extra: knowledge.as_ref().map(|(knowledge, _)| knowledge.router()),
        operations: roles::operations::read(args.operations.as_deref())?,
    })
    .await
    .map_err(|error| {
        let failure = not_started(tr("推理网关", "the gateway"), error.code(), &error);
        with_key_hint(failure, "gateway")
    })?;
    context.out.note(&say!(
        "网关在 http://{}",
        "the gateway is at http://{}",
        handle.address()
    ));
    if let Some((knowledge, _)) = &mut knowledge {
        let models = tenant.as_deref().map(|key| (key, &args.qa));
        knowledge.follow(&format!("http://{}", handle.address()), models)?;
    }
    stop::asked().await;
    context.out.note(tr("正在停止", "stopping"));
    stop::unless_forced(handle.shutdown(GRACE)).await
}

/// The key of the tenant at whose cost models help the knowledge base; models that nothing could
/// call are refused, not left out in silence.
fn tenant_of(args: &GatewayArgs) -> Result<Option<String>> {
    let refused =
        |message: &'static str| Err(Failure::usage("ZS-CLI-VALUE", message).field("qa-key-file"));
    let names_one = args.qa.reranker.is_some() || args.qa.writer.is_some();
    if names_one && args.qa_key_file.is_none() {
        let zh =
            "--qa-reranker、--qa-writer 要与 --qa-key-file 一起给:知识库用那个租户的密钥调用模型";
        let en = "--qa-reranker and --qa-writer need --qa-key-file: models are called with that tenant's key";
        return refused(tr(zh, en));
    }
    if args.qa_key_file.is_some() && args.knowledge.is_none() && args.data_dir.is_none() {
        let zh = "--qa-key-file 要与 --knowledge 或 --data-dir 一起给:没有知识库就用不上模型";
        let en = "--qa-key-file needs --knowledge or --data-dir: without a knowledge base no model helps";
        return refused(tr(zh, en));
    }
    args.qa_key_file.as_deref().map(secret_of).transpose()
}

/// The secret in a file.
fn secret_of(file: &Path) -> Result<String> {
    let failed = |why: String| {
        let message = say!(
            "--qa-key-file {} 里读不出密钥:{}",
            "--qa-key-file {} holds no key that can be read: {}",
            file.display(),
            why
        );
        Failure::usage("ZS-CLI-VALUE", message).field("qa-key-file")
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    match text.trim() {
        "" => Err(failed(tr("文件是空的", "the file is empty").to_owned())),
        secret => Ok(secret.to_owned()),
    }
}

/// The knowledge service of a gateway that runs alone, and the folder that ends with it where none
/// was named. The model name `gov-qa` is not offered: that takes an operator.
async fn own_knowledge(
    context: &Context,
    args: &GatewayArgs,
) -> Result<Option<(Knowledge, Option<tempfile::TempDir>)>> {
    if args.knowledge.is_none() && args.data_dir.is_none() {
        return Ok(None);
    }
    let (data, kept) = if let Some(folder) = &args.data_dir {
        (folder.join("knowledge"), None)
    } else {
        context.out.note(tr(
            "知识库放在临时文件夹,结束后不保留;要保留请用 --data-dir",
            "the knowledge base lies in a temporary folder; keep it with --data-dir",
        ));
        let folder = tempfile::tempdir()?;
        (folder.path().join("knowledge"), Some(folder))
    };
    let ca = Some(context.settings.get("ca")).filter(|ca| !ca.is_empty());
    let scheduler = context.settings.get("scheduler");
    let knowledge = Knowledge::open(KnowledgeOptions {
        data: &data,
        folder: args.knowledge.as_deref(),
        keep_days: args.keep_answers,
        public_url: args.public_url.as_deref(),
        scheduler,
        ca,
    })
    .await?;
    Ok(Some((knowledge, kept)))
}

/// The key of a role that runs alone; without one it would only wait for nothing.
fn own_key(context: &Context, role: &str) -> Result<String> {
    match context.settings.secret(As::Tenant) {
        "" => {
            let failure = Failure::new(
                Exit::SignIn,
                "ZS-KEY-MISSING",
                say!("{} 没有密钥", "the {} has no key", role_word(role)),
            );
            Err(with_key_hint(failure, role))
        }
        key => Ok(key.to_owned()),
    }
}

/// A role for people.
fn role_word(role: &str) -> &str {
    match role {
        "worker" => tr("工作节点", "worker"),
        "gateway" => tr("推理网关", "gateway"),
        other => other,
    }
}

/// A role that has no key, or one of another role, is told how to get its own.
fn with_key_hint(failure: Failure, role: &str) -> Failure {
    let of_key = matches!(
        failure.code(),
        "ZS-ROLE"
            | "ZS-AUTH"
            | "ZS-KEY-MISSING"
            | "ZS-KEY-UNKNOWN"
            | "ZS-KEY-EXPIRED"
            | "ZS-KEY-REVOKED"
    );
    if !of_key {
        return failure;
    }
    failure.hint(say!(
        "用操作员密钥运行 zhisuan key create --role {0} --name 名称,再把结果放进 ZHISUAN_KEY",
        "with the operator's key run zhisuan key create --role {0} --name NAME, and put the result into ZHISUAN_KEY",
        role
    ))
}
