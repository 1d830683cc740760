//! Block matrix product in plain Rust, for machines without AVX2.

use super::quant::{BLOCK, QuantMatrix, QuantRows};
use std::ops::Range;

/// Calls `put(weight row, activation row, dot)` for every pair of the two ranges.
pub(super) fn product(
    w: &QuantMatrix,
    rows: Range<usize>,
    a: &QuantRows,
    columns: Range<usize>,
    mut put: impl FnMut(usize, usize, f32),
) {
    let blocks = w.k / BLOCK;
    for row in rows {
        for column in columns.clone() {
            let mut sum = 0f32;
            for b in 0..blocks {
                let (wb, ab) = (row * blocks + b, column * blocks + b);
                let weight = &w.codes[wb * BLOCK..(wb + 1) * BLOCK];
                let active = &a.codes[ab * BLOCK..(ab + 1) * BLOCK];
                let width = BLOCK / w.per_block;
                for (half, (x, y)) in weight
                    .chunks_exact(width)
                    .zip(active.chunks_exact(width))
                    .enumerate()
                {
                    let dot: i32 = x
                        .iter()
                        .zip(y)
                        .map(|(x, y)| i32::from(*x) * i32::from(*y))
                        .sum();
                    sum += w.scales[wb * w.per_block + half] * a.scales[ab] * dot as f32;
                }
            }
            put(
                row,
                column,
                sum + w.offset_part(row, &a.sums[column * blocks..(column + 1) * blocks]),
            );
        }
    }
}
