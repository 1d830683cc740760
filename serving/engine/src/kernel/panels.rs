//! Weights for many rows at once: panels of 48 outputs with their inputs side by side.
//!
//! An encoder never sees a single row, so its matrices are laid out for tiles that keep
//! several rows and a whole panel in registers. Numbers stay f32, or become bf16 (the rows
//! too, sums stay f32), which AVX-512 BF16 multiplies twice as fast. Every result is summed
//! over the inputs in order, whatever rows share its tile.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

#[cfg(target_arch = "x86_64")]
use super::panels_avx512 as avx512;
use super::{Isa, dispatch, isa, madd};
use half::bf16;

/// Outputs of a panel: three vectors.
pub(super) const PANEL: usize = 48;

/// A matrix of `n` outputs and `k` inputs. The last panel is filled up with zeros.
pub(crate) struct Panels {
    n: usize,
    k: usize,
    form: Form,
}

enum Form {
    /// For each panel, for each input: 48 numbers.
    Plain(Vec<f32>),
    /// For each panel, for each two inputs: two bf16 of each of 48 outputs.
    Half(Vec<u32>),
}

/// Rows in bf16, two numbers together; a buffer to be filled again and again.
pub(crate) type HalfRows = Vec<u32>;

/// Whether bf16 is worth its rounding here: elsewhere plain numbers are as fast.
pub(crate) fn fast_half() -> bool {
    #[cfg(target_arch = "x86_64")]
    return isa() == Isa::Avx512 && is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl Panels {
    /// Takes `n` rows of `k` numbers, as they are or as bf16.
    pub(crate) fn new(rows: &[f32], n: usize, k: usize, half: bool) -> Self {
        let rows = rows.chunks_exact(k).take(n).enumerate();
        let depth = if half { k.div_ceil(2) } else { k };
        let size = n.div_ceil(PANEL) * depth * PANEL;
        let start = |output: usize| output / PANEL * depth * PANEL + output % PANEL;
        let form = if half {
            let mut data = vec![0u32; size];
            for (output, row) in rows {
                for (at, pair) in row.chunks(2).enumerate() {
                    data[start(output) + at * PANEL] = pack_pair(pair);
                }
            }
            Form::Half(data)
        } else {
            let mut data = vec![0f32; size];
            for (output, row) in rows {
                for (at, value) in row.iter().enumerate() {
                    data[start(output) + at * PANEL] = *value;
                }
            }
            Form::Plain(data)
        };
        Self { n, k, form }
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        4 * match &self.form {
            Form::Plain(data) => data.len(),
            Form::Half(data) => data.len(),
        }
    }

    /// `x w^T` on this thread: `x` holds rows of `k` numbers, `out` rows of `n`.
    pub(crate) fn product(&self, x: &[f32], half: &mut HalfRows, out: &mut [f32]) {
        let rows = x.len() / self.k;
        assert_eq!(x.len(), rows * self.k, "width of the rows");
        assert_eq!(out.len(), rows * self.n, "room for the results");
        match &self.form {
            Form::Plain(data) => {
                #[cfg(target_arch = "x86_64")]
                if isa() == Isa::Avx512 {
                    return avx512::plain(data, self.k, self.n, x, out);
                }
                plain(data, self.k, self.n, x, out);
            }
            Form::Half(data) => {
                let depth = self.k.div_ceil(2);
                half.resize(rows * depth, 0);
                #[cfg(target_arch = "x86_64")]
                if fast_half() {
                    avx512::round(x, self.k, half);
                    return avx512::half(data, depth, self.n, half, out);
                }
                for (row, half) in x.chunks_exact(self.k).zip(half.chunks_exact_mut(depth)) {
                    for (pair, half) in row.chunks(2).zip(half) {
                        *half = pack_pair(pair);
                    }
                }
                halves(data, depth, self.n, half, out);
            }
        }
    }
}

/// One or two numbers as bf16, the first in the low half.
fn pack_pair(pair: &[f32]) -> u32 {
    let bits = |i: usize| pair.get(i).map_or(0, |v| bf16::from_f32(*v).to_bits());
    u32::from(bits(1)) << 16 | u32::from(bits(0))
}

fn unpack_pair(pair: u32) -> [f32; 2] {
    [pair << 16, pair & 0xffff_0000].map(f32::from_bits)
}

#[inline(always)]
fn plain_body<const FMA: bool>(data: &[f32], k: usize, n: usize, x: &[f32], out: &mut [f32]) {
    for (p, panel) in data.chunks_exact(k * PANEL).enumerate() {
        let width = PANEL.min(n - p * PANEL);
        for (x, out) in x.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
            let mut sums = [0f32; PANEL];
            for (a, weights) in x.iter().zip(panel.as_chunks::<PANEL>().0) {
                for i in 0..PANEL {
                    sums[i] = madd::<FMA>(*a, weights[i], sums[i]);
                }
            }
            out[p * PANEL..][..width].copy_from_slice(&sums[..width]);
        }
    }
}

dispatch! {
    /// The product with plain panels on any machine.
    fn plain(data: &[f32], k: usize, n: usize, x: &[f32], out: &mut [f32]) => plain_body
}

/// The product with bf16 on any machine: the definition, for tests and for a matrix that
/// outlives its choice.
fn halves(data: &[u32], depth: usize, n: usize, x: &[u32], out: &mut [f32]) {
    for (x, out) in x.chunks_exact(depth).zip(out.chunks_exact_mut(n)) {
        for (output, out) in out.iter_mut().enumerate() {
            let panel = &data[output / PANEL * depth * PANEL..];
            *out = 0.0;
            for (at, a) in x.iter().enumerate() {
                let (a, w) = (
                    unpack_pair(*a),
                    unpack_pair(panel[at * PANEL + output % PANEL]),
                );
                *out += a[0] * w[0] + a[1] * w[1];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HalfRows, PANEL, Panels, halves, pack_pair, unpack_pair};
    use proptest::prelude::*;

    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_add(99);
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn reference(w: &[f32], x: &[f32], k: usize) -> Vec<f64> {
        let dot = |w: &[f32], x: &[f32]| -> f64 {
            w.iter()
                .zip(x)
                .map(|(w, x)| f64::from(*w) * f64::from(*x))
                .sum()
        };
        let rows = x.chunks_exact(k);
        rows.flat_map(|x| w.chunks_exact(k).map(|w| dot(w, x)).collect::<Vec<_>>())
            .collect()
    }

    fn run(panels: &Panels, x: &[f32]) -> Vec<f32> {
        let mut out = vec![f32::NAN; x.len() / panels.k * panels.n];
        // What an earlier product left in the buffer must not matter.
        let mut half: HalfRows = vec![u32::MAX; 7];
        panels.product(x, &mut half, &mut out);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn panels_equal_the_definition_row_by_row(
            n in 1usize..120, k in 1usize..90, rows in 1usize..21, seed: u64, half: bool,
        ) {
            let (mut w, mut x) = (noise(n * k, seed), noise(rows * k, seed ^ 1));
            if half {
                for v in w.iter_mut().chain(&mut x) {
                    *v = unpack_pair(pack_pair(&[*v]))[0];
                }
            }
            let panels = Panels::new(&w, n, k, half);
            let whole = run(&panels, &x);
            for (got, wanted) in whole.iter().zip(reference(&w, &x, k)) {
                prop_assert!((f64::from(*got) - wanted).abs() < 1e-4, "{got} {wanted}");
            }
            let parts: Vec<f32> = x.chunks_exact(k).flat_map(|x| run(&panels, x)).collect();
            prop_assert_eq!(parts, whole, "a neighbour changed a bit");
        }
    }

    #[test]
    fn the_portable_path_reads_the_same_layout() {
        let (n, k) = (PANEL + 5, 7);
        let (w, x) = (noise(n * k, 1), noise(3 * k, 2));
        let panels = Panels::new(&w, n, k, true);
        let super::Form::Half(data) = &panels.form else {
            unreachable!("bf16 was asked for")
        };
        let rows: HalfRows = x
            .chunks_exact(k)
            .flat_map(|r| r.chunks(2).map(pack_pair))
            .collect();
        let mut out = vec![0f32; 3 * n];
        halves(data, 4, n, &rows, &mut out);
        for (got, wanted) in out.iter().zip(run(&panels, &x)) {
            assert!((got - wanted).abs() < 1e-5);
        }
    }

    #[test]
    fn what_is_not_a_number_reaches_the_result() {
        let mut x = vec![0f32; 64];
        (x[0], x[33]) = (f32::NAN, f32::INFINITY);
        for half in [false, true] {
            let out = run(&Panels::new(&[1.0; 32], 1, 32, half), &x);
            assert!(out[0].is_nan() && !out[1].is_finite(), "{out:?}");
        }
    }
}
