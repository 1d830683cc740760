//! What people, machines and the network may do at any moment.

use super::world::Sim;
use crate::make;
use zhisuan_core::{Event, JobId, JobSpec, RequestId, TenantName, WorkKind};

const TENANTS: [&str; 3] = ["acme", "firm", "tiny"];

impl Sim {
    pub(super) fn submit(&mut self) {
        let tenant = *self.rng.pick(&TENANTS).unwrap();
        let count = self.rng.between(1, 4);
        let shape = self.spec();
        let jobs: Vec<JobSpec> = (0..count).map(|_| shape.clone()).collect();
        let keyed = self.rng.once_in(3);
        let key = format!("k{}", self.rng.below(20));
        let event = Event::JobsSubmitted {
            tenant: TenantName::from(tenant),
            fingerprint: format!("{jobs:?}"),
            jobs,
            key: if keyed { key } else { String::new() },
        };
        self.apply(event);
    }

    fn spec(&mut self) -> JobSpec {
        let rng = &mut self.rng;
        let mut spec = make::spec("job");
        spec.resources.cpu_milli = rng.between(1, 40) as u32 * 100;
        spec.resources.memory_mib = rng.between(1, 40) * 256;
        if rng.once_in(2) {
            spec.resources.devices = rng.between(1, 2) as u32;
            spec.resources.device_milli = *rng.pick(&[250, 500, 1000]).unwrap();
            spec.resources.device_memory_mib = *rng.pick(&[0, 0, 10_000]).unwrap();
            let kind = *rng.pick(&["", "a100", "l4"]).unwrap();
            kind.clone_into(&mut spec.resources.device_kind);
        }
        spec.tasks = *rng.pick(&[1, 1, 1, 2, 3]).unwrap();
        spec.priority = rng.below(5) as i32 - 2;
        spec.max_attempts = rng.between(1, 4) as u32;
        spec.work = *rng
            .pick(&[WorkKind::Batch, WorkKind::Command, WorkKind::Serve])
            .unwrap();
        spec.time_limit_ms = match spec.work {
            WorkKind::Serve => None,
            _ => Some(rng.between(5, 120) * 1000),
        };
        spec.max_cost_micro = *rng.pick(&[0, 0, 0, 2_000_000]).unwrap();
        spec
    }

    pub(super) fn cancel(&mut self) {
        let live: Vec<JobId> = self.state.jobs().keys().copied().collect();
        let job = self.rng.pick(&live).copied().unwrap_or(JobId(9_999_999));
        self.apply(Event::CancelRequested { job });
    }

    pub(super) fn connect(&mut self) {
        let down = self.fleet.named(false);
        let Some(name) = self.rng.pick(&down).cloned() else {
            return;
        };
        let restarted = self.rng.once_in(2);
        let Some(worker) = self.fleet.workers.get_mut(&name) else {
            return;
        };
        worker.up = true;
        if restarted {
            worker.forget();
        }
        let event = worker.register(self.now);
        self.apply(event);
    }

    pub(super) fn disconnect(&mut self) {
        let up = self.fleet.named(true);
        let Some(name) = self.rng.pick(&up) else {
            return;
        };
        if let Some(worker) = self.fleet.workers.get_mut(name) {
            worker.up = false;
        }
    }

    pub(super) fn drain(&mut self) {
        let nodes: Vec<_> = self.state.nodes().keys().cloned().collect();
        if let Some(node) = self.rng.pick(&nodes).cloned() {
            let drain = self.rng.once_in(2);
            self.apply(Event::NodeDrained { node, drain });
        }
    }

    pub(super) fn forget_node(&mut self) {
        let nodes: Vec<_> = self.state.nodes().keys().cloned().collect();
        if let Some(node) = self.rng.pick(&nodes).cloned() {
            self.apply(Event::NodeForgotten { node });
        }
    }

    pub(super) fn repeat_old_report(&mut self) {
        if let Some(event) = self.rng.pick(&self.said).cloned() {
            self.apply(event);
        }
    }

    pub(super) fn request(&mut self) {
        if self.rng.once_in(2) {
            self.requests += 1;
            let event = Event::RequestAuthorized {
                request: RequestId(format!("r{}", self.requests)),
                tenant: TenantName::from(*self.rng.pick(&TENANTS).unwrap()),
                model: "qwen".to_owned(),
                priced: !self.rng.once_in(4),
                max_prompt_tokens: self.rng.below(100_000),
                max_completion_tokens: self.rng.below(10_000),
            };
            self.apply(event);
        } else {
            let request = RequestId(format!("r{}", self.rng.below(self.requests + 1)));
            let (prompt_tokens, completion_tokens) =
                (self.rng.below(150_000), self.rng.below(12_000));
            self.apply(Event::RequestSettled {
                request,
                prompt_tokens,
                completion_tokens,
            });
        }
    }

    pub(super) fn publish_prices(&mut self) {
        let from = self
            .now
            .plus(self.rng.below(2) * 30_000 * u64::from(self.payments > 0));
        let mut price = |base: i64| base * self.rng.between(50, 200) as i64 / 100;
        let prices = [
            ("cpu", price(make::CORE_HOUR)),
            ("device:a100", price(make::DEVICE_HOUR)),
            ("device:*", price(make::DEVICE_HOUR / 3)),
            ("tokens-in:*", price(2_000_000)),
            ("tokens-out:*", price(8_000_000)),
        ];
        self.apply(make::prices(from, &prices));
    }

    pub(super) fn pay(&mut self) {
        self.payments += 1;
        let amount = self.rng.below(4_000_000) as i64 - 500_000;
        let tenant = *self.rng.pick(&TENANTS).unwrap();
        // Now and then the same reference again.
        let reference = format!("p{}", self.payments / 2);
        self.apply(make::pay(tenant, amount, &reference));
    }
}
