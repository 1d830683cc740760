//! Words, tones and times of the pages.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::{Job, JobState, Resources};
use zhisuan_web::parts::{self, Tone};
use zhisuan_web::{Markup, html};

/// Every state that a job can have, in the order of its life.
pub(super) const STATES: [JobState; 8] = [
    JobState::Queued,
    JobState::Starting,
    JobState::Running,
    JobState::Stopping,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
    JobState::TimedOut,
];

/// Stable word, Chinese word and tone of a job's state.
pub(super) fn job_state(state: JobState) -> (&'static str, &'static str, Tone) {
    match state {
        JobState::Unspecified => ("unspecified", "未知", Tone::Neutral),
        JobState::Queued => ("queued", "排队", Tone::Info),
        JobState::Starting => ("starting", "启动中", Tone::Info),
        JobState::Running => ("running", "运行中", Tone::Good),
        JobState::Stopping => ("stopping", "停止中", Tone::Warn),
        JobState::Succeeded => ("succeeded", "成功", Tone::Good),
        JobState::Failed => ("failed", "失败", Tone::Bad),
        JobState::Cancelled => ("cancelled", "已取消", Tone::Neutral),
        JobState::TimedOut => ("timed_out", "超时", Tone::Warn),
    }
}

/// Whether a job can still change.
pub(super) fn is_live(state: JobState) -> bool {
    matches!(
        state,
        JobState::Queued | JobState::Starting | JobState::Running | JobState::Stopping
    )
}

pub(super) fn job_badge(state: JobState) -> Markup {
    let (_, word, tone) = job_state(state);
    parts::badge(tone, word)
}

/// Chinese word and tone of a node's state.
pub(super) fn node_state(state: &str) -> (&str, Tone) {
    match state {
        "ready" => ("就绪", Tone::Good),
        "draining" => ("排空中", Tone::Info),
        "lost" => ("失联", Tone::Bad),
        "refused" => ("设备有变，待核实", Tone::Warn),
        other => (other, Tone::Neutral),
    }
}

/// Chinese word and tone of a deployment's state.
pub(super) fn deployment_state(state: &str) -> (&str, Tone) {
    match state {
        "starting" => ("启动中", Tone::Info),
        "scaling" => ("扩容中", Tone::Info),
        "asleep" => ("休眠", Tone::Neutral),
        "ready" => ("正常", Tone::Good),
        "degraded" => ("副本不足", Tone::Warn),
        "stopping" => ("停止中", Tone::Neutral),
        other => (other, Tone::Neutral),
    }
}

/// What a job does.
pub(super) fn work(job: &Job) -> &'static str {
    match job.spec.as_ref().and_then(|spec| spec.work.as_ref()) {
        Some(Work::Train(_)) => "微调",
        Some(Work::Batch(_)) => "批量推理",
        Some(Work::Serve(_)) => "模型服务",
        Some(Work::Command(_)) => "命令",
        None => "未知",
    }
}

/// "2 卡 nvidia-h100，4 核，8 GiB".
pub(super) fn resources(ask: &Resources) -> String {
    let mut text = Vec::new();
    if ask.devices > 0 {
        let kind = if ask.device_kind.is_empty() {
            "任意型号"
        } else {
            &ask.device_kind
        };
        text.push(format!("{} 卡 {kind}", ask.devices));
    }
    text.push(format!(
        "{} 核",
        crate::words::cores(u64::from(ask.cpu_milli))
    ));
    text.push(crate::words::mib(ask.memory_mib));
    text.join("，")
}

/// Local time with its zone; unknown times are drawn as unknown.
pub(super) fn time(ms: i64) -> Markup {
    let known = Timestamp::from_millisecond(ms).ok().filter(|_| ms > 0);
    if let Some(at) = known {
        let local = at.to_zoned(TimeZone::system());
        html! { time datetime=(at) { (local.strftime("%Y-%m-%d %H:%M:%S %:z")) } }
    } else {
        html! { span.unknown title="尚无" { "—" } }
    }
}

/// "42 秒", "3 分 5 秒", "2 小时 4 分", "3 天 1 小时".
pub(super) fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match (
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    ) {
        (0, 0, 0, s) => format!("{s} 秒"),
        (0, 0, m, s) => format!("{m} 分 {s} 秒"),
        (0, h, m, _) => format!("{h} 小时 {m} 分"),
        (d, h, _, _) => format!("{d} 天 {h} 小时"),
    }
}
