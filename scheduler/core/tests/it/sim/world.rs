//! One simulated centre: what may happen next, and what must be true afterwards.

use super::books::Books;
use super::fleet::{Fleet, Worker};
use super::rng::Rng;
use crate::make;
use zhisuan_core::{
    AccountKind, Event, Job, JobId, JobState, Limits, Millis, Reason, Refusal, State, check,
};

/// Old reports that the network may deliver once more.
const MEMORY: usize = 64;

/// A line of the history, enough to play it again.
#[derive(Clone)]
pub(crate) enum Step {
    Event(Event, Millis),
    Plan(Millis),
}

pub(crate) struct Sim {
    pub(crate) state: State,
    pub(crate) history: Vec<Step>,
    pub(super) now: Millis,
    pub(super) rng: Rng,
    pub(super) fleet: Fleet,
    books: Books,
    pub(super) said: Vec<Event>,
    pub(super) requests: u64,
    pub(super) payments: u64,
}

pub(crate) fn limits() -> Limits {
    Limits {
        lease_ms: 15_000,
        slice_ms: 20_000,
        window_ms: 120_000,
        request_ms: 60_000,
    }
}

impl Sim {
    pub(crate) fn new(seed: u64) -> Self {
        let mut sim = Self {
            state: State::new(limits()),
            history: Vec::new(),
            now: Millis(1_000_000),
            rng: Rng::new(seed),
            fleet: Fleet::default(),
            books: Books::default(),
            said: Vec::new(),
            requests: 0,
            payments: 0,
        };
        sim.publish_prices();
        sim.apply(make::tenant("acme", AccountKind::Prepaid, 0, 100));
        sim.apply(make::tenant(
            "firm",
            AccountKind::Contract,
            500_000_000,
            300,
        ));
        sim.apply(make::tenant("tiny", AccountKind::Prepaid, 0, 50));
        for (tenant, amount) in [("acme", 900_000_000), ("tiny", 3_000_000)] {
            sim.apply(make::pay(tenant, amount, "first"));
        }
        for index in 0..sim.rng.between(1, 5) {
            let name = format!("n{index}");
            let devices = [
                ("a100", 80_000),
                ("a100", 80_000),
                ("l4", 24_000),
                ("l4", 24_000),
            ];
            let count = sim.rng.below(5) as usize;
            let cpu = sim.rng.between(2, 16) as u32 * 1000;
            let spec = make::node(&name, cpu, 64_000, &devices[..count]);
            sim.fleet
                .workers
                .insert(spec.name.clone(), Worker::new(spec));
        }
        sim
    }

    pub(crate) fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            self.step();
        }
    }

    pub(crate) fn summary(&self) -> [u64; 4] {
        let books = &self.books;
        let jobs = books.ended.len() as u64;
        [jobs, books.retries, books.reversals, books.overclaims]
    }

    /// Applies one event and checks everything that must hold after it.
    pub(super) fn apply(&mut self, event: Event) -> bool {
        // Looking at the whole state is dear: a part of the events is enough over many seeds.
        let before = self.rng.once_in(8).then(|| self.state.clone());
        let answer = self.state.apply(&event, self.now);
        let done = answer.is_ok();
        if let (Err(_), Some(before)) = (&answer, before) {
            let (was, is) = (text(&before), text(&self.state));
            assert_eq!(was, is, "a refused event changed something: {event:?}");
        }
        let effects = answer.unwrap_or_default();
        for effect in &effects {
            self.books.note(effect, &self.state);
        }
        self.fleet.deliver(&effects, self.now, &mut self.rng);
        if let Err(violation) = check::invariants(&self.state) {
            panic!("{violation}, after {event:?}");
        }
        self.history.push(Step::Event(event, self.now));
        done
    }

    /// A worker's report; the network may repeat it, now or much later.
    fn report(&mut self, event: Event) {
        if self.said.len() < MEMORY {
            self.said.push(event.clone());
        } else {
            let place = self.rng.below(MEMORY as u64) as usize;
            self.said[place] = event.clone();
        }
        self.apply(event);
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..=24 => self.submit(),
            25..=64 => {
                let ms = self.rng.between(10, 9_000);
                self.pass(ms);
            }
            65..=70 => self.cancel(),
            71..=75 => self.connect(),
            76..=79 => self.disconnect(),
            80..=82 => self.drain(),
            83..=88 => self.repeat_old_report(),
            89..=93 => self.request(),
            94 => self.publish_prices(),
            95..=96 => self.pay(),
            97 => self.restart(),
            98 => self.forget_node(),
            _ => self.pass(30_000),
        }
        self.plan();
    }

    /// Time passes: workers work and show signs of life, what is due happens.
    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
        for name in self.fleet.named(true) {
            let Some(worker) = self.fleet.workers.get_mut(&name) else {
                continue;
            };
            let events = worker.progress(self.now, &mut self.rng);
            let heartbeat = worker.heartbeat(self.now);
            for event in events {
                self.report(event);
            }
            let seen = self.state.observe(&heartbeat, self.now);
            for (task, _) in seen.stop {
                if let Some(worker) = self.fleet.workers.get_mut(&name) {
                    worker.stop(task);
                }
            }
            for event in seen.events {
                self.report(event);
            }
            if !seen.known
                && let Some(worker) = self.fleet.workers.get(&name)
            {
                let event = worker.register(self.now);
                self.apply(event);
            }
        }
        for event in self.state.due(self.now) {
            self.apply(event);
        }
    }

    fn plan(&mut self) {
        let plan = self.state.plan(self.now);
        self.history.push(Step::Plan(self.now));
        if !plan.placements.is_empty() {
            let placements = plan.placements.clone();
            assert!(
                self.apply(Event::Placed { placements }),
                "the plan was refused"
            );
        }
        self.state.keep_reasons(plan);
        // A look at every waiting job is dear: some of the passes are enough over many seeds.
        if self.rng.once_in(3) {
            self.confirm_reasons();
        }
    }

    /// Every waiting job has a reason, and asking anew gives the same one.
    fn confirm_reasons(&self) {
        for job in self.state.jobs().values() {
            if job.state != JobState::Queued {
                continue;
            }
            let kept = self.state.reason(job);
            assert_ne!(
                kept,
                Reason::Unplanned,
                "job {} waits for no reason",
                job.id
            );
            match self.state.quote(&job.tenant, &job.spec, self.now) {
                Ok(quote) => assert_eq!(Some(kept), quote.waits, "job {}", job.id),
                // The nodes that could have run it have been forgotten since, or prices changed.
                Err(Refusal::Impossible(_) | Refusal::OverBudget { .. }) => {}
                Err(refusal) => panic!("job {}: {refusal}", job.id),
            }
        }
    }

    fn restart(&mut self) {
        let stored = text(&self.state);
        self.state = serde_json::from_str(&stored).unwrap();
        self.state.resume(limits(), self.now);
        assert_eq!(stored, text(&self.state), "a restart changed something");
        check::invariants(&self.state).unwrap();
    }

    /// Everything comes back, work that would go on for ever is cancelled, and all must end.
    pub(crate) fn finish(&mut self) {
        for name in self.fleet.named(false) {
            if let Some(worker) = self.fleet.workers.get_mut(&name) {
                worker.up = true;
                let event = worker.register(self.now);
                self.apply(event);
            }
        }
        for node in self.state.nodes().keys().cloned().collect::<Vec<_>>() {
            self.apply(Event::NodeDrained { node, drain: false });
        }
        // Accepted before any node had joined, and no node that joined can run it.
        let impossible = |job: &Job| {
            let quote = self.state.quote(&job.tenant, &job.spec, self.now);
            matches!(quote, Err(Refusal::Impossible(_)))
        };
        let open = self.state.jobs().values();
        let open: Vec<JobId> = open
            .filter(|job| job.spec.time_limit_ms.is_none() || impossible(job))
            .map(|job| job.id)
            .collect();
        for job in open {
            self.apply(Event::CancelRequested { job });
        }
        let mut rounds = 0;
        while !self.state.jobs().is_empty() {
            self.plan();
            self.pass(5_000);
            rounds += 1;
            assert!(
                rounds < 5_000,
                "never ends: {:?}",
                self.state.jobs().values().next()
            );
        }
        self.pass(120_000);
        assert_eq!(
            self.state.open_requests(),
            0,
            "money is held for a lost request"
        );
        self.books.agree_with(&self.state);
        let ended: Vec<JobId> = self.books.ended.keys().copied().collect();
        let accepted: Vec<JobId> = self.books.accepted.iter().copied().collect();
        assert_eq!(accepted, ended, "an accepted job did not end");
        for tenant in self.state.tenants().keys() {
            let held = zhisuan_core::ledger::Account::Held(tenant.clone());
            assert_eq!(
                self.state.ledger().balance(&held),
                0,
                "{tenant} still holds money"
            );
        }
    }
}

pub(crate) fn text(state: &State) -> String {
    serde_json::to_string(state).unwrap()
}
