//! Walks the tiles of a context for one piece of attention work.
#![expect(
    unsafe_code,
    reason = "calls code compiled for detected features, and code generic over them"
)]
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::Isa;
use super::attention::{Attention, PART, Piece, merge};
use super::attention_tile::{GroupState, State, Tile, group};
use super::kv::{LANES, TILE};
use super::lanes::{Lanes, Plain, Stored};
#[cfg(target_arch = "x86_64")]
use super::lanes::{Pair, Wide};

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Queries, dimension by dimension within each group.
    packed: Vec<f32>,
    /// Position of each query; the last is repeated until the last group is full.
    positions: Vec<usize>,
    /// State of the part at hand.
    part: State,
    /// State of the parts so far.
    whole: State,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Scratch {
    /// The result of the last walk.
    pub(super) fn take_result(&mut self) -> State {
        std::mem::take(&mut self.whole)
    }
}

/// A piece of work with what it reads.
pub(super) struct Walk<'a> {
    pub(super) how: &'a Attention,
    pub(super) layer: &'a [u16],
    pub(super) piece: &'a Piece<'a>,
    pub(super) queries: &'a [f32],
    pub(super) stride: usize,
}

impl Walk<'_> {
    /// Computes the piece with an instruction set that this machine has.
    pub(super) fn run(&self, isa: Isa, scratch: &mut Scratch) {
        match isa {
            // SAFETY: values of these variants come from detection.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { self.wide(scratch) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni | Isa::Avx2 => unsafe { self.narrow(scratch) },
            // SAFETY: plain Rust needs no instruction set.
            Isa::Portable => unsafe { self.body::<Plain>(scratch) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
    fn wide(&self, scratch: &mut Scratch) {
        // SAFETY: this function's features are those of the type.
        unsafe { self.body::<Wide>(scratch) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn narrow(&self, scratch: &mut Scratch) {
        // SAFETY: this function's features are those of the type.
        unsafe { self.body::<Pair>(scratch) }
    }

    /// # Safety
    /// The instruction set of `L` must have been detected.
    #[inline(always)]
    unsafe fn body<L: Lanes>(&self, scratch: &mut Scratch) {
        let Self { how, piece, .. } = self;
        let width = how.layout.width();
        self.pack(L::GROUP, scratch);
        let queries = scratch.positions.len();
        scratch.whole.reset(queries, width);
        let first = how.seen(piece.first).start / TILE;
        let last = (piece.first + piece.rows.len()).div_ceil(TILE);
        let few = queries <= 2 * L::GROUP;
        for part in piece.parts.clone() {
            let tiles = part * (PART / TILE)..(part + 1) * (PART / TILE);
            scratch.part.reset(queries, width);
            for index in tiles.start.max(first)..tiles.end.min(last) {
                let block = piece.blocks[index];
                let (keys, values) = how.layout.read(self.layer, block, piece.kv_head);
                // SAFETY: the caller's promise.
                unsafe {
                    if few {
                        let Scratch {
                            packed,
                            positions,
                            part,
                            ..
                        } = scratch;
                        self.tile::<L, u16>(Tile { keys, values }, index, packed, positions, part);
                    } else {
                        let Scratch {
                            packed,
                            positions,
                            part,
                            keys: wide_keys,
                            values: wide_values,
                            ..
                        } = scratch;
                        let tile = Tile {
                            keys: widen::<L>(keys, wide_keys),
                            values: widen::<L>(values, wide_values),
                        };
                        self.tile::<L, f32>(tile, index, packed, positions, part);
                    }
                }
            }
            merge(&mut scratch.whole, &scratch.part, width);
        }
    }

    /// Brings the scaled queries of the piece into the order of the kernel.
    #[inline(always)]
    fn pack(&self, most: usize, scratch: &mut Scratch) {
        let Self { how, piece, .. } = self;
        let (per_row, head_dim) = (how.group(), how.layout.head_dim);
        let count = piece.rows.len() * per_row;
        scratch.packed.clear();
        scratch.positions.clear();
        for (from, size) in groups(count, most) {
            let query = |r: usize| {
                let query = (from + r).min(count - 1);
                let row = piece.rows.start + query / per_row;
                let head = piece.kv_head * per_row + query % per_row;
                &self.queries[row * self.stride + head * head_dim..][..head_dim]
            };
            let at = scratch.packed.len();
            scratch.packed.resize(at + size * head_dim, 0.0);
            let packed = &mut scratch.packed[at..];
            for r in 0..size {
                for (packed, number) in packed[r..].iter_mut().step_by(size).zip(query(r)) {
                    *packed = number * how.scale;
                }
                let query = (from + r).min(count - 1);
                scratch.positions.push(piece.first + query / per_row);
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes, T: Stored>(
        &self,
        tile: Tile<'_, T>,
        index: usize,
        packed: &[f32],
        positions: &[usize],
        state: &mut State,
    ) {
        let (mut from, mut rest) = (0, packed);
        for (_, size) in groups(positions.len(), L::GROUP) {
            let (packed, after) = rest.split_at(size * self.how.layout.head_dim);
            let positions = &positions[from..from + size];
            // SAFETY: the caller's promise.
            unsafe {
                match size {
                    8 => self.group::<L, T, 8>(tile, index, packed, positions, from, state),
                    4 => self.group::<L, T, 4>(tile, index, packed, positions, from, state),
                    2 => self.group::<L, T, 2>(tile, index, packed, positions, from, state),
                    _ => self.group::<L, T, 1>(tile, index, packed, positions, from, state),
                }
            }
            (from, rest) = (from + size, after);
        }
    }

    #[inline(always)]
    unsafe fn group<L: Lanes, T: Stored, const R: usize>(
        &self,
        tile: Tile<'_, T>,
        index: usize,
        packed: &[f32],
        positions: &[usize],
        from: usize,
        state: &mut State,
    ) {
        let base = index * TILE;
        let inside = |position: usize| {
            let seen = self.how.seen(position);
            let start = seen.start.max(base);
            let end = seen.end.min(base + TILE).max(start);
            start - base..end - base
        };
        let (earliest, latest) = (positions[0], positions[R - 1]);
        if latest < base || self.how.seen(earliest).start >= base + TILE {
            return;
        }
        let all = earliest + 1 >= base + TILE && self.how.seen(latest).start <= base;
        let width = self.how.layout.width();
        let (Some(tops), Some(totals)) = (
            state.tops[from..].first_chunk_mut::<R>(),
            state.totals[from..].first_chunk_mut::<R>(),
        ) else {
            return;
        };
        let sums = &mut state.sums[from * width..(from + R) * width];
        let mut state = GroupState { tops, totals, sums };
        let seen = |r: usize| inside(positions[r]);
        // SAFETY: the caller's promise.
        unsafe { group::<L, T, R>(packed, tile, self.how.softcap, all, seen, &mut state) }
    }
}

/// `(first query, size)` of groups of 1, 2, 4 ... `most`; the last may be larger than what is left.
fn groups(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let left = count.checked_sub(from).filter(|left| *left > 0)?;
        let size = left.next_power_of_two().min(most);
        from += size;
        Some((from - size, size))
    })
}

#[inline(always)]
unsafe fn widen<'a, L: Lanes>(bits: &[u16], wide: &'a mut Vec<f32>) -> &'a [f32] {
    wide.resize(bits.len(), 0.0);
    let out = wide.as_chunks_mut::<LANES>().0;
    for (out, bits) in out.iter_mut().zip(bits.as_chunks::<LANES>().0) {
        // SAFETY: the caller's promise.
        unsafe { L::widen(bits) }.store(out);
    }
    wide
}
