//! From the bytes of a GGUF tensor to panels, in parallel and without a copy in between.
//!
//! Layouts of the file: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>. A
//! test compares every format with Candle's own dequantisation.

use super::layout::{AsBytes, BLOCK, Format, Line, PANEL, Panels, Spec, check_size};
use super::pool;
use crate::error::EngineError;
use candle_core::quantized::GgmlDType;
use half::f16;
use std::sync::atomic::{AtomicBool, Ordering};

/// Packs `n` rows of `k` weights; `None` for types without a packed form.
pub(super) fn pack(
    dtype: GgmlDType,
    bytes: &[u8],
    n: usize,
    k: usize,
) -> Result<Option<Panels>, EngineError> {
    let Some(format) = Format::of(dtype) else {
        return Ok(None);
    };
    check_size(dtype, bytes.len(), n, k)?;
    let (spec, blocks) = (format.spec(), k / BLOCK);
    let size = spec.panel(blocks);
    let total = n.div_ceil(PANEL) * size;
    let mut lines = vec![Line([0; 64]); total.div_ceil(64)];
    let row_bytes = k / dtype.block_size() * dtype.type_size();
    let broken = AtomicBool::new(false);
    let panels = &mut lines.as_flattened_bytes_mut()[..total];
    pool::chunks(panels, size, |p, panel| {
        let rows = &bytes[p * PANEL * row_bytes..];
        for (r, row) in rows.chunks_exact(row_bytes).take(PANEL).enumerate() {
            if !pack_row(format, &spec, row, r, panel) {
                broken.store(true, Ordering::Relaxed);
            }
        }
    });
    if broken.into_inner() {
        return Err(EngineError::corrupt("tensor", "权重的缩放系数不是有限数"));
    }
    Ok(Some(Panels {
        format,
        n,
        blocks,
        lines,
    }))
}

/// Writes one row into its panel; false if a scale is not finite.
fn pack_row(format: Format, spec: &Spec, row: &[u8], r: usize, panel: &mut [u8]) -> bool {
    let mut finite = true;
    match format {
        Format::Q4K | Format::Q5K | Format::Q6K => {
            let size = spec.group * BLOCK / 256;
            debug_assert_eq!(size, 1);
            let bytes = row.len() / (panel.len() / (spec.head + spec.group * spec.tile()));
            for (s, block) in row.chunks_exact(bytes).enumerate() {
                let (head, first) = spec.place(s * spec.group);
                let (super_scale, super_min) = match format {
                    Format::Q6K => (&block[208..210], &[][..]),
                    _ => (&block[..2], &block[2..4]),
                };
                finite &= put_f16(panel, head + 2 * r, super_scale);
                if format != Format::Q6K {
                    finite &= put_f16(panel, head + 32 + 2 * r, super_min);
                }
                for j in 0..spec.group {
                    let at = first + j * spec.tile();
                    super_block(format, spec, block, j, r, &mut panel[at..at + spec.tile()]);
                }
            }
        }
        _ => {
            let bytes = row.len() / (panel.len() / spec.tile());
            let tiles = panel.chunks_exact_mut(spec.tile());
            for (block, tile) in row.chunks_exact(bytes).zip(tiles) {
                finite &= simple_block(format, spec, block, r, tile);
            }
        }
    }
    finite
}

/// Copies a half-precision number; false if it is not finite.
fn put_f16(out: &mut [u8], at: usize, bytes: &[u8]) -> bool {
    out[at..at + 2].copy_from_slice(&bytes[..2]);
    f16::from_le_bytes([bytes[0], bytes[1]]).is_finite()
}

fn simple_block(format: Format, spec: &Spec, b: &[u8], r: usize, tile: &mut [u8]) -> bool {
    let scales = spec.codes + spec.plane;
    let mut finite = put_f16(tile, scales + 2 * r, b);
    let mut rest = &b[2..];
    if spec.scales == 64 {
        finite &= put_f16(tile, scales + 32 + 2 * r, rest);
        rest = &rest[2..];
    }
    if format == Format::Q80 {
        for (g, four) in rest.as_chunks::<4>().0.iter().enumerate() {
            tile[64 * g + 4 * r..][..4].copy_from_slice(&four.map(|c| c ^ 0x80));
        }
        return finite;
    }
    if spec.plane > 0 {
        let bits = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
        for g in 0..8 {
            put_fifth(tile, g, r, (bits >> (4 * g)) as u8 & 15);
        }
        rest = &rest[4..];
    }
    // The file's nibbles already pair inputs `i` and `16 + i`.
    for (g, four) in rest.as_chunks::<4>().0.iter().enumerate() {
        tile[64 * g + 4 * r..][..4].copy_from_slice(four);
    }
    finite
}

/// Fifth bits of the four inputs of group `g`.
fn put_fifth(tile: &mut [u8], g: usize, r: usize, bits: u8) {
    tile[256 + 8 * g + r / 2] |= bits << (4 * (r % 2));
}

/// Block `j` of 8 of a K format's super block.
fn super_block(format: Format, spec: &Spec, b: &[u8], j: usize, r: usize, tile: &mut [u8]) {
    let scales = spec.codes + spec.plane;
    if format == Format::Q6K {
        let (half, quarter) = (j / 4, j % 4);
        let low = &b[half * 64 + (quarter % 2) * 32..][..32];
        let high = &b[128 + half * 32..][..32];
        put_codes(spec, tile, r, |i| {
            (low[i] >> (4 * (quarter / 2))) & 15 | ((high[i] >> (2 * quarter)) & 3) << 4
        });
        tile[scales + r] = b[192 + 2 * j];
        tile[scales + 16 + r] = b[192 + 2 * j + 1];
        return;
    }
    let (scale, min) = scale_and_min(j, &b[4..16]);
    tile[scales + r] = scale;
    tile[scales + 16 + r] = min;
    let at = if format == Format::Q5K { 48 } else { 16 };
    let packed = &b[at + (j / 2) * 32..][..32];
    let high = &b[16..48];
    put_codes(spec, tile, r, |i| {
        let low = (packed[i] >> (4 * (j % 2))) & 15;
        match format {
            Format::Q5K => low | ((high[i] >> j) & 1) << 4,
            _ => low,
        }
    });
}

/// Spreads the 32 codes of a row over nibbles and plane.
fn put_codes(spec: &Spec, tile: &mut [u8], r: usize, code: impl Fn(usize) -> u8) {
    for i in 0..BLOCK {
        let (c, g, j) = (code(i), i / 4, i % 4);
        tile[64 * (g % 4) + 4 * r + j] |= (c & 15) << (4 * (g / 4));
        match spec.plane {
            64 => tile[256 + 8 * g + r / 2] |= (c >> 4) << (4 * (r % 2) + j),
            128 => tile[256 + 64 * (g / 4) + 4 * r + j] |= (c >> 4) << (2 * (g % 4)),
            _ => {}
        }
    }
}

/// Six-bit scale and minimum number `j` of the 12 packed bytes of Q4_K and Q5_K.
fn scale_and_min(j: usize, packed: &[u8]) -> (u8, u8) {
    if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (
            (packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4),
            (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4),
        )
    }
}
