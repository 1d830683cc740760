//! The best of many scored things, without sorting them all.

use std::cmp::Ordering;

/// Scores that are passed over together.
const BLOCK: usize = 64;

/// The `limit` best of those finite scores that count, with their numbers, best first; of equal ones
/// the lower number comes first.
pub(crate) fn best(scores: &[f32], limit: usize, counts: impl Fn(u32) -> bool) -> Vec<(u32, f32)> {
    let limit = limit.clamp(1, scores.len().max(1));
    let mut kept: Vec<(u32, f32)> = Vec::with_capacity(4 * limit);
    let mut least = f32::NEG_INFINITY;
    for (first, block) in (0_u32..).step_by(BLOCK).zip(scores.chunks(BLOCK)) {
        // Counting them all is quicker than stopping at the first.
        let above = block.iter().map(|score| u32::from(*score > least));
        if above.sum::<u32>() == 0 {
            continue;
        }
        for (at, score) in (first..).zip(block.iter().copied()) {
            if score > least && counts(at) {
                kept.push((at, score));
            }
            if kept.len() == 4 * limit {
                kept.select_nth_unstable_by(limit - 1, |a, b| order(*a, *b));
                kept.truncate(limit);
                least = kept.last().map_or(least, |(_, score)| *score);
            }
        }
    }
    kept.sort_unstable_by(|a, b| order(*a, *b));
    kept.truncate(limit);
    kept
}

/// The better first.
pub(super) fn order(one: (u32, f32), other: (u32, f32)) -> Ordering {
    let by_score = other.1.total_cmp(&one.1);
    by_score.then_with(|| one.0.cmp(&other.0))
}

#[cfg(test)]
mod tests {
    use super::{best, order};

    #[test]
    fn as_if_all_were_sorted() {
        let scores: Vec<f32> = (0..5_000).map(|at| (at * 7919 % 613) as f32).collect();
        let even = |at: u32| at.is_multiple_of(2);
        let all = (0_u32..).zip(scores.iter().copied());
        let mut sorted: Vec<_> = all.filter(|(at, _)| even(*at)).collect();
        sorted.sort_by(|a, b| order(*a, *b));
        for limit in [1, 7, 80, 2_499, 9_000] {
            let expected: Vec<_> = sorted.iter().take(limit).copied().collect();
            assert_eq!(best(&scores, limit, even), expected, "{limit}");
        }
        assert_eq!(best(&[], 3, even), []);
        assert_eq!(best(&[0.0; 999], 2, |_| true), [(0, 0.0), (1, 0.0)]);
    }
}
