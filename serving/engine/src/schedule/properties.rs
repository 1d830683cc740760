//! Properties of the loop on the fake runner: many seeds, random moments.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::simulation::{End, LIMITS, World};
use super::{LEAST_CHUNK, Limits};
use crate::runner::BLOCK_TOKENS;

const TENANTS: [&str; 3] = ["fake-a", "fake-b", "fake-c"];

/// Random arrivals with shared prefixes, bands, deadlines and pins, and cancels in between.
fn storm(seed: u64, blocks: usize, drafting: bool) -> World {
    let mut world = World::new(LIMITS, blocks, blocks / 8, seed);
    world.drafting = drafting;
    let prefixes: Vec<Vec<u32>> = (0..3).map(|i| world.tokens(i * 40)).collect();
    for _ in 0..60 {
        match world.random(4) {
            0 | 1 => {
                let mut prompt = prefixes[world.random(3)].clone();
                let fresh = 1 + world.random(150);
                prompt.extend(world.tokens(fresh));
                let wanted = 1 + world.random(200);
                let most = world.longest() - wanted;
                prompt.truncate(most);
                let (band, late, pin) = (world.random(4), world.random(5), world.random(4));
                let now = world.now();
                let tenant = TENANTS[world.random(3)];
                world.submit_with(tenant, prompt, wanted, |s| {
                    s.band = band;
                    s.deadline_us = (late == 0).then_some(now + 200_000);
                    s.pin_us = if pin == 0 { 1_000_000 } else { 0 };
                });
            }
            2 if !world.stories.is_empty() => {
                let count = world.stories.len();
                let id = world.random(count) as u64;
                if world.random(3) == 0 {
                    world.cancel(id);
                    assert!(world.scheduler.get(id).is_none());
                    world.scheduler.check().unwrap();
                }
            }
            _ => {
                for _ in 0..world.random(12) {
                    world.step();
                }
            }
        }
    }
    world.finish();
    world
}

#[test]
fn fake_storms_end_every_request_once_with_the_right_tokens() {
    let (mut preempted, mut hits, mut accepted, mut rejected) = (0, 0, 0, 0);
    let mut ends = [0; 3];
    for seed in 0..150 {
        // From a roomy pool to one in which two requests hardly fit.
        let blocks = [400, 60, 30, 24][seed as usize % 4];
        let world = storm(seed, blocks, seed % 3 == 0);
        let counters = world.scheduler.counters();
        preempted += counters.preemptions;
        hits += counters.prefix_hit_tokens;
        accepted += counters.drafts_accepted;
        rejected += counters.drafts_proposed - counters.drafts_accepted;
        for story in world.stories.values() {
            ends[story.end.unwrap() as usize] += 1;
        }
    }
    // The storms reach what they are for.
    assert!(
        preempted > 100 && hits > 10_000,
        "{preempted} preemptions, {hits} hits"
    );
    assert!(
        accepted > 1000 && rejected > 1000,
        "{accepted} right, {rejected} wrong drafts"
    );
    assert!(ends.iter().all(|count| *count > 50), "{ends:?}");
}

#[test]
fn a_step_keeps_its_budget_and_writers_keep_their_pace() {
    let mut world = World::new(LIMITS, 400, 0, 1);
    let prompt = world.tokens(10);
    let writer = world.submit("fake-a", prompt, 300);
    while world.stories[&writer].answer.len() < 20 {
        world.step();
    }
    world.most_rows = 0;
    for _ in 0..5 {
        let prompt = world.tokens(600);
        world.submit("fake-b", prompt, 4);
    }
    let before = world.steps;
    world.finish();
    // 60 ms are 61 rows at the declared cost; the model needs a few steps to learn it.
    assert!(
        world.most_rows <= LIMITS.max_chunk + LIMITS.max_running,
        "{}",
        world.most_rows
    );
    let pause = world.stories[&writer].pause_us;
    assert!(pause <= 2 * LIMITS.target_us, "{pause}");
    assert!(world.steps - before < 400, "{}", world.steps);
}

#[test]
fn prompts_always_advance() {
    // A target that even one row misses: chunks are as small as allowed, and no smaller.
    let limits = Limits {
        target_us: 1,
        ..LIMITS
    };
    let mut world = World::new(limits, 400, 0, 1);
    let prompt = world.tokens(10);
    let writer = world.submit("fake-a", prompt, 100);
    for _ in 0..3 {
        world.step();
    }
    let prompt = world.tokens(20 * LEAST_CHUNK);
    let long = world.submit("fake-b", prompt, 1);
    let before = world.steps;
    while world.stories[&long].end.is_none() {
        world.step();
    }
    assert_eq!(world.steps - before, 20);
    assert!(world.stories[&writer].end.is_none());
    world.finish();
}

#[test]
fn a_quiet_tenant_is_not_held_up_by_a_flood() {
    let alone = {
        let mut world = World::new(LIMITS, 400, 0, 3);
        let prompt = world.tokens(100);
        let id = world.submit("fake-quiet", prompt, 30);
        world.finish();
        world.wait_us(id)
    };
    let mut world = World::new(LIMITS, 400, 0, 3);
    for _ in 0..200 {
        let prompt = world.tokens(100);
        world.submit("fake-flood", prompt, 30);
    }
    let mut quiet = Vec::new();
    for _ in 0..10 {
        for _ in 0..40 {
            world.step();
        }
        let prompt = world.tokens(100);
        quiet.push(world.submit("fake-quiet", prompt, 30));
    }
    world.finish();
    for id in quiet {
        // It waits until one of the six running answers ends, never for the flood's line.
        let wait = world.wait_us(id);
        assert!(
            wait < alone + 10 * LIMITS.target_us,
            "{wait} us, {alone} alone"
        );
    }
    let last_flood = world.wait_us(199);
    assert!(
        last_flood > 20_000_000,
        "the flood itself waits: {last_flood}"
    );
}

#[test]
fn two_floods_share_by_tokens() {
    let mut world = World::new(LIMITS, 400, 0, 5);
    // One tenant asks long questions, the other short ones.
    for i in 0..240 {
        let (tenant, length) = if i % 3 == 0 {
            ("fake-long", 300)
        } else {
            ("fake-short", 60)
        };
        let prompt = world.tokens(length);
        world.submit(tenant, prompt, 20);
    }
    while world.now() < 30_000_000 {
        world.step();
    }
    let paid = |tenant: &str| {
        let done = world
            .stories
            .values()
            .filter(|s| s.tenant == tenant && !s.answer.is_empty());
        done.map(|s| s.prompt.len() + 2 * s.answer.len())
            .sum::<usize>() as i64
    };
    let (long, short) = (paid("fake-long"), paid("fake-short"));
    // Sheng et al.: the gap is bounded by twice the larger of a prompt and a full batch.
    assert!(
        (long - short).abs() <= 2 * (300 + 6 * 2 * 20),
        "{long} against {short}"
    );
}

#[test]
fn the_last_band_is_served_under_a_flood_of_the_first() {
    let mut world = World::new(LIMITS, 400, 0, 7);
    for _ in 0..20 {
        let prompt = world.tokens(50);
        world.submit_with("fake-b", prompt, 20, |s| s.band = 0);
    }
    world.step();
    let prompt = world.tokens(50);
    let patient = world.submit_with("fake-a", prompt, 5, |s| s.band = 3);
    let mut flood = 0;
    while world.stories[&patient].end.is_none() {
        while world.scheduler.waiting_by_band()[0] < 5 {
            let prompt = world.tokens(50);
            world.submit_with("fake-b", prompt, 20, |s| s.band = 0);
            flood += 1;
        }
        world.step();
        assert!(world.now() < 6 * LIMITS.age_us, "starved");
    }
    assert!(flood > 100 && world.wait_us(patient) > 2 * LIMITS.age_us);
    world.finish();
}

#[test]
fn a_prefix_is_computed_once_even_for_a_burst() {
    let mut world = World::new(LIMITS, 400, 0, 9);
    let prefix = world.tokens(10 * BLOCK_TOKENS);
    let burst: Vec<u64> = (0..5)
        .map(|_| {
            let mut prompt = prefix.clone();
            prompt.extend(world.tokens(20));
            world.submit("fake-a", prompt, 10)
        })
        .collect();
    world.finish();
    let cached: Vec<usize> = burst.iter().map(|id| world.stories[id].cached).collect();
    assert_eq!(cached, [0, 320, 320, 320, 320]);
    // Another tenant finds nothing of it; a whole prompt leaves its last block to compute.
    let other = world.submit("fake-b", prefix.clone(), 3);
    let same = world.submit("fake-a", prefix, 3);
    world.finish();
    assert_eq!(
        (world.stories[&other].cached, world.stories[&same].cached),
        (0, 288)
    );
}

#[test]
fn pins_survive_a_flood_and_end() {
    for (pin_us, found) in [(3_600_000_000, 64), (0, 0)] {
        let mut world = World::new(LIMITS, 32, 4, 11);
        let pinned = world.tokens(70);
        world.submit_with("fake-a", pinned.clone(), 2, |s| s.pin_us = pin_us);
        world.finish();
        for _ in 0..20 {
            let prompt = world.tokens(200);
            world.submit("fake-a", prompt, 8);
        }
        world.finish();
        let again = world.submit("fake-a", pinned, 2);
        world.finish();
        assert_eq!(world.stories[&again].cached, found);
    }
}

#[test]
fn pins_yield_to_the_one_request_that_must_go_on() {
    let mut world = World::new(LIMITS, 8, 4, 12);
    let pinned = world.tokens(130);
    world.submit_with("fake-a", pinned, 2, |s| s.pin_us = u64::MAX);
    world.finish();
    assert_eq!(world.scheduler.pool().used, 4);
    let prompt = world.tokens(200);
    world.submit("fake-b", prompt, 50);
    world.finish();
}

#[test]
fn out_of_blocks_the_least_urgent_gives_way() {
    let mut world = World::new(LIMITS, 12, 0, 13);
    let prompt = world.tokens(100);
    let low = world.submit_with("fake-a", prompt, 150, |s| s.band = 3);
    for _ in 0..10 {
        world.step();
    }
    let prompt = world.tokens(100);
    let high = world.submit_with("fake-b", prompt, 150, |s| s.band = 0);
    while world.stories[&high].end.is_none() {
        world.step();
    }
    assert_eq!(world.stories[&low].end, None);
    assert!(world.scheduler.counters().preemptions > 0);
    world.finish();
    assert_eq!(world.stories[&low].end, Some(End::Finished));
}

#[test]
fn the_urgent_take_the_places_of_the_patient() {
    let mut world = World::new(LIMITS, 400, 0, 17);
    let patient: Vec<u64> = (0..6)
        .map(|_| {
            let prompt = world.tokens(80);
            world.submit_with("fake-batch", prompt, 200, |s| s.band = 3)
        })
        .collect();
    for _ in 0..30 {
        world.step();
    }
    assert_eq!(world.scheduler.running(), LIMITS.max_running);
    let prompt = world.tokens(80);
    let urgent = world.submit_with("fake-chat", prompt, 5, |s| s.band = 0);
    while world.stories[&urgent].end.is_none() {
        world.step();
    }
    assert!(world.wait_us(urgent) < 3 * LIMITS.target_us);
    assert_eq!(world.scheduler.counters().preemptions, 1);
    assert!(patient.iter().all(|id| world.stories[id].end.is_none()));
    world.finish();
    assert!(
        patient
            .iter()
            .all(|id| world.stories[id].end == Some(End::Finished))
    );
}

#[test]
fn what_can_never_run_is_refused() {
    let mut world = World::new(LIMITS, 4, 1, 15);
    assert_eq!(world.scheduler.capacity(), 127);
    let tokens = world.tokens(128);
    let submission = super::Submission {
        id: 0,
        tenant: "fake".into(),
        band: 1,
        tokens,
        root: None,
        arrived_us: 0,
        deadline_us: None,
        pin_us: 0,
        resumed: None,
    };
    assert!(!world.scheduler.submit(submission));
    assert!(world.scheduler.ids().is_empty());
}
