//! Properties over generated input: money telescopes, replays agree, the same events decide the same.

use crate::make;
use crate::sim::{Rng, Sim, Step, limits, text};
use proptest::prelude::*;
use proptest::test_runner::Config;
use zhisuan_core::ledger::time_amount;
use zhisuan_core::{
    AccountKind, Effect, Event, JobState, Limits, Millis, Outcome, Plan, State, TaskRef, TaskReport,
};

const STATES: [JobState; 8] = [
    JobState::Queued,
    JobState::Starting,
    JobState::Running,
    JobState::Stopping,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
    JobState::TimedOut,
];

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// A centre with one running job of `cpu_milli` at `price` per core-hour.
fn running(price: i64, cpu_milli: u32) -> (State, TaskRef) {
    let mut state = State::new(Limits::default());
    let now = Millis(0);
    let mut spec = make::spec("job");
    spec.resources.cpu_milli = cpu_milli;
    let events = [
        make::prices(now, &[("cpu", price)]),
        make::tenant("acme", AccountKind::Prepaid, 0, 100),
        make::pay("acme", 1_000_000_000_000_000, "first"),
        make::register(make::node("n1", 100_000, 65_536, &[])),
        make::submit("acme", vec![spec]),
    ];
    for event in &events {
        state.apply(event, now).unwrap();
    }
    let placements = state.plan(now).placements;
    let effects = state.apply(&Event::Placed { placements }, now).unwrap();
    let task = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Assign { task, .. } => Some(*task),
            _ => None,
        })
        .unwrap();
    state.apply(&Event::TaskStarted { task }, now).unwrap();
    (state, task)
}

fn used(state: &mut State, task: TaskRef, used_ms: u64, now: Millis) {
    let report = TaskReport { task, used_ms };
    state.apply(&Event::Used { report }, now).unwrap();
}

fn end(state: &mut State, task: TaskRef, used_ms: u64, now: Millis) -> i64 {
    let event = Event::TaskEnded {
        report: TaskReport { task, used_ms },
        outcome: Outcome::Succeeded,
    };
    let effects = state.apply(&event, now).unwrap();
    let ended = effects.iter().find_map(|effect| match effect {
        Effect::JobEnded(job) => Some(job.charged_micro),
        _ => None,
    });
    ended.unwrap()
}

proptest! {
    #![proptest_config(config(256))]

    /// However time is cut into heartbeats, the charge is that of the whole.
    #[test]
    fn charges_telescope(
        price in 0_i64..10_000_000_000,
        cpu_milli in 1_u32..100_000,
        total_ms in 1_u64..3_600_000,
        mut cuts in prop::collection::vec(0_u64..3_600_000, 0..20),
    ) {
        let (mut state, task) = running(price, cpu_milli);
        cuts.retain(|cut| *cut < total_ms);
        cuts.sort_unstable();
        for cut in cuts {
            used(&mut state, task, cut, Millis(cut as i64));
        }
        let charged = end(&mut state, task, total_ms, Millis(total_ms as i64));
        prop_assert_eq!(Some(charged), time_amount(price, u64::from(cpu_milli), total_ms));
    }

    /// Reports that come twice, late or in any order leave the ledger of the reports in order.
    #[test]
    fn replayed_usage_gives_the_same_ledger(
        price in 0_i64..10_000_000_000,
        cuts in prop::collection::vec(0_u64..600_000, 1..12),
        seed in any::<u64>(),
    ) {
        let now = Millis(600_000);
        let mut ordered = cuts.clone();
        ordered.sort_unstable();
        let (mut plain, task) = running(price, 1500);
        for cut in &ordered {
            used(&mut plain, task, *cut, now);
        }
        let (mut messy, _) = running(price, 1500);
        let mut rng = Rng::new(seed);
        for _ in 0..cuts.len() * 3 {
            let cut = *rng.pick(&cuts).unwrap();
            used(&mut messy, task, cut, now);
        }
        used(&mut messy, task, *ordered.last().unwrap(), now);
        prop_assert_eq!(plain.ledger().balances(), messy.ledger().balances());
        prop_assert_eq!(&plain.jobs()[&task.job].charged_micro, &messy.jobs()[&task.job].charged_micro);
    }

    /// The charge of a shorter time is never more, and rounding is within half a micro-yuan.
    #[test]
    fn amounts_grow_with_time(
        price in 0_i64..1_000_000_000_000,
        milli in 0_u64..4_096_000,
        a in 0_u64..31_622_400_000,
        b in 0_u64..31_622_400_000,
    ) {
        let (short, long) = (a.min(b), a.max(b));
        let less = time_amount(price, milli, short);
        let more = time_amount(price, milli, long);
        prop_assert!(more.is_none() || less <= more);
        if let Some(amount) = more {
            let exact = i128::from(price) * i128::from(milli) * i128::from(long);
            let error = i128::from(amount) * 3_600_000_000 - exact;
            prop_assert!(error.abs() <= 1_800_000_000);
        }
    }
}

proptest! {
    #![proptest_config(config(24))]

    /// The same events give the same effects and the same plans, byte for byte.
    #[test]
    fn the_same_events_decide_the_same(seed in any::<u64>()) {
        let history = history(seed);
        prop_assert_eq!(replay(&history, None), replay(&history, None));
    }

    /// A state that was stored and loaded in the middle goes on as if nothing had happened.
    #[test]
    fn a_loaded_state_goes_on_identically(seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let history = history(seed);
        let cut = cut.index(history.len());
        prop_assert_eq!(replay(&history, None), replay(&history, Some(cut)));
    }
}

fn history(seed: u64) -> Vec<Step> {
    let mut sim = Sim::new(seed);
    sim.run(60);
    sim.history
}

/// Every answer and every plan as text; the state is stored and loaded before step `cut`.
fn replay(history: &[Step], cut: Option<usize>) -> Vec<String> {
    let mut state = State::new(limits());
    let mut lines = Vec::new();
    for (index, step) in history.iter().enumerate() {
        if cut == Some(index) {
            state = serde_json::from_str(&text(&state)).unwrap();
            state.resume(limits(), Millis(0));
        }
        match step {
            Step::Event(event, now) => {
                let stored = serde_json::to_string(event).unwrap();
                let event: Event = serde_json::from_str(&stored).unwrap();
                lines.push(format!("{:?}", state.apply(&event, *now)));
            }
            Step::Plan(now) => {
                let plan: Plan = state.plan(*now);
                lines.push(serde_json::to_string(&plan.placements).unwrap());
                state.keep_reasons(plan);
                let waiting = state.jobs().values();
                let reasons: Vec<_> = waiting.map(|job| state.reason(job)).collect();
                lines.push(serde_json::to_string(&reasons).unwrap());
            }
        }
    }
    lines.push(text(&state));
    lines
}

#[test]
fn only_the_listed_transitions_are_legal() {
    for from in STATES {
        for to in STATES {
            let legal = match from {
                JobState::Queued => {
                    [JobState::Starting, JobState::Cancelled, JobState::Failed].contains(&to)
                }
                // Onward, or back to the queue after a lost node; the listed order is that of life.
                JobState::Starting | JobState::Running | JobState::Stopping => {
                    to == JobState::Queued || to > from
                }
                _ => false,
            };
            assert_eq!(from.may_become(to), legal, "{from:?} to {to:?}");
        }
    }
}
