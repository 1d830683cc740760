//! The product of packed panels with rounded rows: who computes what, on which path.

use super::layout::{PANEL, Panels, Wide};
use super::pool::{self, SendPtr};
use super::rows::{Block, QuantRows};
use super::{Isa, portable};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512, avx512_sweep};

/// Rows that are multiplied straight from the packed tiles at a time; with more than twice
/// as many it pays to widen the tiles first.
const FEW: usize = 8;
/// Rows that stay in a core's second-level cache while panels pass by.
const ROW_BLOCK: usize = 256;
/// Tiles of a panel that are widened at once; those of two panels take 15 KiB of the first-level
/// cache.
const TILES: usize = 12;
/// Parts of a region for each thread: small enough to even out, few enough to cost nothing.
const SHARE: usize = 4;

/// Where the results of one panel go: `rows` numbers in each of several rows that lie
/// `stride` apart. Whoever makes one owns those places for the time of a panel.
#[derive(Clone, Copy)]
pub(super) struct Place {
    first: *mut f32,
    stride: usize,
    rows: usize,
}

impl Place {
    /// The place of activation row `r`.
    pub(super) fn row(&self, r: usize) -> *mut f32 {
        self.first.wrapping_add(r * self.stride)
    }

    /// The same from activation row `r` on.
    pub(super) fn below(&self, r: usize) -> Self {
        Self {
            first: self.row(r),
            ..*self
        }
    }

    /// One bit for each number that may be written.
    pub(super) fn mask(&self) -> u16 {
        (u32::MAX >> (32 - self.rows)) as u16
    }

    /// The numbers of activation row `r`.
    pub(super) fn read(&self, r: usize) -> [f32; PANEL] {
        let mut sums = [0f32; PANEL];
        for (i, sum) in sums.iter_mut().enumerate().take(self.rows) {
            // SAFETY: inside the place, which belongs to the caller.
            #[expect(unsafe_code, reason = "threads write separate columns of one slice")]
            unsafe {
                *sum = *self.row(r).add(i);
            }
        }
        sums
    }

    /// Writes the numbers of activation row `r`.
    pub(super) fn write(&self, r: usize, sums: &[f32; PANEL]) {
        for (i, sum) in sums.iter().enumerate().take(self.rows) {
            // SAFETY: inside the place, which belongs to the caller.
            #[expect(unsafe_code, reason = "threads write separate columns of one slice")]
            unsafe {
                *self.row(r).add(i) = *sum;
            }
        }
    }
}

/// Panels of several formats whose outputs follow one another.
pub(super) struct Stack<'a> {
    pub(super) parts: &'a [Panels],
    pub(super) n: usize,
    pub(super) blocks: usize,
}

impl Stack<'_> {
    fn panels(&self) -> usize {
        self.parts.iter().map(Panels::count).sum()
    }

    /// Part, panel in it and first output of panel number `p` of all.
    fn find(&self, mut p: usize) -> (&Panels, usize, usize) {
        let mut output = 0;
        for part in self.parts {
            if p < part.count() {
                return (part, p, output + p * PANEL);
            }
            p -= part.count();
            output += part.n;
        }
        unreachable!("panel numbers are below the count of panels")
    }
}

/// `out = rows * stack^T`: `out` has rows of `stack.n` numbers. Panels for which `wanted`
/// says no are left as they are; it gets a panel's first output and its count of outputs.
pub(super) fn product(
    isa: Isa,
    stack: &Stack<'_>,
    rows: &QuantRows,
    wanted: impl Fn(usize, usize) -> bool + Sync,
    out: &mut [f32],
) {
    let count = rows.count();
    assert_eq!(rows.blocks.len(), count * stack.blocks, "width of the rows");
    assert_eq!(out.len(), count * stack.n, "room for the results");
    if count == 0 {
        return;
    }
    let panels = stack.panels();
    let threads = pool::threads();
    let parts = if threads == 1 {
        1
    } else {
        panels.min(threads * SHARE)
    };
    let size = panels.div_ceil(parts.max(1));
    let first = SendPtr(out.as_mut_ptr());
    pool::parallel(parts, |part| {
        let mut tiles = [[Wide::ZERO; TILES]; 2];
        for from in (0..count).step_by(ROW_BLOCK) {
            let to = count.min(from + ROW_BLOCK);
            let block = &rows.blocks[from * stack.blocks..to * stack.blocks];
            let end = panels.min((part + 1) * size);
            let mut p = part * size;
            while p < end {
                let (weights, own, output) = stack.find(p);
                let place = |next: usize| Place {
                    first: first
                        .get()
                        .wrapping_add(from * stack.n + output + next * PANEL),
                    stride: stack.n,
                    rows: weights.rows(own + next),
                };
                let wanted = |next: usize| {
                    p + next < end
                        && own + next < weights.count()
                        && wanted(output + next * PANEL, weights.rows(own + next))
                };
                let many = block.len() > 2 * FEW * weights.blocks;
                #[cfg(target_arch = "x86_64")]
                if isa == Isa::Avx512 && many && wanted(0) && wanted(1) {
                    pair(weights, own, block, &[place(0), place(1)], &mut tiles);
                    p += 2;
                    continue;
                }
                if wanted(0) {
                    panel(isa, weights, own, block, &place(0), &mut tiles[0]);
                }
                p += 1;
            }
        }
    });
}

/// Two panels that follow one another against many rows, with AVX-512.
#[cfg(target_arch = "x86_64")]
fn pair(
    weights: &Panels,
    p: usize,
    rows: &[Block],
    places: &[Place; 2],
    tiles: &mut [[Wide; TILES]; 2],
) {
    let spec = weights.format.spec();
    for from in (0..weights.blocks).step_by(TILES) {
        let count = TILES.min(weights.blocks - from);
        for (next, tiles) in tiles.iter_mut().enumerate() {
            let bytes = weights.panel(p + next);
            widen(Isa::Avx512, weights, bytes, from, &mut tiles[..count]);
        }
        let tiles = [&tiles[0][..count], &tiles[1][..count]];
        let (rows, first) = (&rows[from..], from == 0);
        // SAFETY: only called with AVX-512, which the machine was found to have.
        #[expect(unsafe_code, reason = "calls code compiled for detected features")]
        unsafe {
            avx512_sweep::sweep::<2>(&spec, &tiles, rows, weights.blocks, first, places);
        }
    }
}

/// One panel against rows of activations.
fn panel(isa: Isa, weights: &Panels, p: usize, rows: &[Block], place: &Place, tiles: &mut [Wide]) {
    let bytes = weights.panel(p);
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512 && rows.len() <= 2 * FEW * weights.blocks {
        for (group, rows) in rows.chunks(FEW * weights.blocks).enumerate() {
            let (count, place) = (rows.len() / weights.blocks, place.below(group * FEW));
            // SAFETY: `isa` is never more than what the machine was found to have.
            #[expect(unsafe_code, reason = "calls code compiled for detected features")]
            unsafe {
                avx512::direct(weights.format, bytes, rows, count, &place);
            }
        }
        return;
    }
    let spec = weights.format.spec();
    for from in (0..weights.blocks).step_by(tiles.len()) {
        let count = tiles.len().min(weights.blocks - from);
        let tiles = &mut tiles[..count];
        widen(isa, weights, bytes, from, tiles);
        let (rows, first) = (&rows[from..], from == 0);
        match isa {
            // SAFETY: `isa` is never more than what the machine was found to have.
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls code compiled for detected features")]
            Isa::Avx512 => unsafe {
                let (tiles, place) = ([&*tiles], [*place]);
                avx512_sweep::sweep::<1>(&spec, &tiles, rows, weights.blocks, first, &place);
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls code compiled for detected features")]
            Isa::AvxVnni => unsafe {
                avx2::sweep_vnni(&spec, tiles, rows, weights.blocks, first, place);
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls code compiled for detected features")]
            Isa::Avx2 => unsafe {
                avx2::sweep(&spec, tiles, rows, weights.blocks, first, place);
            },
            Isa::Portable => {
                portable::sweep::<false>(&spec, tiles, rows, weights.blocks, first, place);
            }
        }
    }
}

/// Widens the tiles of a panel from block `from` on, as many as `out` holds.
pub(super) fn widen(isa: Isa, weights: &Panels, panel: &[u8], from: usize, out: &mut [Wide]) {
    match isa {
        // SAFETY: `isa` is never more than what the machine was found to have.
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calls code compiled for detected features")]
        Isa::Avx512 => unsafe { avx512::widen(weights.format, panel, from, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calls code compiled for detected features")]
        Isa::AvxVnni | Isa::Avx2 => unsafe { avx2::widen(weights.format, panel, from, out) },
        Isa::Portable => {
            for (i, out) in out.iter_mut().enumerate() {
                portable::widen(weights.format, panel, from + i, out);
            }
        }
    }
}
