//! Arguments of the verbs about what is served: bounds, shares, other people's servers, limits.

use crate::words::tr;
use clap::{Args, Subcommand};

/// Replicas that follow demand.
#[derive(Args)]
#[command(next_help_heading = tr("副本随请求增减", "Replicas that follow demand"))]
pub(crate) struct BoundArgs {
    #[arg(long, value_name = "N", requires = "ceiling", help = tr("最少副本数,0 为无请求时全部释放", "fewest replicas; 0 lets all go while nobody asks"))]
    pub(crate) floor: Option<u32>,
    #[arg(long, value_name = "N", help = tr("最多副本数", "most replicas"))]
    pub(crate) ceiling: Option<u32>,
    #[arg(long, value_name = "N", requires = "ceiling", help = tr("每个副本按几个并行请求安排,默认为批大小", "requests under way that one replica is meant for, the batch by default"))]
    pub(crate) target: Option<u32>,
    #[arg(long, value_name = "SPAN", requires = "ceiling", help = tr("请求减少多久后减副本,默认 5m", "how long demand must be less before a replica goes, 5m by default"))]
    pub(crate) idle: Option<String>,
}

#[derive(Args)]
pub(crate) struct RedeployArgs {
    #[arg(value_name = "NAME", help = tr("部署名", "name of the deployment"))]
    pub(crate) name: String,
    #[arg(long = "adapter", value_name = "ADAPTER", help = tr("从现在起提供的全部适配器,可重复", "adapter to serve from now on, all of them, repeatable"))]
    pub(crate) adapters: Vec<String>,
    #[arg(long, conflicts_with = "adapters", help = tr("不再提供适配器", "serve no adapters any more"))]
    pub(crate) no_adapters: bool,
    #[arg(long, value_name = "N", conflicts_with = "ceiling", help = tr("固定的副本数", "a fixed number of replicas"))]
    pub(crate) replicas: Option<u32>,
    #[arg(long, help = tr("中心的部署(操作员)", "a deployment of the centre (operators)"))]
    pub(crate) centre: bool,
    // Last: its heading would stand over what follows.
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
}

#[derive(Args)]
pub(crate) struct TrafficArgs {
    #[command(subcommand)]
    pub(crate) verb: TrafficVerb,
}

#[derive(Subcommand)]
pub(crate) enum TrafficVerb {
    #[command(about = tr("查看共用名称的流量分配", "see how shared names divide their requests"))]
    Show(TrafficShowArgs),
    #[command(about = tr("重新分配流量;进行中的请求不受影响", "divide anew; requests that run end where they began"))]
    Set(TrafficSetArgs),
    #[command(about = tr("回到上一次的分配", "go back to the division before the last change"))]
    Rollback(TrafficRollbackArgs),
}

#[derive(Args)]
pub(crate) struct TrafficShowArgs {
    #[arg(value_name = "MODEL", help = tr("调用时用的名称", "name that callers use"))]
    pub(crate) model: Option<String>,
    #[arg(long, help = tr("以操作员身份查看", "as an operator"))]
    pub(crate) centre: bool,
}

#[derive(Args)]
pub(crate) struct TrafficSetArgs {
    #[arg(value_name = "MODEL", help = tr("调用时用的名称", "name that callers use"))]
    pub(crate) model: String,
    #[arg(value_name = "NAME=WEIGHT", required = true, help = tr("部署或外部后端的份额,如 v1=95 v2=5", "share of a deployment or back end, such as v1=95 v2=5"))]
    pub(crate) shares: Vec<String>,
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help = tr("仅当现为第 N 版时才改", "only if the current revision is N"))]
    pub(crate) revision: u64,
    #[arg(long, help = tr("中心的部署(操作员)", "deployments of the centre (operators)"))]
    pub(crate) centre: bool,
}

#[derive(Args)]
pub(crate) struct TrafficRollbackArgs {
    #[arg(value_name = "MODEL", help = tr("调用时用的名称", "name that callers use"))]
    pub(crate) model: String,
    #[arg(long, help = tr("中心的部署(操作员)", "deployments of the centre (operators)"))]
    pub(crate) centre: bool,
}

#[derive(Args)]
pub(crate) struct BackendArgs {
    #[command(subcommand)]
    pub(crate) verb: BackendVerb,
}

#[derive(Subcommand)]
pub(crate) enum BackendVerb {
    #[command(about = tr("接入别处的 OpenAI 兼容服务", "put somebody else's OpenAI-compatible server behind a name"))]
    Add(BackendAddArgs),
    #[command(about = tr("移除外部后端", "take a back end away"))]
    Remove(BackendNameArgs),
    #[command(about = tr("列出外部后端;不显示密钥", "list back ends; keys are not shown"))]
    List,
}

#[derive(Args)]
pub(crate) struct BackendAddArgs {
    #[arg(value_name = "NAME", help = tr("外部后端的名字", "name of the back end"))]
    pub(crate) name: String,
    #[arg(long, value_name = "URL", help = tr("基地址,到 /v1 为止", "base address, up to and with /v1"))]
    pub(crate) url: String,
    #[arg(long, value_name = "NAME", help = tr("调用时用的名称,默认同名", "name that callers use, the back end's by default"))]
    pub(crate) model: Option<String>,
    #[arg(long, value_name = "NAME", help = tr("对方服务中的模型名,默认同上", "the server's own name of the model, the same by default"))]
    pub(crate) remote_model: Option<String>,
    #[arg(long, value_name = "KEY", help = tr("对方服务的密钥;- 从标准输入读,不进命令历史", "key of that server; - reads stdin, which keeps it out of the shell's history"))]
    pub(crate) api_key: Option<String>,
    #[arg(long, help = tr("只供一个租户调用", "for one tenant only"))]
    pub(crate) tenant: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help = tr("上下文长度", "context length"))]
    pub(crate) max_context: u32,
    #[arg(long, help = tr("只计词元数,不收费", "count tokens at no price"))]
    pub(crate) free: bool,
}

#[derive(Args)]
pub(crate) struct BackendNameArgs {
    #[arg(value_name = "NAME", help = tr("外部后端的名字", "name of the back end"))]
    pub(crate) name: String,
}

/// How much may be asked of models.
#[derive(Args)]
#[command(next_help_heading = tr("调用模型的限额", "Limits on calls to models"))]
pub(crate) struct LimitArgs {
    #[arg(long, value_name = "N", help = tr("每分钟请求数,0 为不限", "requests a minute, 0 for no limit"))]
    pub(crate) requests_per_minute: Option<u32>,
    #[arg(long, value_name = "N", help = tr("每分钟词元数,0 为不限", "tokens a minute, 0 for no limit"))]
    pub(crate) tokens_per_minute: Option<u64>,
    #[arg(long, value_name = "BAND", help = tr("优先级,0 最先,3 最后;与租户的取较后者", "band of urgency, 0 first, 3 last; the later one of key and tenant counts"))]
    pub(crate) priority: Option<u32>,
}

#[derive(Args)]
pub(crate) struct KeyLimitArgs {
    #[arg(value_name = "ID", help = tr("密钥的公开编号", "public id of the key"))]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Args)]
pub(crate) struct TenantLimitArgs {
    #[arg(value_name = "NAME", help = tr("租户", "tenant"))]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}
