//! Work on the rows of a flat batch, each row alone.

use crate::kernel::elementwise::rms_norm;
use crate::kernel::pool;

/// Rows that a thread takes at a time.
const LIGHT_ROWS: usize = 16;

/// `x / rms(x) * weight` for each row of `weight`'s width.
pub(super) fn norm_rows(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let mut out = vec![0f32; x.len()];
    each(&mut out, weight.len(), |row, out| {
        let from = row * weight.len();
        rms_norm(&x[from..from + weight.len()], weight, eps, out);
    });
    out
}

/// Calls `work` with the number and the numbers of each row.
pub(super) fn each(rows: &mut [f32], width: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    pool::rows(rows, width, LIGHT_ROWS, work);
}

/// `x += y`.
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// `x += y` for rows of one width.
pub(super) fn add_rows(x: &mut [f32], y: &[f32], width: usize) {
    each(x, width, |row, x| {
        add(x, &y[row * width..(row + 1) * width]);
    });
}
