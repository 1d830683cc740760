//! The best of many scored things, without sorting them all.

use std::cmp::Ordering;

/// The `limit` best by score, best first; of equal ones the lower number comes first.
pub(crate) fn best(scored: impl Iterator<Item = (u32, f32)>, limit: usize) -> Vec<(u32, f32)> {
    let limit = limit.max(1);
    let mut kept: Vec<(u32, f32)> = Vec::with_capacity(4 * limit);
    let mut least = f32::NEG_INFINITY;
    for one in scored {
        if one.1 < least {
            continue;
        }
        kept.push(one);
        if kept.len() == 4 * limit {
            kept.select_nth_unstable_by(limit - 1, |a, b| order(*a, *b));
            kept.truncate(limit);
            least = kept.last().map_or(least, |(_, score)| *score);
        }
    }
    kept.sort_unstable_by(|a, b| order(*a, *b));
    kept.truncate(limit);
    kept
}

fn order(one: (u32, f32), other: (u32, f32)) -> Ordering {
    let by_score = other.1.total_cmp(&one.1);
    by_score.then_with(|| one.0.cmp(&other.0))
}

#[cfg(test)]
mod tests {
    use super::{best, order};

    #[test]
    fn as_if_all_were_sorted() {
        let all = (0..5_000_u32).map(|at| (at, (at * 7919 % 613) as f32));
        let mut sorted: Vec<_> = all.clone().collect();
        sorted.sort_by(|a, b| order(*a, *b));
        for limit in [1, 7, 80, 4_999, 9_000] {
            let expected: Vec<_> = sorted.iter().take(limit).copied().collect();
            assert_eq!(best(all.clone(), limit), expected, "{limit}");
        }
        assert_eq!(best(std::iter::empty(), 3), []);
    }
}
