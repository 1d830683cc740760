//! Products with plain weights: f32, or 16 bits widened on the way into registers.
//!
//! Each dot product has 16 partial sums, one for each input modulo 16, added up in a fixed
//! tree at the end. How many rows and outputs are in work together changes no sum.

#[cfg(target_arch = "x86_64")]
use super::dense_x86::{tile256, tile512};
use super::{Isa, pool};

/// Rows and outputs of one task: their inputs and weights stay in the second-level cache.
const ROWS: usize = 16;
const OUTPUTS: usize = 128;

/// The inputs of a partial sum lie this far apart.
pub(super) const LANES: usize = 16;

/// The forms of weights that kernels are generic over.
pub(super) const F32: u8 = 0;
pub(super) const BF16: u8 = 1;
pub(super) const F16: u8 = 2;

/// The form of a weight in memory.
pub(super) trait Weight: Copy + Sync {
    const KIND: u8;

    fn widen(self) -> f32;
}

impl Weight for f32 {
    const KIND: u8 = F32;

    fn widen(self) -> f32 {
        self
    }
}

impl Weight for half::bf16 {
    const KIND: u8 = BF16;

    fn widen(self) -> f32 {
        self.to_f32()
    }
}

impl Weight for half::f16 {
    const KIND: u8 = F16;

    fn widen(self) -> f32 {
        self.to_f32()
    }
}

/// Adds up the partial sums of a dot product, in the order that is cheapest for four of
/// them at once in vector registers.
pub(super) fn tree(lanes: &[f32; LANES]) -> f32 {
    let mut quads = [0f32; 4];
    for (sum, quad) in quads.iter_mut().zip(lanes.as_chunks::<4>().0) {
        *sum = (quad[0] + quad[2]) + (quad[1] + quad[3]);
    }
    (quads[0] + quads[2]) + (quads[1] + quads[3])
}

/// `R` rows of `k` numbers against `C` outputs.
fn tile<W: Weight, const R: usize, const C: usize>(
    x: &[f32],
    weights: &[W],
    k: usize,
) -> [[f32; C]; R] {
    std::array::from_fn(|r| {
        std::array::from_fn(|c| {
            let mut lanes = [0f32; LANES];
            let row = weights[c * k..(c + 1) * k].iter();
            for (i, (x, w)) in x[r * k..(r + 1) * k].iter().zip(row).enumerate() {
                lanes[i % LANES] += x * w.widen();
            }
            tree(&lanes)
        })
    })
}

/// The tile of `isa`.
fn dots<W: Weight, const R: usize, const C: usize>(
    isa: Isa,
    x: &[f32],
    weights: &[W],
    k: usize,
) -> [[f32; C]; R] {
    match isa {
        // SAFETY: `isa` is never more than what the machine was found to have.
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calls code compiled for detected features")]
        Isa::Avx512 => unsafe { tile512::<W, R, C>(x, weights, k) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calls code compiled for detected features")]
        Isa::AvxVnni | Isa::Avx2 => unsafe { tile256::<W, R, C>(x, weights, k) },
        Isa::Portable => tile::<W, R, C>(x, weights, k),
    }
}

/// All rows of `x` against `C` outputs; the first of them is number `output` of `n`.
fn columns<W: Weight, const R: usize, const C: usize>(
    isa: Isa,
    x: &[f32],
    weights: &[W],
    k: usize,
    out: &mut [f32],
    (output, n): (usize, usize),
) {
    let count = x.len() / k;
    let mut put = |row: usize, dots: [f32; C]| {
        out[row * n + output..row * n + output + C].copy_from_slice(&dots);
    };
    let whole = count / R * R;
    for row in (0..whole).step_by(R) {
        let dots = dots::<W, R, C>(isa, &x[row * k..], weights, k);
        for (r, dots) in dots.into_iter().enumerate() {
            put(row + r, dots);
        }
    }
    for row in whole..count {
        let [dots] = dots::<W, 1, C>(isa, &x[row * k..], weights, k);
        put(row, dots);
    }
}

/// Rows of `x` against all of `weights`; `out` gets a row of results for each.
fn block<W: Weight, const R: usize, const C: usize>(
    isa: Isa,
    x: &[f32],
    weights: &[W],
    k: usize,
    out: &mut [f32],
) {
    let n = weights.len() / k;
    let whole = n / C * C;
    for output in (0..whole).step_by(C) {
        columns::<W, R, C>(isa, x, &weights[output * k..], k, out, (output, n));
    }
    for output in whole..n {
        columns::<W, R, 1>(isa, x, &weights[output * k..], k, out, (output, n));
    }
}

/// `out = x weights^T` for rows of `k` numbers.
pub(super) fn product<W: Weight>(isa: Isa, weights: &[W], k: usize, x: &[f32], out: &mut [f32]) {
    if k == 0 || weights.is_empty() || x.is_empty() {
        return out.fill(0.0);
    }
    let (n, count) = (weights.len() / k, x.len() / k);
    let rows = count.min(ROWS);
    // A single row wants few, long tasks: its weights come from memory in order.
    let outputs = if count == 1 {
        n.div_ceil(4 * pool::threads()).next_multiple_of(4)
    } else {
        OUTPUTS
    };
    let across = n.div_ceil(outputs);
    let places = pool::SendPtr(out.as_mut_ptr());
    assert_eq!(out.len(), count * n, "room for the results");
    pool::parallel(count.div_ceil(rows) * across, |task| {
        let (top, left) = (task / across * rows, task % across * outputs);
        let (bottom, right) = (count.min(top + rows), n.min(left + outputs));
        let width = right - left;
        let (x, weights) = (&x[top * k..bottom * k], &weights[left * k..right * k]);
        pool::with_scratch((bottom - top) * width, |results| {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => block::<W, 4, 4>(isa, x, weights, k, results),
                _ => block::<W, 2, 2>(isa, x, weights, k, results),
            }
            for (r, row) in results.chunks_exact(width).enumerate() {
                // SAFETY: tasks cover separate rectangles of `out`, whose size was checked.
                #[expect(unsafe_code, reason = "threads write separate columns of one slice")]
                unsafe {
                    let to = places.get().add((top + r) * n + left);
                    std::ptr::copy_nonoverlapping(row.as_ptr(), to, width);
                }
            }
        });
    });
}
