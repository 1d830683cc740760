//! Causal attention over paged keys and values, all query heads of a key/value head together.
//!
//! A row's result depends on its position and its cache only. Tiles lie at fixed positions,
//! and runs of [`PART`] positions have their own softmax state, merged in order, so the same
//! sums are made whether a prompt comes whole or in chunks, and whether one thread walks a
//! long context or many share it (the split of Flash-Decoding: Dao and others, 2023).

use super::attention_tile::State;
use super::attention_walk::{Scratch, Walk};
use super::elementwise::exp;
use super::kv::{KvLayout, TILE};
use super::pool;
use super::{Isa, dispatch, isa};
use std::cell::RefCell;
use std::ops::Range;

/// Positions that share one softmax state.
pub(super) const PART: usize = 16 * TILE;

/// Queries that read a long context in parallel parts; more queries than these are enough
/// work for all threads by themselves.
const FEW: usize = 16;

/// Queries of one piece of work: enough that widening a tile to f32 is little beside using it,
/// few enough that their sums stay in the first-level cache.
const MANY: usize = 128;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The heads and the score function of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    pub(crate) layout: KvLayout,
    /// Query heads; a multiple of the key/value heads.
    pub(crate) heads: usize,
    /// Factor of the scores.
    pub(crate) scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub(crate) softcap: Option<f32>,
    /// A position sees itself and this many less one before it.
    pub(crate) window: Option<usize>,
}

/// Rows of one sequence.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    /// Its rows in the batch.
    pub(crate) rows: Range<usize>,
    /// Position of the first of them.
    pub(crate) start: usize,
    /// Blocks of all positions up to the last row's.
    pub(crate) blocks: &'a [u32],
}

/// Some rows of a reader, one key/value head, some parts of the context.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    pub(super) rows: Range<usize>,
    /// Position of the first row.
    pub(super) first: usize,
    pub(super) blocks: &'a [u32],
    pub(super) kv_head: usize,
    pub(super) parts: Range<usize>,
}

impl Attention {
    /// Query heads of one key/value head.
    pub(super) fn group(&self) -> usize {
        self.heads / self.layout.kv_heads
    }

    /// Positions that a row may see.
    pub(super) fn seen(&self, position: usize) -> Range<usize> {
        let end = position + 1;
        self.window.map_or(0, |w| end.saturating_sub(w))..end
    }

    fn pieces<'a>(&self, reader: &Reader<'a>, out: &mut Vec<Piece<'a>>) {
        let group = self.group();
        let few = reader.rows.len() * group <= FEW;
        let step = if few {
            reader.rows.len()
        } else {
            (MANY / group / 8 * 8).clamp(8, 64)
        };
        for from in reader.rows.clone().step_by(step.max(1)) {
            let rows = from..reader.rows.end.min(from + step);
            let first = reader.start + (from - reader.rows.start);
            let last = self.seen(first + rows.len() - 1);
            let parts = self.seen(first).start / PART..last.end.div_ceil(PART);
            for kv_head in 0..self.layout.kv_heads {
                let piece = |parts| Piece {
                    rows: rows.clone(),
                    first,
                    blocks: reader.blocks,
                    kv_head,
                    parts,
                };
                if few {
                    out.extend(parts.clone().map(|part| piece(part..part + 1)));
                } else {
                    out.push(piece(parts.clone()));
                }
            }
        }
    }
}

/// `softmax(scale q k^T) v` for every row of every reader. `queries` holds rows of `stride`
/// numbers that begin with the heads' queries; the result holds rows of
/// `heads * head_dim`. Rows of no reader are zero.
pub(crate) fn attend(
    how: &Attention,
    layer: &[u16],
    readers: &[Reader<'_>],
    queries: &[f32],
    stride: usize,
) -> Vec<f32> {
    attend_with(isa(), how, layer, readers, queries, stride)
}

/// [`attend`] with an instruction set that this machine has.
pub(super) fn attend_with(
    isa: Isa,
    how: &Attention,
    layer: &[u16],
    readers: &[Reader<'_>],
    queries: &[f32],
    stride: usize,
) -> Vec<f32> {
    let mut pieces = Vec::new();
    for reader in readers {
        how.pieces(reader, &mut pieces);
    }
    let mut states = vec![State::default(); pieces.len()];
    pool::chunks(&mut states, 1, |at, state| {
        let walk = Walk {
            how,
            layer,
            piece: &pieces[at],
            queries,
            stride,
        };
        SCRATCH.with_borrow_mut(|scratch| {
            walk.run(isa, scratch);
            state[0] = scratch.take_result();
        });
    });
    let q_dim = how.heads * how.layout.head_dim;
    let mut out = vec![0f32; queries.len() / stride * q_dim];
    let mut parts = pieces.iter().zip(states).peekable();
    while let Some((piece, mut state)) = parts.next() {
        while let Some((_, more)) =
            parts.next_if(|(next, _)| next.rows == piece.rows && next.kv_head == piece.kv_head)
        {
            merge(&mut state, &more, how.layout.width());
        }
        scatter(how, piece, &state, &mut out);
    }
    out
}

/// Writes the weighted means of a piece to its rows.
fn scatter(how: &Attention, piece: &Piece<'_>, state: &State, out: &mut [f32]) {
    let (group, head_dim) = (how.group(), how.layout.head_dim);
    let width = how.layout.width();
    let sums = state.sums.chunks_exact(width).zip(&state.totals);
    for (query, (sums, total)) in sums.take(piece.rows.len() * group).enumerate() {
        let row = piece.rows.start + query / group;
        let head = piece.kv_head * group + query % group;
        let out = &mut out[(row * how.heads + head) * head_dim..][..head_dim];
        let inverse = 1.0 / total;
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = sum * inverse;
        }
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled inside target-feature functions"
)]
fn merge_body<const FMA: bool>(into: &mut State, more: &State, width: usize) {
    for (query, (top, total)) in more.tops.iter().zip(&more.totals).enumerate() {
        if *total == 0.0 {
            continue;
        }
        let sums = &mut into.sums[query * width..(query + 1) * width];
        let added = &more.sums[query * width..(query + 1) * width];
        if into.totals[query] == 0.0 {
            into.tops[query] = *top;
            into.totals[query] = *total;
            sums.copy_from_slice(added);
            continue;
        }
        let before = into.tops[query];
        let largest = if *top > before { *top } else { before };
        let (old, new) = (exp::<FMA>(before - largest), exp::<FMA>(top - largest));
        into.tops[query] = largest;
        into.totals[query] = into.totals[query] * old + total * new;
        for (sum, added) in sums.iter_mut().zip(added) {
            *sum = *sum * old + added * new;
        }
    }
}

dispatch! {
    /// Adds the state of later positions. A query that saw nothing there is left as it is.
    pub(super) fn merge(into: &mut State, more: &State, width: usize) => merge_body
}

/// Sum of sixteen lanes in a fixed order.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled inside the caller's target features"
)]
pub(super) fn sum16(lanes: &[f32; 16]) -> f32 {
    let mut eight = [0f32; 8];
    for i in 0..8 {
        eight[i] = lanes[i] + lanes[i + 8];
    }
    let four = [
        eight[0] + eight[4],
        eight[1] + eight[5],
        eight[2] + eight[6],
        eight[3] + eight[7],
    ];
    (four[0] + four[2]) + (four[1] + four[3])
}
