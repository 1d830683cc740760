//! Attention of a few queries over one tile of 32 positions, with the online softmax of
//! Milakov and Gimelshein (2018): the sum so far fades when a larger score comes.
//!
//! What happens to one query depends on its own position and on the tile only, never on the
//! queries beside it: scores add up dimension by dimension, outputs position by position.
#![expect(
    unsafe_code,
    reason = "generic over the instruction set, which the caller has detected"
)]
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::elementwise::exp;
use super::kv::{LANES, TILE};
use super::lanes::{Lanes, Stored};
use std::ops::Range;

/// Keys (`[head_dim][32]`) and values (`[32][width]`) of one head.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a, T> {
    pub(super) keys: &'a [T],
    pub(super) values: &'a [T],
}

/// Running result of queries: largest score, sum of weights, weighted sum of values.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) tops: Vec<f32>,
    pub(super) totals: Vec<f32>,
    /// `width` numbers for each query.
    pub(super) sums: Vec<f32>,
}

impl State {
    /// Nothing seen yet.
    pub(super) fn reset(&mut self, queries: usize, width: usize) {
        for (part, size, value) in [
            (&mut self.tops, queries, f32::NEG_INFINITY),
            (&mut self.totals, queries, 0.0),
            (&mut self.sums, queries * width, 0.0),
        ] {
            part.clear();
            part.resize(size, value);
        }
    }
}

/// One group's part of the state.
pub(super) struct GroupState<'a, const R: usize> {
    pub(super) tops: &'a mut [f32; R],
    pub(super) totals: &'a mut [f32; R],
    pub(super) sums: &'a mut [f32],
}

/// Adds a tile to `R` queries. `packed` holds their numbers dimension by dimension, already
/// scaled; `seen` says which positions of the tile each may see, unless it is `all` for all.
///
/// # Safety
/// The instruction set of `L` must have been detected.
#[inline(always)]
pub(super) unsafe fn group<L: Lanes, T: Stored, const R: usize>(
    packed: &[f32],
    tile: Tile<'_, T>,
    softcap: Option<f32>,
    all: bool,
    seen: impl Fn(usize) -> Range<usize>,
    state: &mut GroupState<'_, R>,
) {
    // SAFETY: the caller's promise.
    let mut scores = unsafe { products::<L, T, R>(packed, tile.keys) };
    if let Some(cap) = softcap {
        for score in scores.as_flattened_mut() {
            let turned = exp::<false>(*score / cap * 2.0);
            *score = cap * (1.0 - 2.0 / (turned + 1.0));
        }
    }
    let width = state.sums.len() / R;
    if all {
        let mut fades = [0f32; R];
        for (r, fade) in fades.iter_mut().enumerate() {
            let (top, total) = (&mut state.tops[r], &mut state.totals[r]);
            // SAFETY: the caller's promise.
            *fade = unsafe { weigh::<L>(&mut scores[r], &(0..TILE), top, total) };
        }
        // SAFETY: the caller's promise.
        unsafe { accumulate::<L, T, R>(&scores, 0..TILE, &fades, tile.values, state.sums) };
        return;
    }
    for (r, scores) in scores.iter_mut().enumerate() {
        let seen = seen(r);
        if seen.is_empty() {
            continue;
        }
        let top = &mut state.tops[r];
        // SAFETY: the caller's promise.
        let fade = unsafe { weigh::<L>(scores, &seen, top, &mut state.totals[r]) };
        let sums = &mut state.sums[r * width..(r + 1) * width];
        // SAFETY: the caller's promise.
        unsafe {
            accumulate::<L, T, 1>(&[*scores], seen, &[fade], tile.values, sums);
        }
    }
}

/// Products of `R` queries with 32 keys.
#[inline(always)]
unsafe fn products<L: Lanes, T: Stored, const R: usize>(
    packed: &[f32],
    keys: &[T],
) -> [[f32; TILE]; R] {
    // SAFETY: the caller's promise holds in the whole function.
    unsafe {
        let mut sums = [[L::splat(0.0); 2]; R];
        let dimensions = packed.as_chunks::<R>().0.iter();
        for (query, key) in dimensions.zip(keys.as_chunks::<TILE>().0) {
            let halves = key.as_chunks::<LANES>().0;
            let (low, high) = (T::lanes::<L>(&halves[0]), T::lanes::<L>(&halves[1]));
            for r in 0..R {
                let query = L::splat(query[r]);
                sums[r][0] = query.times_plus(low, sums[r][0]);
                sums[r][1] = query.times_plus(high, sums[r][1]);
            }
        }
        let mut scores = [[0f32; TILE]; R];
        for (scores, sums) in scores.iter_mut().zip(&sums) {
            let halves = scores.as_chunks_mut::<LANES>().0;
            sums[0].store(&mut halves[0]);
            sums[1].store(&mut halves[1]);
        }
        scores
    }
}

/// Turns scores into weights and updates the largest score and the sum of weights; returns
/// the factor by which everything before fades. Positions outside `seen` weigh nothing.
#[inline(always)]
unsafe fn weigh<L: Lanes>(
    scores: &mut [f32; TILE],
    seen: &Range<usize>,
    top: &mut f32,
    total: &mut f32,
) -> f32 {
    let partial = *seen != (0..TILE);
    if partial {
        scores[..seen.start].fill(f32::NEG_INFINITY);
        scores[seen.end..].fill(f32::NEG_INFINITY);
    }
    let before = *top;
    // SAFETY: the caller's promise.
    let largest = unsafe {
        let halves = scores.as_chunks::<LANES>().0;
        // What is not a number is passed over here and makes its own weight NaN.
        let floor = L::splat(f32::NEG_INFINITY);
        let low = L::load(&halves[0]).larger(floor);
        low.larger(L::load(&halves[1]).larger(floor)).largest()
    };
    let now = if largest > before { largest } else { before };
    *top = now;
    for score in scores.iter_mut() {
        *score = if L::FMA {
            exp::<true>(*score - now)
        } else {
            exp::<false>(*score - now)
        };
    }
    if partial {
        // The exponential never reaches zero by itself.
        scores[..seen.start].fill(0.0);
        scores[seen.end..].fill(0.0);
    }
    let fade = if L::FMA {
        exp::<true>(before - now)
    } else {
        exp::<false>(before - now)
    };
    let halves = scores.as_chunks::<LANES>().0;
    // SAFETY: the caller's promise.
    let sum = unsafe { L::load(&halves[0]).plus(L::load(&halves[1])).sum() };
    *total = *total * fade + sum;
    fade
}

/// `sums = fades * sums + weights * values` over the positions `seen`.
#[inline(always)]
unsafe fn accumulate<L: Lanes, T: Stored, const R: usize>(
    weights: &[[f32; TILE]; R],
    seen: Range<usize>,
    fades: &[f32; R],
    values: &[T],
    sums: &mut [f32],
) {
    let width = sums.len() / R;
    let mut from = 0;
    while from + 2 * LANES <= width {
        // SAFETY: the caller's promise.
        unsafe {
            slab::<L, T, R, 2>(weights, seen.clone(), fades, values, width, from, sums);
        }
        from += 2 * LANES;
    }
    if from < width {
        // SAFETY: the caller's promise.
        unsafe { slab::<L, T, R, 1>(weights, seen, fades, values, width, from, sums) };
    }
}

/// `W` registers of every query, from column `from` on.
#[inline(always)]
unsafe fn slab<L: Lanes, T: Stored, const R: usize, const W: usize>(
    weights: &[[f32; TILE]; R],
    seen: Range<usize>,
    fades: &[f32; R],
    values: &[T],
    width: usize,
    from: usize,
    sums: &mut [f32],
) {
    // SAFETY: the caller's promise holds in the whole function.
    unsafe {
        let mut lanes = [[L::splat(0.0); W]; R];
        for r in 0..R {
            let fade = L::splat(fades[r]);
            let columns = sums[r * width + from..].as_chunks::<LANES>().0;
            for w in 0..W {
                lanes[r][w] = L::load(&columns[w]).times(fade);
            }
        }
        let rows = values[seen.start * width..seen.end * width].chunks_exact(width);
        for (t, row) in seen.zip(rows) {
            let columns = row[from..from + W * LANES].as_chunks::<LANES>().0;
            let mut value = [L::splat(0.0); W];
            for w in 0..W {
                value[w] = T::lanes::<L>(&columns[w]);
            }
            for r in 0..R {
                let weight = L::splat(weights[r][t % TILE]);
                for w in 0..W {
                    lanes[r][w] = weight.times_plus(value[w], lanes[r][w]);
                }
            }
        }
        for r in 0..R {
            let columns = sums[r * width + from..].as_chunks_mut::<LANES>().0;
            for w in 0..W {
                lanes[r][w].store(&mut columns[w]);
            }
        }
    }
}
