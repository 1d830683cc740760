//! How an attempt ended, in words.

use super::sentence::Sentence;
use zhisuan_core::Verdict;
use zhisuan_proto::v1;

/// The sentence of an ended attempt.
pub(crate) fn verdict(verdict: &Verdict) -> v1::Reason {
    match verdict {
        Verdict::Succeeded => Sentence::new("succeeded", "全部任务成功", "every task succeeded"),
        Verdict::Failed {
            exit_code,
            code,
            message,
        } => failed(*exit_code, code, message),
        Verdict::Cancelled => Sentence::new("cancelled", "按要求取消", "cancelled on request"),
        Verdict::TimedOut => Sentence::new(
            "timed_out",
            "达到时限，已停止；如需更长时间，请提高 time_limit_ms 后重新提交",
            "stopped at its time limit; submit again with a longer time_limit_ms if needed",
        ),
        Verdict::Lost { node } => Sentence::new(
            "lost",
            format!("节点 {node} 失去联系，本次尝试作废"),
            format!("node {node} was lost, and this attempt with it"),
        )
        .name("node", node.0.clone()),
        Verdict::Returned { node } => Sentence::new(
            "returned",
            format!("节点 {node} 有序停止，作业回到队列，不计次数也不收费"),
            format!("node {node} stopped in order; the job waits again, uncounted and uncharged"),
        )
        .name("node", node.0.clone()),
        Verdict::OutOfBalance => Sentence::new(
            "out_of_balance",
            "账户余额不足以继续预留费用，已停止；请充值后重新提交",
            "stopped because the account cannot cover another hold; top up and submit again",
        ),
    }
    .reason()
}

fn failed(exit_code: i32, code: &str, message: &str) -> Sentence {
    let text = if message.is_empty() { code } else { message };
    let (zh, en) = match (exit_code, text) {
        (0, "") => (
            "任务失败，工作节点未说明原因".to_owned(),
            "a task failed without a message".to_owned(),
        ),
        (0, text) => (
            format!("任务失败：{text}"),
            format!("a task failed: {text}"),
        ),
        (exit, "") => (
            format!("程序以退出码 {exit} 结束"),
            format!("the program ended with exit code {exit}"),
        ),
        (exit, text) => (
            format!("程序以退出码 {exit} 结束：{text}"),
            format!("the program ended with exit code {exit}: {text}"),
        ),
    };
    Sentence::new("failed", zh, en)
        .number("exit_code", exit_code)
        .name("code", code)
}
