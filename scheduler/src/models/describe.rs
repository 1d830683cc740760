//! A deployment as people see it, with the reason for its state.

use super::deployment::Deployment;
use super::reconcile::Failures;
use super::scale::Rule;
use super::state::{Scaled, State};
use crate::words::Sentence;
use zhisuan_proto::v1;

impl State {
    pub(super) fn describe(&self, deployment: &Deployment) -> v1::Deployment {
        let jobs = || self.jobs_of(&deployment.name);
        let ready = jobs().filter(|job| job.ready.is_some()).count() as u32;
        let wanted = self.wanted(deployment);
        let kept = self.desired.contains_key(&deployment.name);
        let follows = deployment.autoscale.is_some();
        let state = match ready {
            _ if !kept => "stopping",
            0 if wanted == 0 => "asleep",
            ready if follows && ready < wanted => "scaling",
            0 => "starting",
            ready if ready < wanted => "degraded",
            _ => "ready",
        };
        v1::Deployment {
            name: deployment.name.clone(),
            tenant: deployment.tenant.clone(),
            models: deployment.served().map(str::to_owned).collect(),
            replicas: wanted,
            ready,
            metering: deployment.metering().into(),
            job_ids: jobs().map(|job| job.job_id).collect(),
            state: state.to_owned(),
            reason: kept
                .then(|| self.reason(deployment, ready, wanted))
                .flatten(),
            created_at_ms: deployment.created_at_ms,
            autoscale: deployment.autoscale.map(Rule::to_proto),
            serve_as: deployment.serve_as.clone(),
            loads: self.loads_of(&deployment.name),
        }
    }

    fn reason(&self, deployment: &Deployment, ready: u32, wanted: u32) -> Option<v1::Reason> {
        if let Some(failures) = self.failures.get(&deployment.name)
            && ready < wanted
        {
            return Some(failed(failures));
        }
        let behind = self.jobs_of(&deployment.name);
        let behind = behind.filter(|job| job.is_behind(deployment)).count();
        if behind > 0 {
            return Some(changing(behind));
        }
        let (rule, scaled) = deployment
            .autoscale
            .zip(self.scaled.get(&deployment.name))?;
        if wanted == 0 {
            return Some(asleep());
        }
        (ready < wanted && scaled.inflight > 0).then(|| growing(rule, scaled))
    }
}

fn failed(failures: &Failures) -> v1::Reason {
    let Failures { count, message, .. } = failures;
    Sentence::new(
        "replica_failed",
        format!("副本已连续失败 {count} 次，会自动重试；最近一次：{message}"),
        format!("replicas failed {count} times in a row and are tried again; last: {message}"),
    )
    .number("failures", *count)
    .number("next_try_at_ms", failures.next_at_ms())
    .reason()
}

fn changing(replicas: usize) -> v1::Reason {
    Sentence::new(
        "adapters_changing",
        format!("{replicas} 个副本正在更换适配器，进行中的请求不受影响"),
        format!("{replicas} replicas are changing their adapters; running requests go on"),
    )
    .number("replicas", replicas)
    .reason()
}

fn asleep() -> v1::Reason {
    Sentence::new(
        "asleep",
        "没有请求，副本已全部释放；下一个请求会唤醒它",
        "nobody asks, so no replica runs; the next request wakes it",
    )
    .reason()
}

fn growing(rule: Rule, scaled: &Scaled) -> v1::Reason {
    let (inflight, target) = (scaled.inflight, rule.target);
    let ceiling = if scaled.wanted == rule.ceiling {
        (
            format!("（上限 {} 个）", rule.ceiling),
            format!(" (at most {})", rule.ceiling),
        )
    } else {
        (String::new(), String::new())
    };
    Sentence::new(
        "scaling_up",
        format!(
            "正在扩容到 {} 个副本{}：{inflight} 个请求进行中，每个副本按 {target} 个安排",
            scaled.wanted, ceiling.0
        ),
        format!(
            "scaling up to {} replicas{}: {inflight} requests under way, one replica is meant for {target}",
            scaled.wanted, ceiling.1
        ),
    )
    .number("wanted", scaled.wanted)
    .number("inflight", inflight)
    .number("target", target)
    .reason()
}
