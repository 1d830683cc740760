//! The product of a gradient with a frozen matrix, `dx = dy w`.
//!
//! Weights are widened a panel at a time into the first-level cache and used for all
//! rows of the gradient at once, so no f32 copy of a matrix ever exists. Threads share
//! the columns.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::layout::{BLOCK, PANEL};
use super::matrix::Matrix;
use super::{dispatch, madd};
use rayon::prelude::*;

/// Weight rows that are added in one pass over the result.
const ROWS: usize = 8;
/// Columns of one task: 16 widened rows take 32 KiB.
const COLUMNS: usize = 16 * BLOCK;

/// `dy` holds rows of `n` numbers; the result rows of `k`.
pub(super) fn backward(w: &Matrix, dy: &[f32]) -> Vec<f32> {
    let (n, k) = w.shape();
    let count = dy.len() / n;
    let parts: Vec<(usize, Vec<f32>)> = (0..k)
        .into_par_iter()
        .step_by(COLUMNS)
        .map(|from| (from, columns(w, dy, from, COLUMNS.min(k - from))))
        .collect();
    let mut dx = vec![0f32; count * k];
    for (from, part) in parts {
        let width = part.len() / count.max(1);
        for (row, values) in dx.chunks_exact_mut(k).zip(part.chunks_exact(width)) {
            row[from..from + width].copy_from_slice(values);
        }
    }
    dx
}

/// Columns `from..from + width` of the result.
fn columns(w: &Matrix, dy: &[f32], from: usize, width: usize) -> Vec<f32> {
    let (n, _) = w.shape();
    let mut dx = vec![0f32; dy.len() / n * width];
    let mut wide = vec![0f32; PANEL * width];
    w.each_panel(from, &mut wide, |first, wide| {
        for (half, wide) in wide.chunks_exact(ROWS * width).enumerate() {
            if first + half * ROWS < n {
                add_rows(dy, n, first + half * ROWS, wide, &mut dx);
            }
        }
    });
    dx
}

#[inline(always)]
fn add_rows_body<const FMA: bool>(
    dy: &[f32],
    n: usize,
    first: usize,
    rows: &[f32],
    dx: &mut [f32],
) {
    let width = rows.len() / ROWS;
    let wide = width / 16;
    // Whole vectors, sums held by value, rows innermost: checked to vectorise (40 GMAC/s).
    let mut weights: [&[[f32; 16]]; ROWS] = [&[]; ROWS];
    for (r, row) in weights.iter_mut().enumerate() {
        *row = &rows[r * width..(r + 1) * width].as_chunks::<16>().0[..wide];
    }
    for (dy, dx) in dy.chunks_exact(n).zip(dx.chunks_exact_mut(width)) {
        let mut factors = [0f32; ROWS];
        for (factor, value) in factors.iter_mut().zip(&dy[first..]) {
            *factor = *value;
        }
        let (chunks, rest) = dx.as_chunks_mut::<16>();
        for (c, chunk) in chunks[..wide].iter_mut().enumerate() {
            let row: [&[f32; 16]; ROWS] = std::array::from_fn(|r| &weights[r][c]);
            let mut sums = *chunk;
            for i in 0..16 {
                let mut sum = sums[i];
                for r in 0..ROWS {
                    sum = madd::<FMA>(factors[r], row[r][i], sum);
                }
                sums[i] = sum;
            }
            *chunk = sums;
        }
        for (i, value) in rest.iter_mut().enumerate() {
            for (r, factor) in factors.iter().enumerate() {
                *value = madd::<FMA>(*factor, rows[r * width + wide * 16 + i], *value);
            }
        }
    }
}

dispatch! {
    /// Adds eight weighted rows to every row of `dx`; factors begin at `dy[first]` of a row.
    fn add_rows(dy: &[f32], n: usize, first: usize, rows: &[f32], dx: &mut [f32]) => add_rows_body
}
