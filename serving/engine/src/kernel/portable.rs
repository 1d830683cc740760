//! Tiles in plain Rust: the reference that every other path must equal, bit for bit where
//! `FMA`, and the path of machines without AVX2.

use super::layout::{BLOCK, Format, HALVES, OFFSET, PANEL, Spec, Wide};
use super::madd;
use super::product::Place;
use super::rows::Block;
use half::f16;

fn float(bytes: &[u8], row: usize) -> f32 {
    f16::from_le_bytes([bytes[2 * row], bytes[2 * row + 1]]).to_f32()
}

/// Widens the tile of block `b`.
pub(super) fn widen(format: Format, panel: &[u8], b: usize, out: &mut Wide) {
    let spec = format.spec();
    let (head, at) = spec.place(b);
    let (head, tile) = (&panel[head..head + spec.head], &panel[at..at + spec.tile()]);
    let (codes, rest) = tile.split_at(spec.codes);
    let (plane, scales) = rest.split_at(spec.plane);
    widen_codes(&spec, codes, plane, out);
    widen_scales(format, head, scales, out);
}

fn widen_codes(spec: &Spec, codes: &[u8], plane: &[u8], out: &mut Wide) {
    for g in 0..8 {
        for lane in 0..64 {
            let high = match spec.bits {
                5 => (plane[8 * g + lane / 8] >> (lane % 8)) & 1,
                6 => (plane[64 * (g / 4) + lane] >> (2 * (g % 4))) & 3,
                _ => 0,
            };
            out.codes[g][lane] = match spec.bits {
                8 => codes[64 * g + lane],
                _ => (codes[64 * (g % 4) + lane] >> (4 * (g / 4))) & 15 | high << 4,
            };
        }
    }
}

fn widen_scales(format: Format, head: &[u8], scales: &[u8], out: &mut Wide) {
    for r in 0..PANEL {
        let (first, second) = (scales[r], scales[16 + r]);
        (out.scale[r], out.second[r]) = match format {
            Format::Q40 | Format::Q50 | Format::Q80 => (float(scales, r), 0.0),
            Format::Q41 | Format::Q51 => (float(scales, r), float(&scales[32..], r)),
            Format::Q4K | Format::Q5K => (
                float(head, r) * f32::from(first),
                -(float(&head[32..], r) * f32::from(second)),
            ),
            Format::Q6K => (
                float(head, r) * f32::from(first as i8),
                float(head, r) * f32::from(second as i8),
            ),
        };
    }
}

/// Adds the product of one tile with one block of activations to the sums of its 16 rows.
pub(super) fn add_tile<const FMA: bool>(
    spec: &Spec,
    tile: &Wide,
    a: &Block,
    sums: &mut [f32; PANEL],
) {
    for (r, sum) in sums.iter_mut().enumerate() {
        let dot = |from: usize, to: usize| -> i32 {
            let product =
                |i: usize| i32::from(tile.codes[i / 4][4 * r + i % 4]) * i32::from(a.codes[i]);
            (from..to).map(product).sum()
        };
        if spec.kind == HALVES {
            let low = dot(0, BLOCK / 2) + (a.minus_low << spec.zero);
            let high = dot(BLOCK / 2, BLOCK) + ((a.minus - a.minus_low) << spec.zero);
            *sum = madd::<FMA>(low as f32, tile.scale[r] * a.scale, *sum);
            *sum = madd::<FMA>(high as f32, tile.second[r] * a.scale, *sum);
            continue;
        }
        let start = if spec.kind == OFFSET {
            0
        } else {
            a.minus << spec.zero
        };
        *sum = madd::<FMA>(
            (dot(0, BLOCK) + start) as f32,
            tile.scale[r] * a.scale,
            *sum,
        );
        if spec.kind == OFFSET {
            *sum = madd::<FMA>(tile.second[r], a.sum, *sum);
        }
    }
}

/// Widened tiles against rows that lie `blocks` blocks apart, each from its first tile's
/// block on; goes on from the sums at `place` unless `first`.
pub(super) fn sweep<const FMA: bool>(
    spec: &Spec,
    tiles: &[Wide],
    rows: &[Block],
    blocks: usize,
    first: bool,
    place: &Place,
) {
    for (r, row) in rows.chunks(blocks).enumerate() {
        let mut sums = if first { [0.0; PANEL] } else { place.read(r) };
        for (tile, a) in tiles.iter().zip(row) {
            add_tile::<FMA>(spec, tile, a, &mut sums);
        }
        place.write(r, &sums);
    }
}
