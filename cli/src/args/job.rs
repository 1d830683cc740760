//! Arguments of the verbs about jobs.

use crate::words::tr;
use clap::Args;
use std::path::PathBuf;

/// A job by file or by flags; flags win over the file.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = tr("作业", "Job"))]
pub(crate) struct JobFlags {
    #[arg(long, help = tr("名称", "name"))]
    pub(crate) name: Option<String>,
    #[arg(long, help = tr("队列", "queue"))]
    pub(crate) queue: Option<String>,
    #[arg(long, help = tr("项目(记账用)", "project, for accounting"))]
    pub(crate) project: Option<String>,
    #[arg(long, value_name = "N", help = tr("CPU 核数,如 2、0.5", "CPU cores, such as 2 or 0.5"))]
    pub(crate) cpus: Option<String>,
    #[arg(long, value_name = "SIZE", help = tr("内存,如 4GiB", "memory, such as 4GiB"))]
    pub(crate) memory: Option<String>,
    #[arg(long, value_name = "N", visible_alias = "cards", help = tr("加速卡数", "accelerators"))]
    pub(crate) devices: Option<u32>,
    #[arg(long, value_name = "KIND", help = tr("加速卡型号", "kind of accelerator"))]
    pub(crate) device_kind: Option<String>,
    #[arg(long, value_name = "PART", help = tr("每张卡的份额,如 0.5", "part of each card, such as 0.5"))]
    pub(crate) device_share: Option<String>,
    #[arg(long, value_name = "SIZE", help = tr("每张卡的显存", "memory of each card"))]
    pub(crate) device_memory: Option<String>,
    #[arg(long, value_name = "N", help = tr("同时放置的任务数", "tasks, placed together or not at all"))]
    pub(crate) tasks: Option<u32>,
    #[arg(long, value_name = "SPAN", help = tr("每次尝试的时间上限,如 30m", "time limit of an attempt, such as 30m"))]
    pub(crate) time: Option<String>,
    #[arg(long, value_name = "N", allow_hyphen_values = true, help = tr("租户内的先后,-100 到 100", "order inside the tenant, -100 to 100"))]
    pub(crate) priority: Option<i32>,
    #[arg(long, value_name = "N", help = tr("节点失联后最多尝试几次", "tries after lost nodes"))]
    pub(crate) max_attempts: Option<u32>,
    #[arg(long, value_name = "YUAN", help = tr("预扣超过这个金额就拒绝,如 2.5", "refuse when the hold would exceed this, such as 2.5"))]
    pub(crate) max_cost: Option<String>,
    #[arg(long = "label", value_name = "KEY=VALUE", help = tr("节点必须带的标签,可重复", "label that a node must carry, repeatable"))]
    pub(crate) labels: Vec<String>,
    #[arg(long, value_name = "KEY=VALUE", help = tr("程序的环境变量,可重复", "variable of the program, repeatable"))]
    pub(crate) env: Vec<String>,
    #[arg(long, value_name = "NAME=FILE", help = tr("程序的输入文件,可重复", "input file of the program, repeatable"))]
    pub(crate) input: Vec<String>,
    #[arg(long, help = tr("替哪个租户(操作员)", "on behalf of a tenant (operators)"))]
    pub(crate) tenant: Option<String>,
    #[arg(last = true, value_name = "PROGRAM", help = tr("自己的程序和参数", "a program of one's own"))]
    pub(crate) command: Vec<String>,
}

#[derive(Args)]
pub(crate) struct SubmitArgs {
    #[arg(value_name = "FILE", help = tr("作业文件", "job files"))]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: JobFlags,
    #[arg(long, help = tr("只算价,不提交", "price only, submit nothing"))]
    pub(crate) dry_run: bool,
    #[arg(long, value_name = "TEXT", help = tr("幂等键:同一个键只提交一次", "the same key submits once"))]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    #[arg(value_name = "FILE", help = tr("作业文件", "job file"))]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: JobFlags,
}

#[derive(Args)]
pub(crate) struct QuoteArgs {
    #[arg(value_name = "FILE", help = tr("作业文件", "job file"))]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: JobFlags,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    #[arg(long = "state", value_name = "STATE", value_parser = [
        "queued", "starting", "running", "stopping", "succeeded", "failed", "cancelled", "timed_out",
    ], help = tr("状态,可重复", "state, repeatable"))]
    pub(crate) states: Vec<String>,
    #[arg(long, help = tr("队列", "queue"))]
    pub(crate) queue: Option<String>,
    #[arg(long, value_name = "TEXT", help = tr("名称包含", "name contains"))]
    pub(crate) name: Option<String>,
    #[arg(long, value_name = "SPAN|DATE", help = tr("多久以来,如 2h、2026-11-01", "since, such as 2h or 2026-11-01"))]
    pub(crate) since: Option<String>,
    #[arg(long, help = tr("租户(操作员、审计员)", "tenant (operators, auditors)"))]
    pub(crate) tenant: Option<String>,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000), help = tr("最多几条", "how many"))]
    pub(crate) limit: u32,
    #[arg(long, value_name = "TOKEN", help = tr("上一页给出的页标", "token of the page"))]
    pub(crate) page_token: Option<String>,
}

#[derive(Args)]
pub(crate) struct JobArg {
    #[arg(value_name = "JOB", help = tr("作业号或 last", "number of the job, or last"))]
    pub(crate) job: String,
}

#[derive(Args)]
pub(crate) struct JobArgs {
    #[arg(value_name = "JOB", required = true, help = tr("作业号或 last", "numbers of jobs, or last"))]
    pub(crate) jobs: Vec<String>,
}

#[derive(Args)]
pub(crate) struct OutputsArgs {
    #[arg(value_name = "JOB", help = tr("作业号或 last", "number of the job, or last"))]
    pub(crate) job: String,
    #[arg(value_name = "NAME", help = tr("只要这些产物,默认全部", "only these outputs, all by default"))]
    pub(crate) names: Vec<String>,
    #[arg(short, long, value_name = "DIR", help = tr("下载到这个文件夹", "fetch them into this folder"))]
    pub(crate) dir: Option<PathBuf>,
    #[arg(long, requires = "dir", help = tr("覆盖已有的文件", "replace files that are there"))]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct LogsArgs {
    #[arg(value_name = "JOB", help = tr("作业号或 last", "number of the job, or last"))]
    pub(crate) job: String,
    #[arg(short, long, help = tr("一直跟到作业结束", "follow until the job ends"))]
    pub(crate) follow: bool,
    #[arg(long, value_name = "LINES", default_value_t = 0, hide_default_value = true, help = tr("只要最后几行", "only the last lines"))]
    pub(crate) tail: u32,
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help = tr("第几次尝试,默认最近一次", "attempt, the latest by default"))]
    pub(crate) attempt: u32,
    #[arg(long, value_name = "N", default_value_t = 0, help = tr("第几个任务", "task"))]
    pub(crate) task: u32,
}

#[derive(Args)]
pub(crate) struct WaitArgs {
    #[arg(value_name = "JOB", required = true, help = tr("作业号或 last", "numbers of jobs, or last"))]
    pub(crate) jobs: Vec<String>,
    #[arg(long, value_name = "SPAN", help = tr("最多等多久,如 10m;到时退出码 8", "at most, such as 10m; exit code 8 then"))]
    pub(crate) timeout: Option<String>,
}

#[derive(Args)]
pub(crate) struct PeriodArgs {
    #[arg(long, value_name = "SPAN|DATE", help = tr("从何时起,如 7d、2026-11-01", "from, such as 7d or 2026-11-01"))]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "SPAN|DATE", help = tr("到何时为止", "until"))]
    pub(crate) to: Option<String>,
    #[arg(long, help = tr("租户(操作员、审计员)", "tenant (operators, auditors)"))]
    pub(crate) tenant: Option<String>,
}
