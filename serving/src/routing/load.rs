//! Pure: in which order the replicas of a model are tried.

/// One replica as the choice sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Requests of this gateway that are under way there.
    pub(crate) outstanding: usize,
    /// Running mean of the time to its first token; `None` before it gave one.
    pub(crate) first_token_us: Option<u64>,
    /// Since the gateway knows it.
    pub(crate) age_ms: u64,
    /// Chunks of the prompt that it likely has in its cache.
    pub(crate) matched: usize,
    /// It was unreachable a moment ago.
    pub(crate) failed: bool,
}

/// A replica that has the prompt is preferred until it has so many requests more than twice those
/// of the idlest: beyond that, reading the prompt anew is cheaper than the wait.
const SLACK: usize = 4;
/// A new replica costs more than it seems to until it has been there so long: its first requests
/// still fill its caches.
const WARM_UP_MS: u64 = 10_000;
/// Below this, times to a first token differ by chance; only the load decides.
const NOISE_US: u64 = 50_000;

/// Indexes of `candidates`, best first. The first is the one with the longest cached prefix if it
/// is not overloaded, else the better of two drawn by `dice` (Mitzenmacher, The Power of Two
/// Choices, 2001), so that gateways that know the same do not all choose the same one.
pub(crate) fn rank(candidates: &[Candidate], dice: u64) -> Vec<usize> {
    let typical = typical_us(candidates);
    let cost = |index: usize| cost(&candidates[index], typical);
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&index| cost(index));
    let well: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&index| !candidates[index].failed)
        .collect();
    let first = affine(candidates, &well).or_else(|| better_of_two(&well, dice, cost));
    if let Some(first) = first {
        order.retain(|&index| index != first);
        order.insert(0, first);
    }
    order
}

fn affine(candidates: &[Candidate], well: &[usize]) -> Option<usize> {
    let idlest = well
        .iter()
        .map(|&index| candidates[index].outstanding)
        .min()?;
    well.iter()
        .copied()
        .filter(|&index| candidates[index].matched > 0)
        .filter(|&index| candidates[index].outstanding <= 2 * idlest + SLACK)
        // Of equal matches the cheapest: `well` is in order of cost, and the first maximum wins.
        .rev()
        .max_by_key(|&index| candidates[index].matched)
}

fn better_of_two(well: &[usize], dice: u64, cost: impl Fn(usize) -> u128) -> Option<usize> {
    let count = well.len() as u64;
    if count == 0 {
        return None;
    }
    let first = dice % count;
    let second = if count == 1 {
        first
    } else {
        // Any other than the first.
        (first + 1 + (dice / count) % (count - 1)) % count
    };
    let (first, second) = (well[first as usize], well[second as usize]);
    Some(if cost(second) < cost(first) {
        second
    } else {
        first
    })
}

/// The expected wait there, in microseconds.
fn cost(candidate: &Candidate, typical_us: u64) -> u128 {
    if candidate.failed {
        return u128::MAX;
    }
    let each = u128::from(candidate.first_token_us.unwrap_or(typical_us).max(NOISE_US));
    let queue = (candidate.outstanding as u128 + 1) * each;
    let cold = u128::from(WARM_UP_MS.saturating_sub(candidate.age_ms));
    queue + queue * cold / u128::from(WARM_UP_MS)
}

/// What is expected of a replica that has not answered yet: what the others take on average.
fn typical_us(candidates: &[Candidate]) -> u64 {
    let known: Vec<u64> = candidates
        .iter()
        .filter_map(|candidate| candidate.first_token_us)
        .collect();
    let sum: u128 = known.iter().map(|&time| u128::from(time)).sum();
    u64::try_from(sum / (known.len() as u128).max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Candidate, rank};
    use proptest::prelude::*;

    const IDLE: Candidate = Candidate {
        outstanding: 0,
        first_token_us: Some(100_000),
        age_ms: 60_000,
        matched: 0,
        failed: false,
    };

    fn busy(outstanding: usize) -> Candidate {
        Candidate {
            outstanding,
            ..IDLE
        }
    }

    #[test]
    fn the_less_loaded_of_two_and_everyone_in_the_end() {
        for dice in 0..50 {
            assert_eq!(rank(&[busy(2), busy(1)], dice), [1, 0]);
            let order = rank(&[busy(9), busy(0), busy(5), busy(3)], dice);
            assert_ne!(order[0], 0, "the worst of all is never the better of two");
            let mut sorted = order;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
        }
        assert!(rank(&[], 3).is_empty());
    }

    #[test]
    fn a_cached_prefix_decides_until_its_holder_is_overloaded() {
        let holder = |outstanding| Candidate {
            matched: 8,
            ..busy(outstanding)
        };
        for dice in 0..20 {
            assert_eq!(rank(&[busy(0), holder(4)], dice)[0], 1);
            assert_eq!(rank(&[busy(0), holder(5)], dice)[0], 0);
            assert_eq!(rank(&[busy(10), holder(24)], dice)[0], 1);
            let longer = Candidate {
                matched: 9,
                ..busy(3)
            };
            assert_eq!(rank(&[holder(0), longer], dice)[0], 1);
            assert_eq!(rank(&[holder(3), holder(0)], dice)[0], 1, "equal match");
        }
    }

    #[test]
    fn slow_cold_and_failed_replicas_get_less() {
        let slow = Candidate {
            first_token_us: Some(900_000),
            ..IDLE
        };
        assert_eq!(rank(&[slow, busy(3)], 1)[0], 1);
        let cold = Candidate {
            first_token_us: None,
            age_ms: 0,
            ..IDLE
        };
        assert_eq!(rank(&[cold, IDLE], 0)[0], 1);
        assert_eq!(rank(&[cold, busy(2)], 0)[0], 0, "but it does get some");
        let failed = Candidate {
            failed: true,
            matched: 9,
            ..IDLE
        };
        assert_eq!(rank(&[failed, busy(50)], 0), [1, 0]);
        assert_eq!(rank(&[failed], 0), [0], "the last hope is tried");
    }

    proptest! {
        #[test]
        fn everyone_is_tried_once(
            all in proptest::collection::vec((0_usize..99, any::<u64>(), 0_u64..20_000, 0_usize..9, any::<bool>()), 0..12),
            dice in any::<u64>(),
        ) {
            let candidates: Vec<Candidate> = all
                .into_iter()
                .map(|(outstanding, time, age_ms, matched, failed)| Candidate {
                    outstanding,
                    first_token_us: (time % 3 > 0).then_some(time),
                    age_ms,
                    matched,
                    failed,
                })
                .collect();
            let mut order = rank(&candidates, dice);
            order.sort_unstable();
            prop_assert_eq!(order, (0..candidates.len()).collect::<Vec<_>>());
        }
    }
}
