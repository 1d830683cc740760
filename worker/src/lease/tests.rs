//! Tests of the lease machine: cases people can read, then properties over random inputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::{Input, Lease, Outcome, Output, REMEMBER_MS, StopReason};
use proptest::prelude::*;

const LEASE_MS: u64 = 1_000;

fn running(epoch: u64) -> Lease {
    let mut lease = Lease::new(LEASE_MS, 0);
    assert_eq!(lease.apply(Input::Assign { epoch }, 0), [Output::Start]);
    assert_eq!(lease.apply(Input::Started, 10), [Output::ReportStarted]);
    lease
}

fn asked(epoch: u64, grace_ms: u64) -> Input {
    Input::Stop {
        epoch,
        reason: StopReason::Asked("cancelled".into()),
        grace_ms,
    }
}

#[test]
fn the_same_order_twice_starts_once() {
    let mut lease = running(3);
    assert!(lease.apply(Input::Assign { epoch: 3 }, 20).is_empty());
    assert!(lease.is_active());
}

#[test]
fn an_older_epoch_is_refused_and_changes_nothing() {
    let mut lease = running(3);
    let refusal = [Output::Refuse { epoch: 2, holds: 3 }];
    assert_eq!(lease.apply(Input::Assign { epoch: 2 }, 20), refusal);
    assert_eq!(lease.apply(asked(2, 0), 21), refusal);
    assert_eq!(lease.epoch(), 3);
    assert!(lease.is_active());
}

#[test]
fn a_newer_epoch_waits_until_the_older_one_is_dead() {
    let mut lease = running(3);
    let outputs = lease.apply(Input::Assign { epoch: 4 }, 20);
    assert_eq!(
        outputs,
        [
            Output::Kill {
                reason: StopReason::Superseded,
                grace_ms: 0
            },
            Output::Defer { epoch: 4 }
        ]
    );
    lease.apply(Input::Exit(Outcome::Failed), 30);
    assert_eq!(lease.apply(Input::Assign { epoch: 4 }, 31), [Output::Start]);
    assert_eq!(lease.used_ms(99), 0, "a new epoch starts its own usage");
}

#[test]
fn silence_for_a_lease_stops_the_task_and_an_ack_renews_it() {
    let mut lease = running(1);
    lease.apply(Input::SchedulerAck { sent_at_ms: 500 }, 600);
    lease.apply(Input::Disconnected, 700);
    assert!(lease.apply(Input::Tick, 1_499).is_empty());
    assert_eq!(
        lease.apply(Input::Tick, 1_500),
        [Output::Kill {
            reason: StopReason::LeaseExpired,
            grace_ms: 0
        }]
    );
    assert!(lease.apply(Input::Tick, 9_000).is_empty(), "killed once");
}

#[test]
fn a_late_ack_counts_from_the_time_of_sending() {
    let mut lease = running(1);
    lease.apply(Input::SchedulerAck { sent_at_ms: 100 }, 1_050);
    assert_eq!(lease.apply(Input::Tick, 1_100).len(), 1);
}

#[test]
fn death_by_our_signal_is_stopped_and_usage_freezes() {
    let mut lease = running(1);
    assert_eq!(lease.apply(asked(1, 50), 100).len(), 1);
    assert!(lease.apply(asked(1, 50), 101).is_empty(), "longer grace");
    assert_eq!(lease.apply(asked(1, 0), 102).len(), 1, "shorter grace");
    assert_eq!(
        lease.apply(Input::Exit(Outcome::Failed), 110),
        [Output::ReportEnded {
            outcome: Outcome::Stopped,
            used_ms: 100
        }]
    );
    assert_eq!(lease.used_ms(5_000), 100);
}

#[test]
fn an_ended_task_repeats_its_report_and_is_forgotten_late() {
    let mut lease = running(1);
    let end = lease.apply(Input::Exit(Outcome::Succeeded), 60);
    assert_eq!(lease.apply(Input::Assign { epoch: 1 }, 70), end);
    assert!(lease.apply(Input::Tick, REMEMBER_MS * 2).is_empty());
    lease.apply(Input::Delivered, 80);
    assert!(lease.apply(Input::Tick, 90).is_empty());
    assert_eq!(lease.apply(Input::Tick, REMEMBER_MS + 60), [Output::Forget]);
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        (1..4u64).prop_map(|epoch| Input::Assign { epoch }),
        Just(Input::Started),
        prop_oneof![Just(Outcome::Succeeded), Just(Outcome::Failed)].prop_map(Input::Exit),
        (0..4u64, 0..500u64).prop_map(|(epoch, grace)| asked(epoch, grace)),
        Just(Input::Tick),
        (0..5_000u64).prop_map(|sent_at_ms| Input::SchedulerAck { sent_at_ms }),
        Just(Input::Delivered),
        Just(Input::Disconnected),
    ]
}

proptest! {
    #[test]
    fn no_epoch_starts_twice_and_epochs_never_fall(
        steps in prop::collection::vec((inputs(), 0..700u64), 0..60)
    ) {
        let mut lease = Lease::new(LEASE_MS, 0);
        let (mut now, mut started, mut last_used) = (0, Vec::new(), (0, 0));
        for (input, passed) in steps {
            now += passed;
            let before = (lease.is_active(), lease.epoch());
            for output in lease.apply(input, now) {
                if output == Output::Start {
                    prop_assert!(!before.0, "started while another epoch was alive");
                    prop_assert!(!started.contains(&lease.epoch()));
                    started.push(lease.epoch());
                }
            }
            prop_assert!(lease.epoch() >= before.1);
            let used = (lease.epoch(), lease.used_ms(now));
            prop_assert!(used.0 > last_used.0 || used.1 >= last_used.1, "usage fell");
            last_used = used;
        }
    }
}
