//! Arguments of the verbs about nodes, models, access and settings.

use super::sharing::{BoundArgs, KeyLimitArgs, LimitArgs, TenantLimitArgs};
use crate::words::tr;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct NodesArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<NodesVerb>,
}

#[derive(Subcommand)]
pub(crate) enum NodesVerb {
    #[command(about = tr("列出节点", "list nodes"))]
    List,
    #[command(about = tr("不再往节点放新任务", "stop new placements on a node"))]
    Drain(NodeArg),
    #[command(about = tr("重新接受任务", "allow placements again"))]
    Resume(NodeArg),
    #[command(about = tr("接受节点变化后的设备", "accept the changed devices of a node"))]
    Accept(NodeArg),
}

#[derive(Args)]
pub(crate) struct NodeArg {
    #[arg(value_name = "NODE", help = tr("节点名", "name of the node"))]
    pub(crate) node: String,
}

#[derive(Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<ModelsVerb>,
}

#[derive(Subcommand)]
pub(crate) enum ModelsVerb {
    #[command(about = tr("列出模型", "list models"))]
    List,
    #[command(about = tr("显示一个模型", "show a model"))]
    Show(ModelArg),
    #[command(about = tr("登记模型(TOML 清单)", "register a model from a TOML manifest"))]
    Register(RegisterArgs),
    #[cfg(feature = "server")]
    #[command(about = tr("下载并校验模型到本机缓存", "fetch and verify a model into this machine's cache"))]
    Pull(ModelArg),
    #[command(about = tr("随产品提供的模型目录", "the catalogue that comes with the product"))]
    Catalogue,
    #[command(about = tr("列出部署", "list deployments"))]
    Deployments,
}

#[derive(Args)]
pub(crate) struct ModelArg {
    #[arg(value_name = "MODEL[@VERSION]", help = tr("模型名,可带版本", "name of the model, with or without version"))]
    pub(crate) model: String,
}

#[derive(Args)]
pub(crate) struct RegisterArgs {
    #[arg(value_name = "FILE", help = tr("清单文件", "manifest file"))]
    pub(crate) file: PathBuf,
    #[arg(long, help = tr("登记为中心的模型,所有租户可用(操作员)", "a model of the centre, for every tenant (operators)"))]
    pub(crate) centre: bool,
}

#[derive(Args)]
pub(crate) struct DeployArgs {
    #[arg(value_name = "MODEL", help = tr("基座模型,或适配器", "base model, or adapter"))]
    pub(crate) model: String,
    #[arg(long = "adapter", value_name = "ADAPTER", help = tr("同时提供的适配器,可重复", "adapter to serve with it, repeatable"))]
    pub(crate) adapters: Vec<String>,
    #[arg(long, help = tr("部署名,默认是模型名", "name of the deployment, the model's by default"))]
    pub(crate) name: Option<String>,
    #[arg(long, value_name = "NAME", help = tr("以此名称提供,可与别的部署共用并分流", "serve under this name, which others may share"))]
    pub(crate) serve_as: Option<String>,
    #[arg(long, value_name = "N", help = tr("副本数,默认 1", "replicas, 1 by default"))]
    pub(crate) replicas: Option<u32>,
    #[arg(long, value_name = "N", help = tr("每个副本的 CPU 核数", "CPU cores of a replica"))]
    pub(crate) cpus: Option<String>,
    #[arg(long, value_name = "SIZE", help = tr("每个副本的内存", "memory of a replica"))]
    pub(crate) memory: Option<String>,
    #[arg(long, value_name = "N", help = tr("每个副本的加速卡数", "accelerators of a replica"))]
    pub(crate) devices: Option<u32>,
    #[arg(long, value_name = "KIND", help = tr("加速卡型号", "kind of accelerator"))]
    pub(crate) device_kind: Option<String>,
    #[arg(long, help = tr("按副本时长计费,不按词元;租户自己部署时总是如此", "pay for the replicas' time, not for tokens; always so for a tenant's own"))]
    pub(crate) dedicated: bool,
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help = tr("同时处理的请求数", "requests in one batch"))]
    pub(crate) max_batch: u32,
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help = tr("排队的请求数", "requests that may wait"))]
    pub(crate) max_waiting: u32,
    #[arg(long, value_name = "TOKENS", default_value_t = 0, hide_default_value = true, help = tr("上下文长度", "context length"))]
    pub(crate) max_context: u32,
    #[arg(long, help = tr("替哪个租户(操作员)", "on behalf of a tenant (operators)"))]
    pub(crate) tenant: Option<String>,
    #[arg(long, conflicts_with = "tenant", help = tr("由中心提供给所有租户(操作员)", "served by the centre to every tenant (operators)"))]
    pub(crate) centre: bool,
    #[arg(long, help = tr("等到可以使用", "wait until it can be used"))]
    pub(crate) wait: bool,
    #[arg(long, value_name = "SPAN", default_value = "10m", help = tr("最多等多久", "how long to wait"))]
    pub(crate) timeout: String,
    // Last: its heading would stand over what follows.
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
}

#[derive(Args)]
pub(crate) struct UndeployArgs {
    #[arg(value_name = "NAME", help = tr("部署名", "name of the deployment"))]
    pub(crate) name: String,
    #[arg(long, help = tr("中心的部署(操作员)", "a deployment of the centre (operators)"))]
    pub(crate) centre: bool,
}

#[derive(Args)]
pub(crate) struct ChatArgs {
    #[arg(value_name = "MODEL", help = tr("部署好的模型", "a served model"))]
    pub(crate) model: String,
    #[arg(value_name = "PROMPT", help = tr("要说的话;- 从标准输入读", "what to say; - reads stdin"))]
    pub(crate) prompt: String,
    #[arg(long, value_name = "TEXT", help = tr("系统提示", "system prompt"))]
    pub(crate) system: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 512, help = tr("最多生成几个词元", "tokens at most"))]
    pub(crate) max_tokens: u32,
    #[arg(long, value_name = "T", default_value_t = 0.0, help = tr("温度,0 为确定", "temperature, 0 is deterministic"))]
    pub(crate) temperature: f32,
}

#[derive(Args)]
pub(crate) struct AskArgs {
    #[arg(value_name = "QUESTION", help = tr("问题;- 从标准输入读", "the question; - reads stdin"))]
    pub(crate) question: String,
    #[arg(long, value_name = "DATE", help = tr("按哪一天的规定回答,如 2025-01-31;默认今天", "the day on which the answer is to hold, such as 2025-01-31; today by default"))]
    pub(crate) as_of: Option<String>,
    #[arg(long, value_name = "PLACE", help = tr("在哪里办;默认本地", "where; the base's own place by default"))]
    pub(crate) place: Option<String>,
    #[arg(long, value_name = "BASE", help = tr("问哪个知识库;默认是市民问的那个", "which knowledge base; by default the one that citizens ask"))]
    pub(crate) base: Option<String>,
    #[arg(long, help = tr("由模型改写得更通顺(较慢;每句仍与原文核对)", "in a model's words (slower; each sentence is still checked)"))]
    pub(crate) reworded: bool,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) verb: KeyVerb,
}

#[derive(Subcommand)]
pub(crate) enum KeyVerb {
    #[command(about = tr("新建密钥;明文只显示这一次", "create a key; the secret is shown only now"))]
    Create(KeyCreateArgs),
    #[command(about = tr("列出密钥", "list keys"))]
    List(TenantFlag),
    #[command(about = tr("吊销密钥", "revoke a key"))]
    Revoke(KeyRevokeArgs),
    #[command(about = tr("设置密钥的限额;没写的即不限,全都不写则用网关的默认值", "set a key's limits; what is not named has none, and naming nothing goes back to the gateway's defaults"))]
    Limit(KeyLimitArgs),
}

#[derive(Args)]
pub(crate) struct TenantFlag {
    #[arg(long, help = tr("租户(操作员、审计员)", "tenant (operators, auditors)"))]
    pub(crate) tenant: Option<String>,
}

#[derive(Args)]
pub(crate) struct KeyCreateArgs {
    #[arg(long, help = tr("给人看的名称", "a name for people"))]
    pub(crate) name: String,
    #[arg(long, default_value = "tenant", value_parser = ["tenant", "operator", "auditor", "app", "worker", "gateway", "clerk"], help = tr("角色", "role"))]
    pub(crate) role: String,
    #[arg(long, help = tr("租户", "tenant"))]
    pub(crate) tenant: Option<String>,
    #[arg(long, value_name = "SPAN", help = tr("多久后失效,如 90d", "expires after, such as 90d"))]
    pub(crate) expires: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Args)]
pub(crate) struct KeyRevokeArgs {
    #[arg(value_name = "ID", help = tr("密钥的公开编号", "public id of the key"))]
    pub(crate) id: String,
}

#[derive(Args)]
pub(crate) struct TenantArgs {
    #[command(subcommand)]
    pub(crate) verb: TenantVerb,
}

#[derive(Subcommand)]
pub(crate) enum TenantVerb {
    #[command(about = tr("新建租户", "create a tenant"))]
    Create(TenantCreateArgs),
    #[command(about = tr("列出租户和余额", "list tenants and their accounts"))]
    List,
    #[command(about = tr("设置租户全部密钥合计的限额;没写的即不限,全都不写则用网关的默认值", "set the limits of all keys of a tenant together; what is not named has none, and naming nothing goes back to the gateway's defaults"))]
    Limit(TenantLimitArgs),
}

#[derive(Args)]
pub(crate) struct TenantCreateArgs {
    #[arg(value_name = "NAME", help = tr("小写字母、数字和 -", "lower-case letters, digits and -"))]
    pub(crate) name: String,
    #[arg(long, default_value = "", help = tr("给人看的名称", "a name for people"))]
    pub(crate) title: String,
    #[arg(long, help = tr("合同账户(先用后付);默认是预付", "contract account, billed later; prepaid by default"))]
    pub(crate) contract: bool,
    #[arg(long, value_name = "YUAN", requires = "contract", help = tr("合同账户的授信额度", "credit limit of a contract account"))]
    pub(crate) credit_limit: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help = tr("公平份额的权重,默认 100", "weight in the fair share, 100 by default"))]
    pub(crate) weight: u32,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Args)]
pub(crate) struct TopupArgs {
    #[arg(value_name = "TENANT", help = tr("租户", "tenant"))]
    pub(crate) tenant: String,
    #[arg(value_name = "YUAN", allow_hyphen_values = true, help = tr("金额;负数为冲回", "amount; negative takes a payment back"))]
    pub(crate) amount: String,
    #[arg(long, value_name = "TEXT", help = tr("凭据,如订单号;同一凭据只记一次", "what it is, such as an order number; booked once"))]
    pub(crate) reference: String,
}

#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Subcommand)]
pub(crate) enum ConfigVerb {
    #[command(about = tr("查看生效的配置", "see the settings in force"))]
    View(ConfigViewArgs),
    #[command(about = tr("写入用户配置文件", "write to the user file"))]
    Set(ConfigSetArgs),
}

#[derive(Args)]
pub(crate) struct ConfigViewArgs {
    #[arg(long, help = tr("显示每个值的来源", "show where each value came from"))]
    pub(crate) sources: bool,
}

#[derive(Args)]
pub(crate) struct ConfigSetArgs {
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    #[arg(value_name = "VALUE", help = tr("值;- 从标准输入读;空为删除", "the value; - reads stdin; empty removes"))]
    pub(crate) value: String,
}

#[derive(Args)]
pub(crate) struct CompletionsArgs {
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}
