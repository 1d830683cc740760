//! Refusals of the core as gRPC statuses with details.

use super::amount::yuan;
use super::problem::Problem;
use super::reason::reason;
use tonic::{Code, Status};
use zhisuan_core::{Reason, Refusal, Shortfall};

/// The status of a refused event.
pub(crate) fn refusal(refusal: &Refusal) -> Status {
    let english = refusal.to_string();
    match refusal {
        Refusal::Invalid {
            field,
            value,
            accepted,
        } => Problem::field(field, value, accepted, accepted),
        Refusal::UnknownTenant(_)
        | Refusal::UnknownJob(_)
        | Refusal::UnknownNode(_)
        | Refusal::UnknownRequest(_) => unknown(refusal, &english),
        Refusal::Impossible(why) => {
            let sentence = reason(why);
            Problem::new(
                Code::FailedPrecondition,
                "ZS-JOB-NEVER",
                sentence.text_zh,
                sentence.text_en,
            )
            .hint(never_hint(why))
        }
        Refusal::Balance { .. } | Refusal::OverBudget { .. } | Refusal::NoPrice(_) => {
            money(refusal, &english)
        }
        Refusal::Stale(task) => Problem::new(
            Code::Aborted,
            "ZS-STALE",
            format!(
                "作业 {} 第 {} 次尝试的报告已过期（epoch {}），不再受理",
                task.job, task.attempt, task.epoch
            ),
            format!(
                "stale report about job {} attempt {} (epoch {})",
                task.job, task.attempt, task.epoch
            ),
        )
        .hint("请停止该任务并重新登记"),
        Refusal::DevicesChanged { node, was, now } => Problem::new(
            Code::FailedPrecondition,
            "ZS-DEVICES-CHANGED",
            format!("节点 {node} 的设备有变化：登记为 {was}，现报告为 {now}"),
            english,
        )
        .hint("核实无误后，由运营方接受该节点的设备变更"),
        Refusal::DeviceTaken { uuid, owner } => Problem::new(
            Code::AlreadyExists,
            "ZS-DEVICE-TAKEN",
            format!("设备 {uuid} 已登记在节点 {owner} 名下"),
            english,
        )
        .hint("同一台机器请只启动一个工作节点进程，或让原节点下线"),
        Refusal::Conflict(what) => Problem::new(
            Code::AlreadyExists,
            "ZS-CONFLICT",
            format!("{what} 已被占用"),
            english,
        )
        .hint("请换一个名称、键或编号；节点与位置须等占用它的作业结束"),
    }
    .status()
}

fn unknown(refusal: &Refusal, english: &str) -> Problem {
    let (id, zh, hint) = match refusal {
        Refusal::UnknownTenant(name) => (
            "ZS-TENANT-UNKNOWN",
            format!("没有租户 {name}"),
            "请核对租户名，或由运营方先创建",
        ),
        Refusal::UnknownJob(id) => (
            "ZS-JOB-UNKNOWN",
            format!("没有作业 {id}"),
            "请核对作业编号；zhisuan list 可列出作业",
        ),
        Refusal::UnknownNode(name) => (
            "ZS-NODE-UNKNOWN",
            format!("没有节点 {name}"),
            "请核对节点名；zhisuan nodes list 可列出节点",
        ),
        other => (
            "ZS-REQUEST-UNKNOWN",
            match other {
                Refusal::UnknownRequest(id) => format!("请求 {id} 没有预留，或早已结算"),
                _ => "没有这条记录".to_owned(),
            },
            "每个请求须先授权，再结算一次",
        ),
    };
    Problem::new(Code::NotFound, id, zh, english).hint(hint)
}

fn money(refusal: &Refusal, english: &str) -> Problem {
    match refusal {
        Refusal::Balance {
            tenant,
            needed_micro,
            available_micro,
        } => Problem::new(
            Code::FailedPrecondition,
            "ZS-BALANCE",
            format!(
                "租户 {tenant} 余额不足：需预留 {} 元，可用 {} 元",
                yuan(*needed_micro),
                yuan(*available_micro)
            ),
            format!(
                "tenant {tenant} has {} yuan available, {} yuan must be held",
                yuan(*available_micro),
                yuan(*needed_micro)
            ),
        )
        .hint("请充值，或缩短时限、减少资源以降低预留"),
        Refusal::OverBudget {
            hold_micro,
            cap_micro,
        } => Problem::new(
            Code::FailedPrecondition,
            "ZS-BUDGET",
            format!(
                "需预留 {} 元，超过作业自设上限 {} 元",
                yuan(*hold_micro),
                yuan(*cap_micro)
            ),
            format!(
                "the hold of {} yuan exceeds the job's cap of {} yuan",
                yuan(*hold_micro),
                yuan(*cap_micro)
            ),
        )
        .at(
            "spec.max_cost_micro",
            &cap_micro.to_string(),
            &format!("{hold_micro} or more, or 0 for no cap"),
        )
        .hint("请提高 max_cost_micro，或缩短时限"),
        Refusal::NoPrice(sku) => Problem::new(
            Code::FailedPrecondition,
            "ZS-PRICE-MISSING",
            format!("价目表中没有 {sku} 的价格"),
            english,
        )
        .hint("请运营方发布含该项的价目"),
        other => Problem::internal("money", other),
    }
}

/// What would help: less of a thing, or a node that runs this kind of work.
fn never_hint(why: &Reason) -> &'static str {
    match why {
        Reason::Never {
            short: Shortfall::Work,
            ..
        } => {
            "自带程序只在运营方开启后运行：zhisuan up --allow-commands 或 zhisuan worker --allow-commands"
        }
        Reason::Never {
            short: Shortfall::Label,
            ..
        } => "请去掉 node_labels 中的要求，或请运营方给节点加上标签",
        _ => "请减少申请的资源，或改用现有的加速卡型号；zhisuan nodes list 可查看各节点容量",
    }
}
