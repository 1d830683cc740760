//! `zhisuan up`: every role on this machine, ready for the next command.

use super::Context;
use crate::args::UpArgs;
use crate::client::Client;
use crate::config::user_path;
use crate::config_file::{self, ConfigFile};
use crate::error::{Exit, Result};
use crate::output::table::Table;
use crate::output::{Format, Printer};
use crate::roles::data::{self, DataDir};
use crate::roles::operations;
use crate::roles::stack::{Stack, StackOptions};
use crate::roles::tenants::{FirstTenant, ensure, ensure_key};
use crate::roles::{examples, simulated};
use crate::stop;
use crate::words::{say, tr};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use zhisuan_proto::v1::{CreateSignInLinkRequest, DeployRequest, Metering};

/// Time for work under way when stopping.
const GRACE: Duration = Duration::from_secs(10);

/// The tenant of a fresh start.
const LOCAL: FirstTenant = FirstTenant {
    name: "local",
    title: "本机租户",
    amount_micro: 100_000_000,
    reference: "welcome-credit",
};

/// What a started platform tells.
struct Started {
    scheduler: String,
    gateway: String,
    key: String,
    operator_key: String,
    sign_in: String,
    profile: PathBuf,
    /// The next commands need no `--config`.
    just_works: bool,
}

pub(super) async fn run(context: &Context, args: UpArgs) -> Result<Exit> {
    stop::logging();
    let out = context.out;
    let folder = args.data_dir.clone().map_or_else(data::default_path, Ok)?;
    let data = DataDir::open(&folder)?;
    let devices = simulated(&args.simulate_devices)?;
    let has_simulated = !devices.is_empty();
    let mut stack = Stack::start(StackOptions {
        data_dir: data.path().to_owned(),
        listen: args.listen,
        gateway_listen: args.gateway_listen,
        knowledge: match args.knowledge {
            Some(folder) => Some(folder),
            None => examples::provide("knowledge", data.path())?,
        },
        keep_days: args.keep_answers,
        public_url: args.gateway_public_url,
        catalogue: args.catalogue,
        allow_commands: args.allow_commands,
        simulated: devices,
        operations: operations::read(args.operations.as_deref())?,
    })
    .await?;
    let operator = stack.operator()?;
    let started = prepare(context, &stack, &operator, &data, has_simulated).await?;
    let mut models = args.qa;
    models.writer.get_or_insert_with(|| args.model.clone());
    stack.help_knowledge(&started.key, &models)?;
    if has_simulated {
        out.note(tr(
            "注意:加速卡是模拟设备,不会真的计算",
            "note: the devices are simulated and compute nothing",
        ));
    }
    if !args.no_deploy {
        serve_default(&operator, &args.model, out).await;
    }
    tell(out, &started, stack.node())?;
    let asked = stop::asked_unless(stack.failed()).await;
    out.note(tr(
        "正在停止;再按一次 Ctrl-C 立即结束",
        "stopping; Ctrl-C again ends at once",
    ));
    let exit = stop::unless_forced(stack.shutdown(GRACE)).await?;
    asked.map(|()| exit)
}

/// The tenant, the keys and the files that the next commands read.
async fn prepare(
    context: &Context,
    stack: &Stack,
    operator: &Client,
    data: &DataDir,
    has_simulated: bool,
) -> Result<Started> {
    ensure(operator, &LOCAL).await?;
    let (scheduler, gateway) = (stack.scheduler_url(), stack.gateway_url());
    let mut profile = data.profile()?;
    let remembered = |key: &str| profile.get(key).map(str::to_owned);
    let (old_key, old_operator) = (remembered("key"), remembered("operator_key"));
    let key = ensure_key(
        operator,
        &scheduler,
        old_key.as_deref(),
        LOCAL.name,
        "tenant",
    )
    .await?;
    let operator_key = ensure_key(
        operator,
        &scheduler,
        old_operator.as_deref(),
        "",
        "operator",
    )
    .await?;
    for (name, value) in [
        ("scheduler", &scheduler),
        ("gateway", &gateway),
        ("key", &key),
        ("operator_key", &operator_key),
    ] {
        profile.set(name, value);
    }
    // Amounts of a platform without real cards must never pass for real ones.
    profile.set("simulated", if has_simulated { "true" } else { "" });
    profile.write()?;
    // The console takes the operator's own key, so that the page acts as that operator.
    let link = Client::at(&scheduler, &operator_key, None)?
        .access()
        .create_sign_in_link(CreateSignInLinkRequest {})
        .await?
        .into_inner();
    let just_works = keep_user_file(context, &profile)?;
    Ok(Started {
        scheduler,
        gateway,
        key,
        operator_key,
        sign_in: link.url,
        profile: data.profile_path(),
        just_works,
    })
}

/// Makes the profile the user's own settings when there are none, or when they are this platform's.
fn keep_user_file(context: &Context, profile: &ConfigFile) -> Result<bool> {
    let Some(path) = user_path(&context.flags) else {
        return Ok(false);
    };
    let mut file = match config_file::read(&path)? {
        None => ConfigFile::empty(&path),
        Some(file) if file.get("key") == profile.get("key") => file,
        Some(_) => return Ok(false),
    };
    for key in ["scheduler", "gateway", "key", "operator_key", "simulated"] {
        file.set(key, profile.get(key).unwrap_or_default());
    }
    file.write()?;
    Ok(true)
}

/// Serves the default model in the background: `up` is ready before the model is.
async fn serve_default(operator: &Client, model: &str, out: Printer) {
    let request = DeployRequest {
        model: model.to_owned(),
        replicas: 1,
        metering: Metering::Tokens.into(),
        ..DeployRequest::default()
    };
    match operator.models().deploy(request).await {
        Ok(_) => out.note(&say!(
            "正在准备模型 {}(首次要下载);用 zhisuan models deployments 查看",
            "preparing the model {} (the first time it is fetched); see zhisuan models deployments",
            model
        )),
        // A second start finds it deployed already.
        Err(status) if status.code() == tonic::Code::AlreadyExists => {}
        Err(status) => {
            let failure = crate::error::Failure::from(status);
            out.note(&say!(
                "模型 {} 没有部署:{}",
                "{} is not served: {}",
                model,
                failure
            ));
        }
    }
}

fn tell(out: Printer, started: &Started, node: &str) -> Result<()> {
    if out.format() != Format::Table {
        let value = json!({
            "schema": "zhisuan.up/1",
            "scheduler": started.scheduler,
            "gateway": started.gateway,
            "node": node,
            "key": started.key,
            "operator_key": started.operator_key,
            "sign_in_url": started.sign_in,
            "profile": started.profile.display().to_string(),
        });
        // One line, so that a program can read it while the platform runs on.
        return out.json(&value, false);
    }
    let mut facts = Table::default();
    facts.pair(
        tr("管理页面(一次性登录)", "console (signs in once)"),
        started.sign_in.clone(),
    );
    facts.pair(tr("调度服务", "scheduler"), started.scheduler.clone());
    facts.pair(
        tr("OpenAI 接口", "OpenAI endpoint"),
        format!("{}/v1", started.gateway),
    );
    facts.pair(
        tr("知识问答页面", "questions page"),
        format!("{}/qa", started.gateway),
    );
    facts.pair(
        tr(
            "知识库管理(用操作员或 clerk 密钥登录)",
            "knowledge console (operator or clerk key)",
        ),
        format!("{}/kb", started.gateway),
    );
    facts.pair(tr("API 密钥", "API key"), started.key.clone());
    facts.pair(tr("节点", "node"), node);
    facts.pair(tr("配置", "profile"), started.profile.display().to_string());
    out.report(&facts)?;
    let config = if started.just_works {
        String::new()
    } else {
        format!("--config {} ", started.profile.display())
    };
    out.note(&say!(
        "接下来试试:\n  zhisuan {0}nodes\n  zhisuan {0}run examples/jobs/train.toml\n  zhisuan {0}ask 办理居住证需要什么材料\n  zhisuan {0}statement\n按 Ctrl-C 停止",
        "try next:\n  zhisuan {0}nodes\n  zhisuan {0}run examples/jobs/train.toml\n  zhisuan {0}ask 办理居住证需要什么材料\n  zhisuan {0}statement\nCtrl-C stops",
        config
    ));
    Ok(())
}
