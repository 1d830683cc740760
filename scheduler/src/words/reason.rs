//! Why a job waits, and why a task does not fit a node.

use super::sentence::Sentence;
use super::shortfall;
use zhisuan_core::{FitFailure, Reason};
use zhisuan_proto::v1;

/// The sentence of a waiting job.
pub(crate) fn reason(reason: &Reason) -> v1::Reason {
    let code = reason.code();
    match reason {
        Reason::NoNodes { known } => Sentence::new(
            code,
            format!("没有就绪的计算节点（登记在册 {known} 个）；节点接入后自动开始"),
            format!("no node is ready ({known} on record); the job starts when one joins"),
        )
        .number("known", *known),
        Reason::Insufficient {
            short,
            asked,
            free,
            most,
            capable_nodes,
        } => {
            let gap = shortfall::gap(*short, *asked, *free);
            let (zh, en) = capable(*capable_nodes);
            Sentence::new(
                code,
                format!("资源不足，最接近的节点：{}{zh}", gap.zh),
                format!("not enough free; on the nearest node {}{en}", gap.en),
            )
            .number("asked", *asked)
            .number("free", *free)
            .number("most", *most)
            .number("capable_nodes", *capable_nodes)
            .name("short", shortfall::code(*short))
        }
        Reason::Gang { tasks, fit } => Sentence::new(
            code,
            format!("{tasks} 个任务须同时放置，目前只能放下 {fit} 个"),
            format!("{tasks} tasks start together or not at all; {fit} fit now"),
        )
        .number("tasks", *tasks)
        .number("fit", *fit),
        Reason::Never {
            short,
            asked,
            most,
            tasks,
        } => {
            let ceiling = shortfall::ceiling(*short, *asked, *most);
            Sentence::new(
                code,
                format!("现有节点永远无法运行：{}", ceiling.zh),
                format!("this fleet can never run it: {}", ceiling.en),
            )
            .number("asked", *asked)
            .number("most", *most)
            .number("tasks", *tasks)
            .name("short", shortfall::code(*short))
        }
        Reason::Unplanned => Sentence::new(
            code,
            "刚刚提交，等待下一轮调度",
            "just submitted; the next planning pass will look at it",
        ),
    }
    .reason()
}

/// Why one task does not fit one node now.
pub(crate) fn fit_failure(failure: &FitFailure) -> v1::Reason {
    let gap = shortfall::gap(failure.short, failure.asked, failure.free);
    Sentence::new(shortfall::code(failure.short), gap.zh, gap.en)
        .number("asked", failure.asked)
        .number("free", failure.free)
        .reason()
}

/// Whether anything would be large enough once it has room.
fn capable(nodes: u64) -> (String, String) {
    if nodes == 0 {
        return (
            "；当前就绪的节点都不够大，等待其他节点恢复".to_owned(),
            "; no node that is ready now is large enough".to_owned(),
        );
    }
    (
        format!("；{nodes} 个节点在腾空后可以运行"),
        format!("; {nodes} nodes can run it once they have room"),
    )
}
