//! Properties of the queue: shares, bands, bounds, and that no place is lost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::queue::{Ask, Bounds, Full, Outcome, Queue};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn ask(tenant: &str, tokens: u64) -> Ask {
    Ask {
        tenant: tenant.into(),
        weight: 100,
        band: 1,
        tokens,
    }
}

fn bounds(places: usize) -> Bounds {
    Bounds {
        places,
        waiting: 1_000,
        waiting_per_tenant: 500,
    }
}

/// Fills one place, lets everybody wait, and serves `rounds` requests one after the other.
fn serve(queue: &mut Queue, asks: Vec<Ask>, rounds: usize) -> BTreeMap<Box<str>, u64> {
    let filler = ask("filler", 0);
    assert_eq!(queue.offer(filler.clone(), 0), Outcome::Runs);
    let mut waiting = BTreeMap::new();
    for ask in asks {
        match queue.offer(ask.clone(), 0) {
            Outcome::Waits(number) => waiting.insert(number, ask),
            other => panic!("{other:?}"),
        };
    }
    let mut served = BTreeMap::new();
    let mut running = filler;
    for _ in 0..rounds {
        queue.finish(&running, running.tokens);
        let Some(number) = queue.next(0) else { break };
        running = waiting.remove(&number).unwrap();
        *served.entry(running.tenant.clone()).or_insert(0) += running.tokens;
    }
    served
}

#[test]
fn two_tenants_share_by_tokens_not_by_requests() {
    let mut queue = Queue::new(bounds(1));
    let mut asks = Vec::new();
    for _ in 0..100 {
        asks.push(ask("long", 1_000));
    }
    for _ in 0..400 {
        asks.push(ask("short", 100));
    }
    let served = serve(&mut queue, asks, 110);
    let (long, short) = (served["long"], served["short"]);
    assert!(long.abs_diff(short) <= 1_000, "{long} against {short}");
}

#[test]
fn weights_divide_the_tokens() {
    let mut queue = Queue::new(bounds(1));
    let mut asks = Vec::new();
    for _ in 0..100 {
        asks.push(Ask {
            weight: 300,
            ..ask("heavy", 100)
        });
        asks.push(ask("light", 100));
    }
    let served = serve(&mut queue, asks, 80);
    assert_eq!((served["heavy"], served["light"]), (6_000, 2_000));
}

#[test]
fn urgent_bands_go_first_and_waiting_makes_urgent() {
    let mut queue = Queue::new(bounds(1));
    let first = ask("a", 1);
    assert_eq!(queue.offer(first.clone(), 0), Outcome::Runs);
    let band = |band| Ask {
        band,
        ..ask("a", 1)
    };
    let Outcome::Waits(patient) = queue.offer(band(2), 0) else {
        panic!("no place is free")
    };
    let Outcome::Waits(urgent) = queue.offer(band(0), 1) else {
        panic!("no place is free")
    };
    queue.finish(&first, 1);
    assert_eq!(queue.next(2), Some(urgent));
    let Outcome::Waits(late) = queue.offer(band(0), 20_000) else {
        panic!("no place is free")
    };
    queue.finish(&band(0), 1);
    assert_eq!(
        queue.next(20_000),
        Some(patient),
        "aged to the same band, older"
    );
    queue.finish(&band(2), 1);
    assert_eq!(queue.next(20_000), Some(late));
}

#[test]
fn idleness_saves_up_nothing() {
    let mut queue = Queue::new(bounds(1));
    let mut asks = Vec::new();
    for _ in 0..50 {
        asks.push(ask("busy", 100));
    }
    serve(&mut queue, asks, 30);
    let mut numbers = Vec::new();
    for _ in 0..20 {
        if let Outcome::Waits(number) = queue.offer(ask("new", 100), 0) {
            numbers.push(number);
        }
    }
    let mut new = 0;
    for _ in 0..20 {
        queue.finish(&ask("busy", 100), 100);
        new += usize::from(numbers.contains(&queue.next(0).unwrap()));
    }
    assert!((8..=12).contains(&new), "{new} of 20");
}

#[test]
fn bounds_refuse_by_name_and_the_wait_follows_the_share() {
    let mut queue = Queue::new(Bounds {
        places: 2,
        waiting: 3,
        waiting_per_tenant: 2,
    });
    assert_eq!(queue.offer(ask("a", 1), 0), Outcome::Runs);
    assert_eq!(queue.offer(ask("a", 1), 0), Outcome::Runs);
    assert!(matches!(queue.offer(ask("a", 1), 0), Outcome::Waits(_)));
    assert!(matches!(queue.offer(ask("a", 1), 0), Outcome::Waits(_)));
    assert_eq!(queue.offer(ask("a", 1), 0), Outcome::Full(Full::Tenant(2)));
    // Three requests of one second each on two places, alone.
    assert_eq!(queue.expected_wait_ms("a", 1_000), 1_500);
    assert!(matches!(queue.offer(ask("b", 1), 0), Outcome::Waits(_)));
    assert_eq!(queue.offer(ask("c", 1), 0), Outcome::Full(Full::All(3)));
    // Half of the places only, since b shares them.
    assert_eq!(queue.expected_wait_ms("a", 1_000), 3_000);
    assert_eq!(queue.expected_wait_ms("a", u64::MAX), u64::MAX);
}

proptest! {
    #[test]
    fn no_place_is_lost_and_no_bound_is_passed(
        steps in proptest::collection::vec((0_u8..4, 0_usize..3, 0_u64..100), 1..300),
    ) {
        let mut queue = Queue::new(Bounds { places: 3, waiting: 5, waiting_per_tenant: 2 });
        let names = ["a", "b", "c"];
        let (mut running, mut waiting) = (Vec::new(), BTreeMap::new());
        for (now, (what, who, tokens)) in steps.into_iter().enumerate() {
            let now = now as u64 * 100;
            match what {
                0 | 1 => match queue.offer(ask(names[who], tokens), now) {
                    Outcome::Runs => running.push(ask(names[who], tokens)),
                    Outcome::Waits(number) => {
                        waiting.insert(number, ask(names[who], tokens));
                    }
                    Outcome::Full(_) => prop_assert!(running.len() == 3),
                },
                2 => if let Some(ask) = running.pop() {
                    queue.finish(&ask, tokens);
                },
                _ => if let Some((number, ask)) = waiting.pop_first() {
                    prop_assert!(queue.leave(&ask.tenant, number));
                    prop_assert!(!queue.leave(&ask.tenant, number));
                },
            }
            while let Some(number) = queue.next(now) {
                running.push(waiting.remove(&number).unwrap());
            }
            prop_assert_eq!((queue.running(), queue.waiting()), (running.len(), waiting.len()));
            prop_assert!(running.len() <= 3 && waiting.len() <= 5);
            prop_assert!(waiting.is_empty() || running.len() == 3, "nobody waits beside a free place");
        }
    }
}
