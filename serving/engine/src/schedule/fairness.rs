//! Fair share of places on the fake runner: what a quiet tenant feels of a noisy one.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::simulation::{End, LIMITS, World};
use super::{Limits, share};

/// Keeps so many requests of a tenant inside, with long answers.
fn keep_busy(world: &mut World, tenant: &'static str, inside: usize) {
    let open = |world: &World| {
        let mine = world.stories.values().filter(|s| s.tenant == tenant);
        mine.filter(|s| s.end.is_none()).count()
    };
    while open(world) < inside {
        let (prompt, wanted) = (20 + world.random(300), 200 + world.random(400));
        let prompt = world.tokens(prompt);
        world.submit(tenant, prompt, wanted);
    }
}

/// Time to the first token of a prompt that has the engine for itself.
fn alone(limits: Limits, prompt: &[u32]) -> u64 {
    let mut world = World::new(limits, 800, 0, 1);
    // The cost model knows the machine, as that of a busy engine does.
    for _ in 0..20 {
        let warm = world.tokens(150);
        world.submit("fake-warm", warm, 5);
    }
    world.finish();
    let id = world.submit("fake-quiet", prompt.to_vec(), 20);
    world.finish();
    world.wait_us(id)
}

/// Waits of a quiet tenant that asks now and then while a noisy one fills all places, each as a
/// part (in thousandths) of the wait alone, in order; and the world afterwards.
fn felt(limits: Limits, seed: u64, pause_us: u64) -> (Vec<u64>, World) {
    let mut world = World::new(limits, 800, 0, seed);
    let (mut quiet, mut shares) = (Vec::new(), Vec::new());
    let mut next = 8_000_000;
    while quiet.len() < 12 {
        keep_busy(&mut world, "fake-noisy", 3 * limits.max_running);
        if world.now() >= next {
            let length = 200 + world.random(400);
            let prompt = world.tokens(length);
            let id = world.submit("fake-quiet", prompt, 20);
            // It came some time during the step that has just ended.
            let early = world.random(1 + world.last_step_us() as usize) as u64;
            quiet.push((id, early));
            next = world.now() + pause_us + world.random(3 * pause_us as usize) as u64;
        }
        world.step();
    }
    world.finish();
    for (id, early) in quiet {
        let alone = alone(limits, &world.stories[&id].prompt);
        shares.push((world.wait_us(id) + early) * 1000 / alone);
    }
    shares.sort_unstable();
    (shares, world)
}

#[test]
fn a_quiet_tenant_waits_hardly_longer_than_alone_though_all_places_are_taken() {
    let mut all = Vec::new();
    for seed in 0..25 {
        let (shares, world) = felt(LIMITS, seed, 1_000_000);
        let counters = world.scheduler.counters();
        assert!(counters.yields >= 10, "places were given up: {counters:?}");
        all.extend(shares);
    }
    all.sort_unstable();
    let (median, late) = (all[all.len() / 2], all[all.len() * 95 / 100]);
    assert!(median <= 1500, "median {median}, all {all:?}");
    assert!(late <= 1500, "95th {late}, all {all:?}");
}

#[test]
fn even_a_single_place_is_shared() {
    let one = Limits {
        max_running: 1,
        ..LIMITS
    };
    for seed in 0..10 {
        let (shares, _) = felt(one, seed, 5_000_000);
        // At worst the one who has the place has just got it: a prompt and a quantum.
        let worst = shares.last().unwrap();
        assert!(*worst <= 3_500, "{shares:?}");
    }
}

#[test]
fn two_noisy_tenants_do_not_push_each_other_around() {
    for seed in 0..20 {
        let mut world = World::new(LIMITS, 800, 0, 100 + seed);
        for _ in 0..400 {
            keep_busy(&mut world, "fake-a", 12);
            keep_busy(&mut world, "fake-b", 12);
            world.step();
        }
        let settled = world.scheduler.counters().yields;
        for _ in 0..600 {
            keep_busy(&mut world, "fake-a", 12);
            keep_busy(&mut world, "fake-b", 12);
            world.step();
        }
        let later = world.scheduler.counters().yields - settled;
        assert!(later <= 12, "{later} places changed hands in 600 steps");
        world.finish();
    }
}

#[test]
fn texts_that_leave_nothing_in_the_cache_are_read_once_and_hold_nobody_up_for_long() {
    for seed in 0..10 {
        let mut world = World::new(LIMITS, 1_000, 0, 300 + seed);
        // Who is there already has paid less than who fills all places after it.
        let prompt = world.tokens(20);
        let mut chats = vec![world.submit("fake-chat", prompt, 400)];
        world.step();
        for _ in 0..4 * LIMITS.max_running {
            let text = world.tokens(2_000);
            world.submit_with("fake-texts", text, 1, |s| s.root = None);
        }
        while chats.len() < 10 {
            for _ in 0..20 {
                world.step();
            }
            let prompt = world.tokens(50);
            chats.push(world.submit("fake-chat", prompt, 10));
        }
        world.finish();
        let stories = world.stories.values();
        let once: usize = stories.map(|s| s.prompt.len() + s.wanted - 1).sum();
        assert_eq!(world.rows, once, "nothing was computed twice");
        let waits = chats[1..].iter().map(|id| world.wait_us(*id));
        // At worst the rest of one text: some 2,000 rows of 900 us, and what they read.
        let worst = waits.max().unwrap();
        assert!(worst < 3_500_000, "{worst}");
    }
}

#[test]
fn more_tenants_than_places_all_advance_and_end() {
    const TENANTS: [&str; 10] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"];
    for seed in 0..20 {
        let mut world = World::new(LIMITS, 300, 0, 200 + seed);
        for tenant in TENANTS {
            for _ in 0..3 {
                let (prompt, wanted) = (20 + world.random(100), 100 + world.random(300));
                let prompt = world.tokens(prompt);
                world.submit(tenant, prompt, wanted);
            }
        }
        world.finish();
        let firsts = TENANTS.map(|tenant| {
            let mine = world.stories.values().filter(|s| s.tenant == tenant);
            mine.filter_map(|s| s.first_us).min().unwrap()
        });
        // Nobody waits for long answers of others: within the time of a few quanta.
        let quantum = share::QUANTUM as u64 * 20_000;
        assert!(
            firsts.iter().all(|first| *first < 4 * quantum),
            "{firsts:?}"
        );
        let ended = world.stories.values().map(|s| s.end);
        assert!(ended.into_iter().all(|end| end == Some(End::Finished)));
    }
}
