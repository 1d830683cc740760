//! The whole system under a seed: random work, random faults, invariants after every event.
//!
//! `ZHISUAN_SIM_SEEDS=5000` runs more seeds, `ZHISUAN_SIM_SEED=17` repeats one.

mod actions;
mod books;
mod fleet;
mod rng;
mod world;

pub(crate) use rng::Rng;
pub(crate) use world::{Sim, Step, limits, text};

#[test]
fn every_seed_keeps_the_invariants_and_ends_every_job() {
    if let Ok(text) = std::env::var("ZHISUAN_SIM_SEED") {
        one(text.parse().expect("ZHISUAN_SIM_SEED is a number"));
        return;
    }
    let seeds = std::env::var("ZHISUAN_SIM_SEEDS").map_or(200, |text| {
        text.parse().expect("ZHISUAN_SIM_SEEDS is a number")
    });
    let mut total = [0_u64; 4];
    for seed in 0..seeds {
        for (sum, part) in total.iter_mut().zip(one(seed)) {
            *sum += part;
        }
    }
    let [jobs, retries, reversals, overclaims] = total;
    eprintln!(
        "{seeds} seeds: {jobs} jobs, {retries} retries, {reversals} reversals, {overclaims} overclaims"
    );
    // A simulation in which the faults do not happen proves nothing.
    assert!(jobs > 0 && retries > 0 && reversals > 0 && overclaims > 0);
}

/// Runs one seed; when it fails, says how to repeat it before the panic goes on.
fn one(seed: u64) -> [u64; 4] {
    let run = std::panic::catch_unwind(|| {
        let mut sim = Sim::new(seed);
        sim.run(120);
        sim.finish();
        sim.summary()
    });
    run.unwrap_or_else(|failure| {
        eprintln!("to repeat: ZHISUAN_SIM_SEED={seed} cargo test -p zhisuan-core every_seed");
        std::panic::resume_unwind(failure)
    })
}
