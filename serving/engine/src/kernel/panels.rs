//! Weights for many rows at once: panels of 48 outputs with their inputs side by side.
//!
//! An encoder never sees a single row, so its matrices are laid out for tiles that keep
//! several rows and a whole panel in registers. Numbers stay f32, or become 8-bit codes with
//! one scale for each 32 inputs (activations too), which AVX-512 VNNI multiplies four times
//! as fast. Every result is summed over the inputs in order, whatever rows share its tile.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

#[cfg(target_arch = "x86_64")]
use super::panels_avx512 as avx512;
use super::{Isa, dispatch, isa, madd};

/// Outputs of a panel: three vectors.
pub(super) const PANEL: usize = 48;
/// Inputs that share a scale.
pub(super) const BLOCK: usize = 32;
/// Codes that one integer product takes.
pub(super) const GROUP: usize = 4;

/// A matrix of `n` outputs and `k` inputs. The last panel is filled up with zeros.
pub(crate) struct Panels {
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(super) form: Form,
}

pub(super) enum Form {
    /// For each panel, for each input: 48 numbers.
    Plain(Vec<f32>),
    Codes(Codes),
}

/// Weights `scale * (code - 128)`.
pub(super) struct Codes {
    /// For each panel, for each 4 inputs: 4 codes of each of 48 outputs.
    pub(super) codes: Vec<u8>,
    /// For each panel, for each block: 48 scales.
    pub(super) scales: Vec<f32>,
}

/// Rows of activations `scale * code`; a buffer to be filled again and again.
#[derive(Default)]
pub(crate) struct CodeRows {
    pub(super) codes: Vec<i8>,
    /// One for each block.
    pub(super) scales: Vec<f32>,
    /// `-128 * sum(codes)` of each block: what the weights' shift adds too much.
    pub(super) shifts: Vec<i32>,
}

/// Whether codes are worth their rounding here: elsewhere plain numbers are as fast.
pub(crate) fn fast_codes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return isa() == Isa::Avx512;
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl Panels {
    /// Keeps `n` rows of `k` numbers as they are.
    pub(crate) fn plain(rows: &[f32], n: usize, k: usize) -> Self {
        let mut data = vec![0f32; n.div_ceil(PANEL) * k * PANEL];
        for (output, row) in rows.chunks_exact(k).enumerate().take(n) {
            let panel = &mut data[output / PANEL * k * PANEL..][..k * PANEL];
            for (input, value) in row.iter().enumerate() {
                panel[input * PANEL + output % PANEL] = *value;
            }
        }
        let form = Form::Plain(data);
        Self { n, k, form }
    }

    /// Rounds `n` rows of `k` numbers to codes; plain where `k` has no whole blocks.
    pub(crate) fn rounded(rows: &[f32], n: usize, k: usize) -> Self {
        if !k.is_multiple_of(BLOCK) {
            return Self::plain(rows, n, k);
        }
        let mut coded = CodeRows::default();
        coded.set(rows, k);
        let scales = coded.scales;
        Self::codes(n, k, &coded.codes, &scales)
    }

    /// From codes of -128 to 127 and a scale for each block of 32, row by row.
    pub(crate) fn codes(n: usize, k: usize, codes: &[i8], scales: &[f32]) -> Self {
        let (panels, blocks) = (n.div_ceil(PANEL), k / BLOCK);
        let mut out = Codes {
            codes: vec![128; panels * k * PANEL],
            scales: vec![0.0; panels * blocks * PANEL],
        };
        let rows = codes.chunks_exact(k).zip(scales.chunks_exact(blocks));
        for (output, (row, scales)) in rows.enumerate().take(n) {
            let (panel, place) = (output / PANEL, output % PANEL);
            let own = &mut out.codes[panel * k * PANEL..][..k * PANEL];
            for (group, four) in row.chunks_exact(GROUP).enumerate() {
                for (i, code) in four.iter().enumerate() {
                    own[(group * PANEL + place) * GROUP + i] = (i16::from(*code) + 128) as u8;
                }
            }
            for (block, scale) in scales.iter().enumerate() {
                out.scales[(panel * blocks + block) * PANEL + place] = *scale;
            }
        }
        let form = Form::Codes(out);
        Self { n, k, form }
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        match &self.form {
            Form::Plain(data) => 4 * data.len(),
            Form::Codes(codes) => codes.codes.len() + 4 * codes.scales.len(),
        }
    }

    /// `x w^T` on this thread: `x` holds rows of `k` numbers, `out` rows of `n`.
    pub(crate) fn product(&self, x: &[f32], codes: &mut CodeRows, out: &mut [f32]) {
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
            Form::Codes(weights) => {
                codes.set(x, self.k);
                #[cfg(target_arch = "x86_64")]
                if isa() == Isa::Avx512 {
                    return avx512::codes(weights, self.k, self.n, codes, out);
                }
                coded(weights, self.k, self.n, codes, out);
            }
        }
    }
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

/// The product with codes, one number after the other: the definition.
pub(super) fn coded(weights: &Codes, k: usize, n: usize, x: &CodeRows, out: &mut [f32]) {
    let blocks = k / BLOCK;
    for (row, out) in out.chunks_exact_mut(n).enumerate() {
        for (output, out) in out.iter_mut().enumerate() {
            let (panel, place) = (output / PANEL, output % PANEL);
            let own = &weights.codes[panel * k * PANEL..][..k * PANEL];
            *out = 0.0;
            for block in 0..blocks {
                let mut sum = x.shifts[row * blocks + block];
                for i in 0..BLOCK {
                    let input = block * BLOCK + i;
                    let at = (input / GROUP * PANEL + place) * GROUP + input % GROUP;
                    sum += i32::from(own[at]) * i32::from(x.codes[row * k + input]);
                }
                let scale = weights.scales[(panel * blocks + block) * PANEL + place];
                *out += sum as f32 * (x.scales[row * blocks + block] * scale);
            }
        }
    }
}

impl CodeRows {
    /// Rounds rows of `k` numbers, `k` a multiple of 32.
    pub(crate) fn set(&mut self, x: &[f32], k: usize) {
        let blocks = x.len() / k * (k / BLOCK);
        self.codes.resize(x.len(), 0);
        self.scales.resize(blocks, 0.0);
        self.shifts.resize(blocks, 0);
        round(x, &mut self.codes, &mut self.scales, &mut self.shifts);
    }
}

#[inline(always)]
fn round_body<const FMA: bool>(
    x: &[f32],
    codes: &mut [i8],
    scales: &mut [f32],
    shifts: &mut [i32],
) {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer.
    let outputs = codes
        .as_chunks_mut::<BLOCK>()
        .0
        .iter_mut()
        .zip(scales)
        .zip(shifts);
    for (block, ((codes, scale), shift)) in x.as_chunks::<BLOCK>().0.iter().zip(outputs) {
        let (mut most, mut trace) = ([0f32; 16], [0f32; 16]);
        for half in block.as_chunks::<16>().0 {
            for i in 0..16 {
                let size = half[i].abs();
                most[i] = if size > most[i] { size } else { most[i] };
                trace[i] += half[i] * 0.0;
            }
        }
        let most = most.iter().copied().fold(0f32, f32::max);
        // NaN or infinity must reach the result: it makes the scale NaN.
        let broken = trace.iter().sum::<f32>();
        let inverse = if most > 1e-36 && broken == 0.0 {
            127.0 / most
        } else {
            0.0
        };
        let mut sums = [0i32; 16];
        for (half, codes) in block
            .as_chunks::<16>()
            .0
            .iter()
            .zip(codes.as_chunks_mut::<16>().0)
        {
            for i in 0..16 {
                let rounded = madd::<FMA>(half[i], inverse, ROUND).to_bits() as i32;
                let code = rounded
                    .wrapping_sub(ROUND.to_bits() as i32)
                    .clamp(-127, 127);
                codes[i] = code as i8;
                sums[i] += code;
            }
        }
        *scale = if inverse > 0.0 { most / 127.0 } else { broken };
        *shift = -128 * sums.iter().sum::<i32>();
    }
}

dispatch! {
    /// Rounds blocks of 32 numbers to codes of -127 to 127.
    fn round(x: &[f32], codes: &mut [i8], scales: &mut [f32], shifts: &mut [i32]) => round_body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by panicking")]
    use super::{BLOCK, CodeRows, Form, Panels, coded};
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
        panels.product(x, &mut CodeRows::default(), &mut out);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn plain_panels_equal_the_definition_row_by_row(
            n in 1usize..120, k in 1usize..90, rows in 1usize..21, seed: u64,
        ) {
            let (w, x) = (noise(n * k, seed), noise(rows * k, seed ^ 1));
            let panels = Panels::plain(&w, n, k);
            let whole = run(&panels, &x);
            for (got, wanted) in whole.iter().zip(reference(&w, &x, k)) {
                prop_assert!((f64::from(*got) - wanted).abs() < 1e-4);
            }
            let parts: Vec<f32> = x.chunks_exact(k).flat_map(|x| run(&panels, x)).collect();
            prop_assert_eq!(parts, whole, "a neighbour changed a bit");
        }

        #[test]
        fn codes_equal_their_definition_row_by_row(
            n in 1usize..120, blocks in 1usize..5, rows in 1usize..21, seed: u64,
        ) {
            let k = blocks * BLOCK;
            let (w, x) = (noise(n * k, seed), noise(rows * k, seed ^ 1));
            let panels = Panels::rounded(&w, n, k);
            let whole = run(&panels, &x);
            for (got, wanted) in whole.iter().zip(reference(&w, &x, k)) {
                prop_assert!((f64::from(*got) - wanted).abs() < 0.02 * (k as f64).sqrt());
            }
            let mut codes = CodeRows::default();
            codes.set(&x, k);
            let Form::Codes(weights) = &panels.form else { panic!("no codes") };
            let mut plain = vec![0f32; whole.len()];
            coded(weights, k, n, &codes, &mut plain);
            for (got, wanted) in whole.iter().zip(&plain) {
                prop_assert!((got - wanted).abs() < 1e-4, "{got} {wanted}");
            }
            let parts: Vec<f32> = x.chunks_exact(k).flat_map(|x| run(&panels, x)).collect();
            prop_assert_eq!(parts, whole, "a neighbour changed a bit");
        }
    }

    #[test]
    fn extremes_stay_what_they_are() {
        let mut x = vec![0f32; 3 * BLOCK];
        (x[0], x[BLOCK], x[2 * BLOCK]) = (f32::NAN, f32::INFINITY, 1e-40);
        let w = vec![1f32; BLOCK];
        for panels in [Panels::plain(&w, 1, BLOCK), Panels::rounded(&w, 1, BLOCK)] {
            let out = run(&panels, &x);
            assert!(!out[0].is_finite() && !out[1].is_finite() && out[2].abs() < 1e-30);
        }
        // The largest codes of both signs do not overflow.
        let all = vec![-1f32; BLOCK];
        assert_eq!(run(&Panels::rounded(&all, 1, BLOCK), &all), [32.0]);
    }
}
