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
mod backward;
pub(crate) mod bidirectional;
mod blocks;
mod dense;
pub(crate) mod elementwise;
pub(crate) mod kv;
mod lanes;
pub(crate) mod mapped;
pub(crate) mod encoder;
pub(crate) mod matrix;
mod portable;
pub(crate) mod quant;

use std::sync::OnceLock;

/// Instruction sets that the kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// AVX-512 with VNNI (integer dot products).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust.
    Portable,
}

/// The best instruction set of this machine, found once.
pub(crate) fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(detect)
}

fn detect() -> Isa {
    #[cfg(target_arch = "x86_64")]
    {
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni");
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        if avx512 && avx2 {
            return Isa::Avx512;
        }
        if avx2 {
            return Isa::Avx2;
        }
    }
    Isa::Portable
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
                    $crate::kernel::Isa::Avx2 => unsafe { narrow($($arg),*) },
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
mod tests;
