//! Sixteen f32 at a time in the registers of each instruction set, so that one body of code
//! is written once and compiled for all.
//!
//! Every implementation multiplies and adds in the same order. Those with fused
//! multiply-add give the same bits; plain Rust rounds twice.
#![expect(
    unsafe_code,
    reason = "vector loads and stores of arrays whose length is in the type"
)]
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadu_si128, _mm_max_ps, _mm_max_ss,
    _mm_movehl_ps, _mm_shuffle_ps, _mm256_add_ps, _mm256_castps256_ps128, _mm256_cvtph_ps,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_max_ps,
    _mm256_mul_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_castps512_ps256,
    _mm512_cvtph_ps, _mm512_extractf32x8_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps,
    _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps,
};

/// Sixteen numbers. A value proves that its instruction set is there: only the unsafe
/// functions make one from nothing.
pub(super) trait Lanes: Copy {
    /// Whether multiply-add rounds once.
    const FMA: bool;
    /// Queries that share one pass over keys or values without running out of registers.
    const GROUP: usize;

    /// # Safety
    /// The instruction set of the type must have been detected.
    unsafe fn splat(value: f32) -> Self;
    /// # Safety
    /// As for [`Lanes::splat`].
    unsafe fn load(values: &[f32; 16]) -> Self;
    /// Widens IEEE half-precision numbers given as bits.
    ///
    /// # Safety
    /// As for [`Lanes::splat`].
    unsafe fn widen(bits: &[u16; 16]) -> Self;
    fn store(self, out: &mut [f32; 16]);
    fn times(self, other: Self) -> Self;
    /// `self * factor + addend`.
    fn times_plus(self, factor: Self, addend: Self) -> Self;
    fn plus(self, other: Self) -> Self;
    /// The larger of each two; `other` where one of them is not a number.
    fn larger(self, other: Self) -> Self;
    /// Sum of all: halves are added until one number is left.
    fn sum(self) -> f32;
    /// The largest, found in the same way.
    fn largest(self) -> f32;
}

/// How keys and values lie in memory.
pub(super) trait Stored: Copy {
    /// # Safety
    /// As for [`Lanes::splat`].
    unsafe fn lanes<L: Lanes>(values: &[Self; 16]) -> L;
}

/// Half-precision bits.
impl Stored for u16 {
    #[inline(always)]
    unsafe fn lanes<L: Lanes>(values: &[Self; 16]) -> L {
        // SAFETY: the caller's promise is the same.
        unsafe { L::widen(values) }
    }
}

impl Stored for f32 {
    #[inline(always)]
    unsafe fn lanes<L: Lanes>(values: &[Self; 16]) -> L {
        // SAFETY: the caller's promise is the same.
        unsafe { L::load(values) }
    }
}

/// One AVX-512 register.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Wide(__m512);

// SAFETY (all of this block): a `Wide` exists only where AVX-512F was detected, and every
// address comes from a reference to an array of exactly the length that is read or written.
#[cfg(target_arch = "x86_64")]
impl Lanes for Wide {
    const FMA: bool = true;
    const GROUP: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(values: &[f32; 16]) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }

    #[inline(always)]
    unsafe fn widen(bits: &[u16; 16]) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(bits.as_ptr().cast())) })
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; 16]) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn times_plus(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.halves().sum()
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.halves().largest()
    }
}

#[cfg(target_arch = "x86_64")]
impl Wide {
    #[inline(always)]
    fn halves(self) -> Pair {
        // SAFETY: machines with AVX-512DQ, which the engine's AVX-512 includes, have AVX2.
        unsafe {
            Pair(
                _mm512_castps512_ps256(self.0),
                _mm512_extractf32x8_ps::<1>(self.0),
            )
        }
    }
}

/// Two AVX2 registers.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Pair(__m256, __m256);

// SAFETY (all of this block): a `Pair` exists only where AVX2, FMA and F16C were detected;
// each half of an array of sixteen is eight numbers long.
#[cfg(target_arch = "x86_64")]
impl Lanes for Pair {
    const FMA: bool = true;
    const GROUP: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see above.
        let half = unsafe { _mm256_set1_ps(value) };
        Self(half, half)
    }

    #[inline(always)]
    unsafe fn load(values: &[f32; 16]) -> Self {
        let at = values.as_ptr();
        // SAFETY: see above.
        unsafe { Self(_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))) }
    }

    #[inline(always)]
    unsafe fn widen(bits: &[u16; 16]) -> Self {
        let at = bits.as_ptr();
        // SAFETY: see above.
        unsafe {
            Self(
                _mm256_cvtph_ps(_mm_loadu_si128(at.cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(at.add(8).cast())),
            )
        }
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; 16]) {
        let at = out.as_mut_ptr();
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_ps(at, self.0);
            _mm256_storeu_ps(at.add(8), self.1);
        }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self(
                _mm256_mul_ps(self.0, other.0),
                _mm256_mul_ps(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn times_plus(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self(
                _mm256_fmadd_ps(self.0, factor.0, addend.0),
                _mm256_fmadd_ps(self.1, factor.1, addend.1),
            )
        }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self(
                _mm256_add_ps(self.0, other.0),
                _mm256_add_ps(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self(
                _mm256_max_ps(self.0, other.0),
                _mm256_max_ps(self.1, other.1),
            )
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: see above.
        unsafe {
            let eight = _mm256_add_ps(self.0, self.1);
            let high = _mm256_extractf128_ps::<1>(eight);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), high);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: see above.
        unsafe {
            let eight = _mm256_max_ps(self.0, self.1);
            let high = _mm256_extractf128_ps::<1>(eight);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), high);
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}

/// Plain Rust.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 16]);

impl Lanes for Plain {
    const FMA: bool = false;
    const GROUP: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 16])
    }

    #[inline(always)]
    unsafe fn load(values: &[f32; 16]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    unsafe fn widen(bits: &[u16; 16]) -> Self {
        Self(bits.map(|b| half::f16::from_bits(b).to_f32()))
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; 16]) {
        *out = self.0;
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }

    #[inline(always)]
    fn times_plus(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i] * factor.0[i] + addend.0[i]
        }))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| larger(self.0[i], other.0[i])))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        fold(self.0, |a, b| a + b)
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        fold(self.0, larger)
    }
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Puts the upper half on the lower until one number is left.
#[inline(always)]
fn fold(mut lanes: [f32; 16], join: impl Fn(f32, f32) -> f32) -> f32 {
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
    }
    lanes[0]
}
