//! What is done with every row of a large index while somebody waits: inner products with one vector
//! and their common measures, in the widest instructions that the machine has. The products are
//! whole numbers and the sums have one order: every machine gives the same.

use pulp::Arch;

use super::scores::Scores;

/// Sums that are kept side by side.
const LANES: usize = 16;

/// What comes of the inner product of each row with a vector as wide as the rows; `worth` gets the
/// position of a row and its product. A product must fit: a vector of eight bits may have 130,000
/// numbers, one of sixteen 511.
pub(super) fn products<'a>(
    rows: impl ExactSizeIterator<Item = &'a [i8]>,
    vector: &[i16],
    worth: impl Fn(usize, i32) -> f32,
) -> Scores {
    let mut scores = Scores::noughts(rows.len());
    Arch::new().dispatch(|| {
        for ((at, slot), row) in scores.iter_mut().enumerate().zip(rows) {
            let mut product = 0;
            for (a, b) in row.iter().zip(vector) {
                product += i32::from(*a) * i32::from(*b);
            }
            *slot = worth(at, product);
        }
    });
    scores
}

/// The mean of all numbers and the greatest of them; nought and the least of all without any.
pub(super) fn mean_and_most(all: &[f32]) -> (f32, f32) {
    let mut sums = [0.0_f32; LANES];
    let mut mosts = [f32::NEG_INFINITY; LANES];
    Arch::new().dispatch(|| {
        for some in all.chunks(LANES) {
            for ((sum, most), number) in sums.iter_mut().zip(&mut mosts).zip(some) {
                *sum += number;
                *most = most.max(*number);
            }
        }
    });
    let sum: f32 = sums.iter().sum();
    let most = mosts.into_iter().fold(f32::NEG_INFINITY, f32::max);
    (sum / all.len().max(1) as f32, most)
}

/// A number that about `count` of all reach, as one of every so many tells: not always the same one,
/// since neighbours are alike and may come in turns.
pub(super) fn bar_of(all: &[f32], count: usize) -> f32 {
    const ASKED: usize = 4096;
    let every = all.len().div_ceil(ASKED).max(1);
    let one_of = |(at, some): (usize, &[f32])| {
        let mixed = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        some.get(mixed as usize % some.len().max(1)).copied()
    };
    let mut some: Vec<f32> = all.chunks(every).enumerate().filter_map(one_of).collect();
    let above = (count / every).min(some.len().saturating_sub(1));
    if some.is_empty() {
        return f32::NEG_INFINITY;
    }
    let (_, bar, _) = some.select_nth_unstable_by(above, |a, b| b.total_cmp(a));
    *bar
}

#[cfg(test)]
mod tests {
    use super::{bar_of, mean_and_most, products};

    #[test]
    fn products_of_all_widths() {
        for width in [1, 7, 16, 64, 100, 384] {
            let rows: Vec<i8> = (0..width * 9).map(|at| (at * 37 % 255) as i8).collect();
            let vector: Vec<i16> = (0..width)
                .map(|at| (at as i16).wrapping_mul(7919))
                .collect();
            let one = |(at, row): (usize, &[i8])| -> f32 {
                let pairs = row.iter().zip(&vector);
                let product: i64 = pairs.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
                at as f32 + product as f32
            };
            let expected: Vec<f32> = rows.chunks(width).enumerate().map(one).collect();
            let worth = |at: usize, product: i32| at as f32 + product as f32;
            let own = products(rows.chunks(width), &vector, worth);
            assert_eq!(*own, *expected, "{width}");
        }
        assert!(products([].chunks(1), &[1], |_, _| 0.0).is_empty());
    }

    #[test]
    fn measures_of_numbers() {
        let all: Vec<f32> = (0..1_003).map(|at| (at * 7 % 1_003) as f32).collect();
        assert_eq!(mean_and_most(&all), (501.0, 1_002.0));
        assert_eq!(mean_and_most(&[-2.0]), (-2.0, -2.0));
        assert_eq!(mean_and_most(&[]), (0.0, f32::NEG_INFINITY));
        assert!((bar_of(&all, 10) - 992.0).abs() < 0.5);
        // One of five stands far above the others.
        let high = |at: u32| if at.is_multiple_of(5) { 1_000_000 } else { 0 };
        let many: Vec<f32> = (0..100_000)
            .map(|at| (high(at) + at * 7919 % 100_003) as f32)
            .collect();
        let reached = many.iter().filter(|x| **x >= bar_of(&many, 3_000)).count();
        assert!((2_000..4_500).contains(&reached), "{reached}");
        assert!(bar_of(&[], 3) < f32::MIN);
        assert!((bar_of(&[4.0], 3) - 4.0).abs() < 0.5);
    }
}
