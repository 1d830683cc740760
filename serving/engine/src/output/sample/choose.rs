//! One row of logits to one token.

use super::{History, Sampling};
use crate::error::EngineError;
use crate::runner::TokenMask;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Lanes of the passes over a row: independent sums that the compiler keeps in vector registers.
const LANES: usize = 16;
/// Tokens whose weights are summed together before single tokens are looked at.
const BLOCK: usize = 256;

/// What narrows a choice beside [`Sampling`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed<'a> {
    /// Tokens that a grammar allows; `None` allows all. Others may hold anything.
    pub(crate) mask: Option<&'a TokenMask>,
    /// Tokens that may not come yet: end tokens before `min_tokens`. Where nothing else is
    /// allowed they come all the same.
    pub(crate) banned: &'a [u32],
}

/// Chooses a token. `point` is in [0, 1). The same arguments give the same token, whoever
/// asks: plain decoding, verification of a draft, a batch of any size. `logits` is scratch
/// afterwards. Fails on NaN or infinite logits of allowed tokens, and when none is allowed.
pub(crate) fn choose(
    logits: &mut [f32],
    history: &History,
    sampling: &Sampling,
    allowed: Allowed<'_>,
    point: f64,
) -> Result<u32, EngineError> {
    narrow(logits, allowed.mask)?;
    ban(logits, allowed.banned);
    history.adjust(logits, sampling);
    let best = greatest(logits);
    if best == f32::NEG_INFINITY {
        return Err(EngineError::NumericFault);
    }
    if sampling.temperature == 0.0 {
        return Ok(position(logits, best));
    }
    to_weights(logits, best, sampling.temperature);
    Ok(if sampling.top_k == 0 && sampling.top_p >= 1.0 {
        draw_all(logits, sampling.min_p, point)
    } else {
        draw_best(logits, sampling, point)
    })
}

/// Sets what the mask forbids to `-inf` and refuses what is not finite among the rest.
fn narrow(logits: &mut [f32], mask: Option<&TokenMask>) -> Result<(), EngineError> {
    let Some(mask) = mask else {
        return if all_finite(logits) {
            Ok(())
        } else {
            Err(EngineError::NumericFault)
        };
    };
    for (index, chunk) in logits.chunks_mut(64).enumerate() {
        match mask.words.get(index).copied().unwrap_or(0) {
            0 => chunk.fill(f32::NEG_INFINITY),
            word => {
                for (bit, logit) in chunk.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *logit = f32::NEG_INFINITY;
                    } else if !logit.is_finite() {
                        return Err(EngineError::NumericFault);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Takes banned tokens out, unless that leaves nothing.
fn ban(logits: &mut [f32], banned: &[u32]) {
    if banned.is_empty() {
        return;
    }
    let mut kept = Vec::with_capacity(banned.len());
    for token in banned {
        if let Some(logit) = logits.get_mut(*token as usize) {
            kept.push((*token, std::mem::replace(logit, f32::NEG_INFINITY)));
        }
    }
    if greatest(logits) == f32::NEG_INFINITY {
        // In reverse, so that a token named twice gets its first value back.
        for (token, logit) in kept.into_iter().rev() {
            logits[token as usize] = logit;
        }
    }
}

/// Whether no number is NaN or infinite (those times 0 are NaN), and there is one at all.
pub(super) fn all_finite(values: &[f32]) -> bool {
    let mut lanes = [0.0f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|v| v * 0.0).sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value * 0.0;
        }
    }
    !values.is_empty() && lanes.iter().sum::<f32>() + rest == 0.0
}

/// The greatest number; `-inf` of none.
pub(super) fn greatest(values: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied();
    let rest = rest.fold(f32::NEG_INFINITY, greater);
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = greater(*lane, *value);
        }
    }
    lanes.into_iter().fold(rest, greater)
}

/// The lowest id with this logit.
fn position(logits: &[f32], best: f32) -> u32 {
    logits.iter().position(|l| *l >= best).unwrap_or(0) as u32
}

/// `e^x` for `x` up to 0, within 2e-6 of the true value (relatively) where that is over
/// 2e-38, else 0. Plain arithmetic, so that it vectorises and gives the same bits everywhere.
pub(super) fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    if x < -87.0 {
        return 0.0;
    }
    let t = x * std::f32::consts::LOG2_E;
    let shifted = t + ROUND;
    let f = (t - (shifted - ROUND)) * std::f32::consts::LN_2;
    let p = 1.0 / 720.0;
    let p = p * f + 1.0 / 120.0;
    let p = p * f + 1.0 / 24.0;
    let p = p * f + 1.0 / 6.0;
    let p = p * f + 0.5;
    let p = (p * f + 1.0) * f + 1.0;
    let whole = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    p * f32::from_bits(whole.wrapping_add(127) << 23)
}

fn to_weights(logits: &mut [f32], best: f32, temperature: f32) {
    for logit in logits {
        *logit = exp((*logit - best) / temperature);
    }
}

/// Sum of up to [`BLOCK`] weights.
pub(super) fn sum(weights: &[f32]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let chunks = weights.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|w| f64::from(*w)).sum();
    for chunk in chunks {
        for (lane, weight) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*weight);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Draws among all tokens with at least `min_p`, in the order of their ids: nothing is sorted.
fn draw_all(weights: &mut [f32], min_p: f32, point: f64) -> u32 {
    if min_p > 0.0 {
        for weight in weights.iter_mut() {
            *weight = if *weight < min_p { 0.0 } else { *weight };
        }
    }
    let sums: Vec<f64> = weights.chunks(BLOCK).map(sum).collect();
    let mut left = point * sums.iter().sum::<f64>();
    for (index, block) in sums.iter().enumerate() {
        if left >= *block && index + 1 < sums.len() {
            left -= block;
            continue;
        }
        let from = index * BLOCK;
        for (offset, weight) in weights[from..].iter().enumerate() {
            left -= f64::from(*weight);
            if left < 0.0 && *weight > 0.0 {
                return (from + offset) as u32;
            }
        }
    }
    // Rounding left more than there was: the last token that has a weight.
    weights.iter().rposition(|w| *w > 0.0).unwrap_or(0) as u32
}

/// A candidate, ordered by weight, then by lower id.
#[derive(PartialEq)]
struct Candidate {
    weight: f32,
    token: u32,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.weight
            .total_cmp(&other.weight)
            .then(other.token.cmp(&self.token))
    }
}

/// Takes candidates from the most likely on until the filters are full, then draws. Only
/// tokens near the best are looked at one by one, and only those that are taken are ordered.
fn draw_best(weights: &[f32], s: &Sampling, point: f64) -> u32 {
    let total = if s.top_k == 0 {
        let passing = |w: &f32| if *w < s.min_p { 0.0 } else { *w };
        let passing: Vec<f32> = weights.iter().map(passing).collect();
        passing.chunks(BLOCK).map(sum).sum()
    } else {
        f64::INFINITY
    };
    let most = if s.top_k == 0 { usize::MAX } else { s.top_k };
    for floor in [1e-3, 1e-7, 1e-20, 0.0] {
        let near = gather(weights, s.min_p.max(floor));
        let whole = floor <= s.min_p;
        if let Some(kept) = take(near, most, f64::from(s.top_p) * total, whole) {
            return pick(&kept, s, point);
        }
    }
    position(weights, greatest(weights))
}

/// Every token with a weight of at least `floor` (and over 0).
fn gather(weights: &[f32], floor: f32) -> Vec<Candidate> {
    let floor = floor.max(f32::MIN_POSITIVE);
    let mut near = Vec::new();
    for (block, chunk) in weights.chunks(LANES).enumerate() {
        // One comparison for all lanes: most blocks have nothing.
        if greatest(chunk) >= floor {
            for (lane, weight) in chunk.iter().enumerate() {
                if *weight >= floor {
                    let token = (block * LANES + lane) as u32;
                    near.push(Candidate {
                        weight: *weight,
                        token,
                    });
                }
            }
        }
    }
    near
}

/// The best `most` candidates, or fewer that reach `mass`; `None` when these are too few and
/// not `whole`.
fn take(near: Vec<Candidate>, most: usize, mass: f64, whole: bool) -> Option<Vec<Candidate>> {
    let mut heap = BinaryHeap::from(near);
    let mut kept = Vec::new();
    let mut sum = 0.0;
    while kept.len() < most && sum < mass {
        let Some(candidate) = heap.pop() else {
            return whole.then_some(kept);
        };
        sum += f64::from(candidate.weight);
        kept.push(candidate);
    }
    Some(kept)
}

/// Draws among the kept; with top-k, top-p is a share of what top-k left.
fn pick(kept: &[Candidate], s: &Sampling, point: f64) -> u32 {
    let mut kept = kept;
    let mass = |part: &[Candidate]| part.iter().map(|c| f64::from(c.weight)).sum::<f64>();
    if s.top_k != 0 && s.top_p < 1.0 {
        let wanted = f64::from(s.top_p) * mass(kept);
        let mut running = 0.0;
        let cut = kept.iter().position(|c| {
            running += f64::from(c.weight);
            running >= wanted
        });
        kept = &kept[..cut.map_or(kept.len(), |at| at + 1)];
    }
    let mut left = point * mass(kept);
    for candidate in kept {
        left -= f64::from(candidate.weight);
        if left < 0.0 {
            return candidate.token;
        }
    }
    kept.last().map_or(0, |c| c.token)
}
