//! How long to wait before the next try: doubling with jitter, as a pure function.

/// First pause.
const FIRST_MS: u64 = 200;
/// Longest pause.
const CEILING_MS: u64 = 15_000;

/// Pause before try `failures + 1`, milliseconds: between half and the whole of the doubled step,
/// so that workers which lost the same scheduler do not return in one wave. `seed` is any number.
pub(crate) fn pause_ms(failures: u32, seed: u64) -> u64 {
    let step = FIRST_MS
        .saturating_mul(1_u64 << failures.min(20))
        .min(CEILING_MS);
    step / 2 + seed % (step / 2 + 1)
}

/// A seed from the operating system; 0 when it has none to give (jitter is then absent).
pub(crate) fn seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by panicking")]
    use super::{CEILING_MS, FIRST_MS, pause_ms};

    #[test]
    fn pauses_grow_to_the_ceiling_and_stay_within_their_step() {
        for failures in 0..64 {
            let step = FIRST_MS
                .saturating_mul(1 << failures.min(20))
                .min(CEILING_MS);
            for seed in [0, 1, 77, u64::MAX] {
                let pause = pause_ms(failures, seed);
                assert!(pause >= step / 2 && pause <= step, "{failures} {pause}");
            }
        }
        assert_eq!(pause_ms(60, 0), CEILING_MS / 2);
    }
}
