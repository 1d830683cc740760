//! The packed form of block-quantised weights: kept once, codes at the file's own width.
//!
//! 16 rows (outputs) make a panel. A panel is a row of tiles, one for each block of 32
//! inputs; a tile holds the codes of all 16 rows so that one load brings 4 inputs of each
//! row, which is what an integer dot product of 4 bytes wants:
//!
//! | part | bytes | content |
//! | --- | --- | --- |
//! | codes | 256 | group `g < 4`, row `r`, input `j < 4` at `64 g + 4 r + j`: input `4 g + j` in the low, `16 + 4 g + j` in the high four bits |
//! | plane | 0, 64, 128 | fifth bits: one `u64` for each of 8 groups, bit `4 r + j`; sixth and fifth: byte `64 (g / 4) + 4 r + j`, bits `2 (g % 4)` |
//! | scales | 32, 64 | f16 scales of the 16 rows, then f16 offsets where the format has them |
//!
//! 8-bit formats have 512 bytes of codes, shifted by 128 to be unsigned, and no plane. The
//! K formats keep both levels of scales, so every weight is exactly the file's: 8 tiles
//! share a head with the 16 super scales (and super minima), each tile has small integers.

use crate::error::EngineError;
use candle_core::quantized::GgmlDType;

/// Inputs of one block.
pub(crate) const BLOCK: usize = 32;
/// Rows of one panel.
pub(super) const PANEL: usize = 16;

/// Formats with a packed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Format {
    Q40,
    Q41,
    Q50,
    Q51,
    Q80,
    Q4K,
    Q5K,
    Q6K,
}

/// How scales and offsets enter a dot product. Also the constant that kernels are generic over.
pub(super) const PLAIN: u8 = 0;
/// One offset for each block.
pub(super) const OFFSET: u8 = 1;
/// One scale for each half of a block.
pub(super) const HALVES: u8 = 2;

/// Sizes in bytes and meaning of a format's tiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) codes: usize,
    pub(super) plane: usize,
    pub(super) scales: usize,
    /// Shared by `group` tiles and lying before them.
    pub(super) head: usize,
    pub(super) group: usize,
    pub(super) kind: u8,
    /// The code `1 << zero` means zero; formats with offsets have no such code.
    pub(super) zero: u32,
    /// Bits of a code.
    pub(super) bits: u8,
}

impl Format {
    /// In the order of their numbers, for kernels that are generic over them.
    pub(super) const ALL: [Self; 8] = [
        Self::Q40,
        Self::Q41,
        Self::Q50,
        Self::Q51,
        Self::Q80,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// The packed form of a GGUF type, if there is one.
    pub(crate) fn of(dtype: GgmlDType) -> Option<Self> {
        Some(match dtype {
            GgmlDType::Q4_0 => Self::Q40,
            GgmlDType::Q4_1 => Self::Q41,
            GgmlDType::Q5_0 => Self::Q50,
            GgmlDType::Q5_1 => Self::Q51,
            GgmlDType::Q8_0 => Self::Q80,
            GgmlDType::Q4K => Self::Q4K,
            GgmlDType::Q5K => Self::Q5K,
            GgmlDType::Q6K => Self::Q6K,
            _ => return None,
        })
    }

    pub(super) const fn spec(self) -> Spec {
        let (bits, kind, zero) = match self {
            Self::Q40 => (4, PLAIN, 3),
            Self::Q41 | Self::Q4K => (4, OFFSET, 0),
            Self::Q50 => (5, PLAIN, 4),
            Self::Q51 | Self::Q5K => (5, OFFSET, 0),
            Self::Q80 => (8, PLAIN, 7),
            Self::Q6K => (6, HALVES, 5),
        };
        let (scales, head, group) = match self {
            Self::Q40 | Self::Q50 | Self::Q80 => (32, 0, 1),
            Self::Q41 | Self::Q51 => (64, 0, 1),
            Self::Q4K | Self::Q5K => (32, 64, 8),
            Self::Q6K => (32, 32, 8),
        };
        Spec {
            codes: if bits == 8 { 512 } else { 256 },
            plane: match bits {
                5 => 64,
                6 => 128,
                _ => 0,
            },
            scales,
            head,
            group,
            kind,
            zero,
            bits,
        }
    }
}

impl Spec {
    pub(super) const fn tile(&self) -> usize {
        self.codes + self.plane + self.scales
    }

    /// Where the head and the tile of block `b` lie in a panel.
    pub(super) const fn place(&self, b: usize) -> (usize, usize) {
        let head = b / self.group * (self.head + self.group * self.tile());
        (head, head + self.head + b % self.group * self.tile())
    }

    /// Bytes of a panel of `blocks` tiles.
    pub(super) const fn panel(&self, blocks: usize) -> usize {
        blocks / self.group * (self.head + self.group * self.tile())
    }
}

/// One cache line, so that panels begin where vector loads are cheapest.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

/// Rows of one format, in panels.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    pub(super) format: Format,
    /// Rows; the last panel may hold fewer than 16.
    pub(super) n: usize,
    /// Blocks of a row.
    pub(super) blocks: usize,
    pub(super) lines: Vec<Line>,
}

impl Panels {
    /// How many panels there are.
    pub(super) fn count(&self) -> usize {
        self.n.div_ceil(PANEL)
    }

    /// Rows that panel `p` really holds.
    pub(super) fn rows(&self, p: usize) -> usize {
        PANEL.min(self.n - p * PANEL)
    }

    /// The bytes of panel `p`.
    pub(super) fn panel(&self, p: usize) -> &[u8] {
        let size = self.format.spec().panel(self.blocks);
        &self.lines.as_flattened_bytes()[p * size..(p + 1) * size]
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.lines.len() * 64
    }
}

/// Lines seen as bytes.
pub(super) trait AsBytes {
    fn as_flattened_bytes(&self) -> &[u8];
    fn as_flattened_bytes_mut(&mut self) -> &mut [u8];
}

#[expect(unsafe_code, reason = "a view of plain bytes as plain bytes")]
impl AsBytes for [Line] {
    fn as_flattened_bytes(&self) -> &[u8] {
        // SAFETY: a `Line` is 64 bytes without padding, so the slice is `64 * len` bytes.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), 64 * self.len()) }
    }

    fn as_flattened_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; every byte value is a valid `Line`.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), 64 * self.len()) }
    }
}

/// A tile widened for the arithmetic: one byte for each code, scales as f32.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Wide {
    /// Group `g`, then row `r`, then input `j` of the group.
    pub(super) codes: [[u8; 64]; 8],
    /// Scale of each row (of its first half where halves have their own).
    pub(super) scale: [f32; PANEL],
    /// The offset of each row, or the scale of its second half; else unused.
    pub(super) second: [f32; PANEL],
}

impl Wide {
    pub(super) const ZERO: Self = Self {
        codes: [[0; 64]; 8],
        scale: [0.0; PANEL],
        second: [0.0; PANEL],
    };

    /// The exact values of one row of the tile.
    pub(super) fn row(&self, spec: &Spec, row: usize) -> [f32; BLOCK] {
        std::array::from_fn(|i| {
            let code = f32::from(self.codes[i / 4][4 * row + i % 4]);
            match spec.kind {
                OFFSET => self.scale[row] * code + self.second[row],
                HALVES if i >= 16 => self.second[row] * (code - 32.0),
                _ => self.scale[row] * (code - (1u32 << spec.zero) as f32),
            }
        })
    }
}

/// Refuses sizes that do not belong together before anything is allocated.
pub(super) fn check_size(
    dtype: GgmlDType,
    bytes: usize,
    n: usize,
    k: usize,
) -> Result<(), EngineError> {
    let (block, size) = (dtype.block_size(), dtype.type_size());
    let wanted = (k.is_multiple_of(block) && k > 0)
        .then(|| n.checked_mul(k / block)?.checked_mul(size))
        .flatten();
    if wanted == Some(bytes) {
        return Ok(());
    }
    let detail = format!("{dtype:?} 的 {n} x {k} 与 {bytes} 字节不符");
    Err(EngineError::corrupt("tensor", detail))
}
