//! Arguments of the verbs that run roles.

use crate::words::tr;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Days for which answers are kept: a little more than the six months that logs of a network
/// service must be kept at least (网络安全法).
const KEEP_DAYS: u32 = 190;

#[derive(Args)]
pub(crate) struct UpArgs {
    #[arg(long, value_name = "DIR", help = tr("数据文件夹,默认 ~/.local/share/zhisuan", "data folder, ~/.local/share/zhisuan by default"))]
    pub(crate) data_dir: Option<PathBuf>,
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7600", help = tr("调度服务和管理页面的地址,端口 0 为任选", "address of scheduler and console, port 0 picks one"))]
    pub(crate) listen: SocketAddr,
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7700", help = tr("推理网关的地址", "address of the gateway"))]
    pub(crate) gateway_listen: SocketAddr,
    #[arg(long, value_name = "DIR", help = tr("知识库文件夹,默认 ./examples/knowledge(如有)", "knowledge folder, ./examples/knowledge if present"))]
    pub(crate) knowledge: Option<PathBuf>,
    #[arg(long, value_name = "DAYS", default_value_t = KEEP_DAYS, help = tr("问答存档保留几天,0 为一直保留", "days for which answers are kept, 0 for ever"))]
    pub(crate) keep_answers: u32,
    #[arg(long, value_name = "URL", help = tr("从外部打开网关页面的地址;https 时会话 Cookie 只走加密连接", "address of the gateway's pages as seen from outside; with https the session cookie is Secure"))]
    pub(crate) gateway_public_url: Option<String>,
    #[arg(long, help = tr("允许运行用户自己的程序", "allow users' own programs"))]
    pub(crate) allow_commands: bool,
    #[arg(long, value_name = "KIND:COUNT:MIB", help = tr("加上模拟设备(没有真卡,只供试用调度)", "add simulated devices (no real cards, to try scheduling)"))]
    pub(crate) simulate_devices: Vec<String>,
    #[arg(long, help = tr("不部署默认模型", "do not serve the default model"))]
    pub(crate) no_deploy: bool,
    #[arg(long, value_name = "MODEL", default_value = "qwen2.5-coder-0.5b-instruct", help = tr("启动时部署的模型", "model to serve at start"))]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) qa: QaModelArgs,
    #[arg(long, value_name = "FILE", help = tr("替换内置的模型目录", "replaces the built-in model catalogue"))]
    pub(crate) catalogue: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = tr("网关的运维设置,见 docs/gateway.md", "operations of the gateway, see docs/gateway.md"))]
    pub(crate) operations: Option<PathBuf>,
}

/// Models that help the knowledge base as soon as they are served.
#[derive(Args)]
pub(crate) struct QaModelArgs {
    #[arg(long = "qa-embedder", value_name = "MODEL", default_value = "multilingual-e5-small", help = tr("给知识库算向量的模型,部署好了才用", "model for vectors of the knowledge base, used once it is served"))]
    pub(crate) embedder: String,
    #[arg(long = "qa-reranker", value_name = "MODEL", help = tr("给检索到的段落重新排序的模型,部署好了才用;默认不用", "model that puts the passages found in order, used once it is served; none by default"))]
    pub(crate) reranker: Option<String>,
    #[arg(long = "qa-writer", value_name = "MODEL|off", help = tr("改写知识问答的模型,部署好了才用;up 默认是 --model 的模型;off 为只摘录原文", "model that rewords answers of the knowledge base, used once it is served; that of --model by default in up; off only quotes"))]
    pub(crate) writer: Option<String>,
}

#[derive(Args)]
pub(crate) struct DemoArgs {
    #[arg(long, value_name = "DIR", help = tr("保留数据的文件夹;默认用临时文件夹", "folder that keeps the data; a temporary one by default"))]
    pub(crate) data_dir: Option<PathBuf>,
    #[arg(long, value_name = "MODEL", default_value = "qwen2.5-coder-0.5b-instruct", help = tr("演示用的基座模型", "base model of the demo"))]
    pub(crate) model: String,
    #[arg(long, value_name = "N", default_value_t = 60, help = tr("微调的步数", "optimiser steps"))]
    pub(crate) steps: u32,
}

#[derive(Args)]
pub(crate) struct SchedulerArgs {
    #[arg(long, value_name = "DIR", help = tr("数据文件夹", "data folder"))]
    pub(crate) data_dir: PathBuf,
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7600", help = tr("监听地址", "address to listen on"))]
    pub(crate) listen: SocketAddr,
    #[arg(long, value_name = "URL", help = tr("外部看到的地址", "address as seen from outside"))]
    pub(crate) public_url: Option<String>,
    #[arg(long, value_name = "FILE", help = tr("替换内置的模型目录", "replaces the built-in model catalogue"))]
    pub(crate) catalogue: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct WorkerArgs {
    #[arg(long, value_name = "DIR", help = tr("数据文件夹", "data folder"))]
    pub(crate) data_dir: PathBuf,
    #[arg(long, value_name = "NAME", help = tr("节点名,默认是主机名", "name of the node, the host's by default"))]
    pub(crate) node: Option<String>,
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", help = tr("副本的监听地址", "address for replicas to listen on"))]
    pub(crate) replica_listen: SocketAddr,
    #[arg(long, value_name = "HOST:PORT", help = tr("网关看到的副本地址", "address of replicas as the gateway sees it"))]
    pub(crate) replica_advertise: Option<String>,
    #[arg(long, value_name = "N", help = tr("提供的 CPU 核数,默认全部", "CPU cores to offer, all by default"))]
    pub(crate) cpus: Option<String>,
    #[arg(long, value_name = "SIZE", help = tr("提供的内存,默认全部", "memory to offer, all by default"))]
    pub(crate) memory: Option<String>,
    #[arg(long = "label", value_name = "KEY=VALUE", help = tr("节点标签,可重复", "label of the node, repeatable"))]
    pub(crate) labels: Vec<String>,
    #[arg(long, value_name = "KIND:COUNT:MIB", help = tr("模拟设备(没有真卡)", "simulated devices (no real cards)"))]
    pub(crate) simulate_devices: Vec<String>,
    #[arg(long, help = tr("允许运行用户自己的程序", "allow users' own programs"))]
    pub(crate) allow_commands: bool,
}

#[derive(Args)]
pub(crate) struct GatewayArgs {
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7700", help = tr("监听地址", "address to listen on"))]
    pub(crate) listen: SocketAddr,
    #[arg(long, value_name = "DIR", help = tr("知识库文件夹", "knowledge folder"))]
    pub(crate) knowledge: Option<PathBuf>,
    #[arg(long, value_name = "DIR", help = tr("保存知识库的数据文件夹;不给则用临时文件夹", "data folder that keeps the knowledge base; a temporary one by default"))]
    pub(crate) data_dir: Option<PathBuf>,
    #[arg(long, value_name = "DAYS", default_value_t = KEEP_DAYS, help = tr("问答存档保留几天,0 为一直保留", "days for which answers are kept, 0 for ever"))]
    pub(crate) keep_answers: u32,
    #[arg(long, value_name = "URL", help = tr("从外部打开页面的地址;https 时会话 Cookie 只走加密连接", "address of the pages as seen from outside; with https the session cookie is Secure"))]
    pub(crate) public_url: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 256, help = tr("同时处理的请求数", "requests in flight"))]
    pub(crate) max_inflight: usize,
    #[arg(long, value_name = "FILE", help = tr("存有一个租户密钥的文件:知识库用它调用本网关上的模型,费用记在该租户;不给就不用模型", "file with the key of a tenant: the knowledge base uses the models behind this gateway at its cost; no models without it"))]
    pub(crate) qa_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) qa: QaModelArgs,
    #[arg(long, value_name = "FILE", help = tr("运维设置(限额、排队、过滤、标识、审计、追踪),见 docs/gateway.md", "operations: limits, queue, filter, labels, audit, traces; see docs/gateway.md"))]
    pub(crate) operations: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) verb: AuditVerb,
}

#[derive(Subcommand)]
pub(crate) enum AuditVerb {
    #[command(about = tr("核对一个审计文件,或整个审计目录", "check one audit file, or a whole audit folder"))]
    Verify(AuditPathArgs),
}

#[derive(Args)]
pub(crate) struct AuditPathArgs {
    #[arg(value_name = "PATH", help = tr("audit-*.jsonl,或网关的审计目录", "an audit-*.jsonl, or the gateway's audit folder"))]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) head: HeadArg,
}

/// The head of a chain, kept elsewhere.
#[derive(Args)]
pub(crate) struct HeadArg {
    #[arg(long, value_name = "COUNT:HASH", help = tr("另行保存的链头:到这一条为止不得缺失或改写", "head that was kept elsewhere: nothing up to it may be missing or rewritten"))]
    pub(crate) head: Option<zhisuan_serving::Link>,
}
