//! The arithmetic of the decoder on the CPU.
//!
//! Every result depends on one row of activations and on the weights only, and is summed
//! in one fixed order. Batch neighbours, chunk borders and thread counts can therefore
//! never change a bit of it.

pub(crate) mod attention;
mod attention_tile;
mod attention_walk;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_sweep;
mod backward;
pub(crate) mod bidirectional;
#[cfg(target_arch = "x86_64")]
mod bidirectional_avx512;
mod dense;
#[cfg(target_arch = "x86_64")]
mod dense_x86;
pub(crate) mod elementwise;
pub(crate) mod encoder;
pub(crate) mod finite;
pub(crate) mod kv;
mod lanes;
mod layout;
pub(crate) mod mapped;
pub(crate) mod matrix;
mod pack;
pub(crate) mod panels;
#[cfg(target_arch = "x86_64")]
mod panels_avx512;
pub(crate) mod pool;
mod portable;
pub(crate) mod probe;
mod product;
pub(crate) mod rows;
#[cfg(target_arch = "x86_64")]
mod rows_avx512;

use std::sync::OnceLock;

/// Instruction sets that the kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// AVX-512 with VNNI (integer dot products).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA and 256-bit VNNI.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust.
    Portable,
}

impl Isa {
    /// What this machine has, the best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vnni");
            if avx2 && avx512 {
                found.push(Self::Avx512);
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                found.push(Self::AvxVnni);
            }
            if avx2 {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Portable);
        found
    }

    fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

/// The instruction set in use, found once: the best of this machine, or the one named in
/// `ZHISUAN_ENGINE_ISA` if the machine has it (for measurements and for finding faults).
pub(crate) fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let available = Isa::available();
        let asked = std::env::var("ZHISUAN_ENGINE_ISA").unwrap_or_default();
        let found = available.iter().find(|isa| isa.name() == asked);
        if found.is_none() && !asked.is_empty() {
            let known: Vec<_> = available.iter().map(|isa| isa.name()).collect();
            tracing::warn!(asked, ?known, "ZHISUAN_ENGINE_ISA is ignored");
        }
        found
            .or_else(|| available.first())
            .copied()
            .unwrap_or(Isa::Portable)
    })
}

/// `a * b + c`, fused where `FMA`; the portable build must not fall into a library call.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled inside the caller's target features"
)]
fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Defines `$name` which runs `$body::<FMA>` compiled for the best instruction set.
macro_rules! dispatch {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? => $body:ident) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn narrow($($arg: $ty),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                match $crate::kernel::isa() {
                    // SAFETY: `isa` reports the features only after detecting them.
                    #[expect(unsafe_code, reason = "calls code compiled for detected features")]
                    $crate::kernel::Isa::Avx512 => unsafe { wide($($arg),*) },
                    // SAFETY: as above.
                    #[expect(unsafe_code, reason = "calls code compiled for detected features")]
                    $crate::kernel::Isa::AvxVnni | $crate::kernel::Isa::Avx2 => unsafe { narrow($($arg),*) },
                    $crate::kernel::Isa::Portable => $body::<false>($($arg),*),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            $body::<false>($($arg),*)
        }
    };
}
pub(crate) use dispatch;

#[cfg(test)]
mod attention_tests;
#[cfg(test)]
mod path_tests;
#[cfg(test)]
mod pool_tests;
#[cfg(test)]
mod tests;
