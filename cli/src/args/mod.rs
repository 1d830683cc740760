//! Types of the command line; nothing but types and their help texts.

mod admin;
mod job;
mod knowledge;
#[cfg(feature = "server")]
mod server;
mod sharing;

pub(crate) use admin::*;
pub(crate) use job::*;
pub(crate) use knowledge::*;
#[cfg(feature = "server")]
pub(crate) use server::*;
pub(crate) use sharing::*;

use crate::words::tr;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The whole command line.
#[derive(Parser)]
#[command(
    name = "zhisuan",
    version,
    about = tr("智算:训练、推理、计费与政务应用的算力平台", "Zhisuan: compute for training, inference, metering and public services"),
    after_help = after_help(),
    disable_help_subcommand = true,
    max_term_width = 100,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags that every verb takes.
#[derive(Args, Clone)]
#[command(next_help_heading = tr("通用选项", "Common options"))]
pub(crate) struct Global {
    #[arg(long, global = true, value_name = "URL", help = tr("调度服务地址", "address of the scheduler"))]
    pub(crate) scheduler: Option<String>,
    #[arg(long, global = true, value_name = "URL", help = tr("推理网关地址", "address of the gateway"))]
    pub(crate) gateway: Option<String>,
    #[arg(long, global = true, value_name = "KEY", help = tr("密钥;会留在命令历史里,建议用 ZHISUAN_KEY", "key; stays in the shell's history, prefer ZHISUAN_KEY"))]
    pub(crate) key: Option<String>,
    #[arg(long, global = true, value_name = "FILE", help = tr("换用另一个用户配置文件", "another user file"))]
    pub(crate) config: Option<PathBuf>,
    #[arg(long, global = true, value_name = "LANG", value_parser = ["zh", "en"], help = tr("语言", "language"))]
    pub(crate) lang: Option<String>,
    #[arg(short, long, global = true, value_name = "FORM", value_parser = ["table", "json", "jsonl", "name"], help = tr("结果的形式", "form of results"))]
    pub(crate) output: Option<String>,
    #[arg(long, global = true, conflicts_with = "output", help = tr("等于 -o json", "same as -o json"))]
    pub(crate) json: bool,
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help = tr("颜色", "colour"))]
    pub(crate) color: clap::ColorChoice,
    #[arg(long, global = true, help = tr("不显示进度", "no progress signs"))]
    pub(crate) no_progress: bool,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Verb {
    #[cfg(feature = "server")]
    #[command(about = tr("在本机启动全部角色", "start every role on this machine"))]
    Up(UpArgs),
    #[cfg(feature = "server")]
    #[command(about = tr("端到端演示:微调、部署、问答、账单", "the whole path: fine-tune, deploy, ask, bill"))]
    Demo(DemoArgs),
    #[command(about = tr("提交作业,标准输出只有作业号", "submit jobs; stdout has only their numbers"))]
    Submit(SubmitArgs),
    #[command(about = tr("提交、跟踪,并以作业的结果退出;程序自己的退出码在最后一行", "submit, follow, exit with the job's outcome; the last line has the program's own exit code"))]
    Run(RunArgs),
    #[command(visible_alias = "ps", about = tr("列出作业", "list jobs"))]
    List(ListArgs),
    #[command(about = tr("显示一个作业", "show a job"))]
    Show(JobArg),
    #[command(about = tr("说明作业为什么在等", "say why a job waits"))]
    Why(JobArg),
    #[command(about = tr("显示作业的日志", "show a job's log"))]
    Logs(LogsArgs),
    #[command(about = tr("等作业结束", "wait for jobs to end"))]
    Wait(WaitArgs),
    #[command(about = tr("取消作业", "cancel jobs"))]
    Cancel(JobArgs),
    #[command(about = tr("列出或下载作业的产物", "list or fetch a job's outputs"))]
    Outputs(OutputsArgs),
    #[command(about = tr("提交之前算价", "price a job before submitting it"))]
    Quote(QuoteArgs),
    #[command(about = tr("按计费项汇总用量", "usage by priced item"))]
    Usage(PeriodArgs),
    #[command(about = tr("账单:每一笔都能查到作业或请求", "the bill: every line names its job or request"))]
    Statement(PeriodArgs),
    #[command(about = tr("查看和管理节点", "see and manage nodes"))]
    Nodes(NodesArgs),
    #[command(about = tr("模型库", "the model library"))]
    Models(ModelsArgs),
    #[command(about = tr("部署模型", "serve a model"))]
    Deploy(DeployArgs),
    #[command(about = tr("停止一个部署", "stop serving"))]
    Undeploy(UndeployArgs),
    #[command(about = tr("不停机地更改部署:适配器、副本", "change what is served without a restart: adapters, replicas"))]
    Redeploy(RedeployArgs),
    #[command(about = tr("共用名称的流量:灰度与回滚", "traffic of shared names: canary and rollback"))]
    Traffic(TrafficArgs),
    #[command(about = tr("外部后端:别处的 OpenAI 兼容服务(操作员)", "back ends: OpenAI-compatible servers of others (operators)"))]
    Backend(BackendArgs),
    #[command(about = tr("与部署好的模型对话", "talk to a served model"))]
    Chat(ChatArgs),
    #[command(about = tr("向知识库提问,答案带出处", "ask the knowledge base; answers carry citations"))]
    Ask(AskArgs),
    #[command(about = tr("知识库:入库、质量、发布、待办、热线", "the knowledge base: texts, quality, publishing, work, hotline"))]
    Kb(KbArgs),
    #[cfg(feature = "server")]
    #[command(about = tr("评测", "evaluations"))]
    Eval(EvalArgs),
    #[command(about = tr("密钥", "keys"))]
    Key(KeyArgs),
    #[command(about = tr("租户", "tenants"))]
    Tenant(TenantArgs),
    #[command(about = tr("为租户充值", "book a payment of a tenant"))]
    Topup(TopupArgs),
    #[command(about = tr("查看和修改配置", "see and change settings"))]
    Config(ConfigArgs),
    #[command(about = tr("生成命令补全脚本", "print a completion script"))]
    Completions(CompletionsArgs),
    #[cfg(feature = "server")]
    #[command(about = tr("只运行调度服务", "run the scheduler alone"))]
    Scheduler(SchedulerArgs),
    #[cfg(feature = "server")]
    #[command(about = tr("只运行一个工作节点", "run one worker"))]
    Worker(WorkerArgs),
    #[cfg(feature = "server")]
    #[command(about = tr("只运行推理网关", "run the gateway alone"))]
    Gateway(GatewayArgs),
    #[cfg(feature = "server")]
    #[command(about = tr("核对网关的审计链", "check a gateway's audit chain"))]
    Audit(AuditArgs),
}

fn after_help() -> &'static str {
    tr(
        "示例:
  zhisuan up                                   在本机启动
  zhisuan submit --cpus 2 --time 10m -- python3 train.py
  zhisuan run examples/jobs/train.toml
  zhisuan why last

退出码:0 完成,1 失败,2 用法错误,3 找不到,4 未登录或无权限,5 配额或余额不足,
       6 连不上服务,7 超时,8 仍在进行,130 被中断
环境变量:ZHISUAN_SCHEDULER ZHISUAN_GATEWAY ZHISUAN_KEY ZHISUAN_OPERATOR_KEY ZHISUAN_CA
       ZHISUAN_LANG(zh、en)ZHISUAN_OUTPUT ZHISUAN_CONFIG ZHISUAN_CACHE NO_COLOR",
        "Examples:
  zhisuan up                                   start on this machine
  zhisuan submit --cpus 2 --time 10m -- python3 train.py
  zhisuan run examples/jobs/train.toml
  zhisuan why last

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 sign in or not allowed,
       5 quota or balance, 6 server unreachable, 7 timed out, 8 still pending, 130 interrupted
Environment: ZHISUAN_SCHEDULER ZHISUAN_GATEWAY ZHISUAN_KEY ZHISUAN_OPERATOR_KEY ZHISUAN_CA
       ZHISUAN_LANG (zh, en) ZHISUAN_OUTPUT ZHISUAN_CONFIG ZHISUAN_CACHE NO_COLOR",
    )
}
