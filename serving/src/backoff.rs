//! Waiting times between tries: doubling, capped, spread so that gateways do not try in step.

use std::time::Duration;

const FIRST_MS: u64 = 50;
const CAP_MS: u64 = 5_000;

/// Time to wait before try `attempt + 1`; `spread` is any number and takes off up to a quarter.
pub(crate) fn delay(attempt: u32, spread: u64) -> Duration {
    let full = FIRST_MS
        .saturating_mul(1_u64.checked_shl(attempt.min(20)).unwrap_or(u64::MAX))
        .min(CAP_MS);
    Duration::from_millis(full - spread % (full / 4 + 1))
}

/// A number for `spread`. Quality does not matter; a failing source only means no spreading.
pub(crate) fn spread() -> u64 {
    let mut bytes = [0_u8; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::delay;

    #[test]
    fn delays_grow_to_the_cap_and_never_vanish() {
        for attempt in 0..64 {
            for spread in [0, 1, 7, u64::MAX] {
                let ms = delay(attempt, spread).as_millis();
                assert!((37..=5_000).contains(&ms), "{attempt} {spread} {ms}");
            }
        }
        assert!(delay(10, 0) > delay(1, 0));
    }
}
