//! Scaling on a virtual clock: bounds, no flapping, waking from nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::scale::{History, Rule, Seen, scale};
use zhisuan_proto::v1::Autoscale;

const SECOND: i64 = 1000;

fn rule(floor: u32, ceiling: u32, target: u32, idle_s: u32) -> Rule {
    let wire = Autoscale {
        floor,
        ceiling,
        target_inflight: target,
        idle_s,
    };
    Rule::of(wire, 0, 256).unwrap()
}

/// Replicas second by second under a demand.
fn run(rule: Rule, seconds: i64, demand: impl Fn(i64) -> u64) -> Vec<u32> {
    let mut history = History::default();
    let at = |second: i64| Seen {
        inflight: demand(second),
        loading: 0,
    };
    (0..seconds)
        .map(|second| scale(rule, &mut history, at(second), second * SECOND))
        .collect()
}

fn changes(replicas: &[u32]) -> usize {
    replicas
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .count()
}

/// Numbers that look random and are the same in every run (splitmix64).
fn noise(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn up_at_once_down_after_the_idle_time_and_to_nothing() {
    let replicas = run(rule(0, 4, 4, 60), 200, |second| {
        if (10..20).contains(&second) { 12 } else { 0 }
    });
    assert_eq!((replicas[9], replicas[10]), (0, 3), "woken at once");
    assert_eq!(
        (replicas[78], replicas[79]),
        (3, 0),
        "sixty seconds after the last request at 19 s"
    );
    assert_eq!(changes(&replicas), 2);
}

#[test]
fn demand_that_comes_and_goes_within_the_idle_time_moves_nothing() {
    let replicas = run(
        rule(1, 8, 2, 30),
        600,
        |second| {
            if second % 20 < 10 { 9 } else { 0 }
        },
    );
    assert!(replicas.iter().all(|replicas| *replicas == 5));
}

#[test]
fn random_demand_stays_within_bounds_and_is_always_met() {
    for seed in 0..50 {
        let rule = rule(1, 6, 3, 20);
        let demand = |second: i64| noise(seed * 10_000 + second as u64 / 7) % 25;
        let replicas = run(rule, 1000, demand);
        for (second, have) in replicas.iter().enumerate() {
            assert!((1..=6).contains(have));
            assert!(*have >= rule.need(demand(second as i64)), "less than asked");
        }
        for (second, pair) in replicas.windows(2).enumerate() {
            if pair[1] < pair[0] {
                let from = (second as i64 + 1 - 19).max(0);
                let lately = (from..=second as i64 + 1).map(|at| rule.need(demand(at)));
                assert!(lately.max().unwrap() <= pair[1], "down too early");
            }
        }
    }
}

#[test]
fn what_runs_after_a_restart_is_kept_for_the_idle_time() {
    let rule = rule(0, 4, 4, 60);
    let mut history = History::starting(2, 0);
    let nobody = Seen::default();
    assert_eq!(scale(rule, &mut history, nobody, SECOND), 2);
    assert_eq!(scale(rule, &mut history, nobody, 59 * SECOND), 2);
    assert_eq!(scale(rule, &mut history, nobody, 61 * SECOND), 0);
}

#[test]
fn a_replica_that_loads_for_longer_than_the_idle_time_is_not_given_up() {
    let rule = rule(0, 4, 4, 10);
    let mut history = History::starting(1, 0);
    let loading = Seen {
        inflight: 0,
        loading: 1,
    };
    for second in 0..100 {
        assert_eq!(scale(rule, &mut history, loading, second * SECOND), 1);
    }
    assert_eq!(scale(rule, &mut history, Seen::default(), 105 * SECOND), 1);
    assert_eq!(scale(rule, &mut history, Seen::default(), 110 * SECOND), 0);
}

#[test]
fn the_memory_is_small_and_enormous_demand_is_cut_off() {
    let rule = rule(0, 7, 1, 3600);
    let mut history = History::default();
    for second in 0..5000 {
        let inflight = noise(second) % 1000;
        let seen = Seen {
            inflight,
            loading: 0,
        };
        scale(rule, &mut history, seen, second as i64 * SECOND);
    }
    let most = Seen {
        inflight: u64::MAX,
        loading: u32::MAX,
    };
    assert_eq!(scale(rule, &mut history, most, i64::MAX), 7);
    assert!(format!("{history:?}").matches("), (").count() < 8);
}

#[test]
fn bounds_that_cannot_hold_are_refused_by_field() {
    let refused = |wire| Rule::of(wire, 0, 256).unwrap_err().to_string();
    let wire = |floor, ceiling| Autoscale {
        floor,
        ceiling,
        ..Autoscale::default()
    };
    assert!(refused(wire(0, 0)).starts_with("autoscale.ceiling"));
    assert!(refused(wire(0, 257)).starts_with("autoscale.ceiling"));
    assert!(refused(wire(3, 2)).starts_with("autoscale.floor"));
    let rule = Rule::of(wire(0, 2), 16, 256).unwrap();
    assert_eq!((rule.target, rule.idle_ms), (16, 300_000));
}
