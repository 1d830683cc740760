//! Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): lists of different scores in one.

use std::collections::HashMap;

/// The constant of the fusion: how little the first ranks stand above the next.
const K: f32 = 60.0;

/// What a place in a list counts, the first one (0) most.
pub(crate) fn place_value(rank: usize) -> f32 {
    K / (K + rank as f32 + 1.0)
}

/// One list of several, best first, each weighted; the score is comparable only within the list.
pub(crate) fn fuse(lists: &[(&[(u32, f32)], f32)]) -> Vec<(u32, f32)> {
    let mut scores: HashMap<u32, f32> = HashMap::new();
    for (list, weight) in lists {
        for (rank, (number, _)) in list.iter().enumerate() {
            *scores.entry(*number).or_default() += weight * place_value(rank) / K;
        }
    }
    let mut fused: Vec<(u32, f32)> = scores.into_iter().collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    fused
}

#[cfg(test)]
mod tests {
    use super::fuse;

    #[test]
    fn what_both_lists_have_comes_first() {
        let (left, right) = ([(1, 9.0), (2, 8.0), (3, 7.0)], [(4, 0.9), (2, 0.8)]);
        let fused = fuse(&[(&left, 1.0), (&right, 1.0)]);
        assert_eq!(fused.first().map(|(number, _)| *number), Some(2));
        assert_eq!(fused.len(), 4);
    }
}
