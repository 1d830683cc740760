//! The next token from logits. Pure: the random number is an argument.

mod choose;
mod history;
mod logprobs;
mod sampling;

pub(crate) use choose::{Allowed, choose};
pub(crate) use history::History;
pub(crate) use logprobs::logprobs;
pub use sampling::Sampling;

/// The uniform number in [0, 1) for position `index` of a request with `seed`. It depends
/// on nothing else, so no batch neighbour and no restart can change it (SplitMix64).
pub(crate) fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
