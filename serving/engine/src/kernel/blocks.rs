//! The block formats of GGUF, unpacked to codes, scales and offsets.
//!
//! Layouts: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>. A test
//! compares every format with Candle's own dequantisation.

use super::quant::{BLOCK, QuantMatrix};
use candle_core::quantized::GgmlDType;
use half::f16;

/// Unpacks the bytes of one block.
type Unpack = fn(&[u8], &mut Sink);

/// Receives the unpacked parts of a matrix.
struct Sink {
    codes: Vec<i8>,
    scales: Vec<f32>,
    offsets: Vec<f32>,
}

impl Sink {
    fn codes(&mut self, codes: impl IntoIterator<Item = i32>) {
        self.codes.extend(codes.into_iter().map(|c| c as i8));
    }
}

fn float(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// Unpacks `n * k` weights; `None` for formats without a 32-block form.
pub(super) fn unpack(dtype: GgmlDType, data: &[u8], n: usize, k: usize) -> Option<QuantMatrix> {
    let (unpack, bytes, per_block): (Unpack, usize, usize) = match dtype {
        GgmlDType::Q4_0 => (q4_0, 18, 1),
        GgmlDType::Q4_1 => (q4_1, 20, 1),
        GgmlDType::Q5_0 => (q5_0, 22, 1),
        GgmlDType::Q5_1 => (q5_1, 24, 1),
        GgmlDType::Q8_0 => (q8_0, 34, 1),
        GgmlDType::Q4K => (q4_k, 144, 1),
        GgmlDType::Q5K => (q5_k, 176, 1),
        GgmlDType::Q6K => (q6_k, 210, 2),
        _ => return None,
    };
    let mut sink = Sink {
        codes: Vec::with_capacity(n * k),
        scales: Vec::with_capacity(n * k / BLOCK * per_block),
        offsets: Vec::new(),
    };
    for block in data.chunks_exact(bytes) {
        unpack(block, &mut sink);
    }
    let offsets = (!sink.offsets.is_empty()).then_some(sink.offsets);
    Some(QuantMatrix {
        n,
        k,
        codes: sink.codes,
        scales: sink.scales,
        offsets,
        per_block,
    })
}

/// Low halves of 16 bytes, then the high halves.
fn nibbles(packed: &[u8]) -> impl Iterator<Item = i32> {
    let low = packed.iter().map(|b| i32::from(b & 15));
    low.chain(packed.iter().map(|b| i32::from(b >> 4)))
}

fn q4_0(b: &[u8], sink: &mut Sink) {
    sink.scales.push(float(b));
    sink.codes(nibbles(&b[2..18]).map(|c| c - 8));
}

fn q4_1(b: &[u8], sink: &mut Sink) {
    sink.scales.push(float(b));
    sink.offsets.push(float(&b[2..]));
    sink.codes(nibbles(&b[4..20]));
}

fn fifth_bits(b: &[u8]) -> impl Iterator<Item = i32> {
    let bits = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    (0..32).map(move |i| ((bits >> i) & 1) as i32 * 16)
}

fn q5_0(b: &[u8], sink: &mut Sink) {
    sink.scales.push(float(b));
    let high = fifth_bits(&b[2..6]);
    sink.codes(
        nibbles(&b[6..22])
            .zip(high)
            .map(|(low, high)| low + high - 16),
    );
}

fn q5_1(b: &[u8], sink: &mut Sink) {
    sink.scales.push(float(b));
    sink.offsets.push(float(&b[2..]));
    let high = fifth_bits(&b[4..8]);
    sink.codes(nibbles(&b[8..24]).zip(high).map(|(low, high)| low + high));
}

fn q8_0(b: &[u8], sink: &mut Sink) {
    sink.scales.push(float(b));
    sink.codes(b[2..34].iter().map(|c| i32::from(*c as i8)));
}

/// Six-bit scale and minimum number `j` of the 12 packed bytes of Q4_K and Q5_K.
fn scale_and_min(j: usize, packed: &[u8]) -> (f32, f32) {
    let (scale, min) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (
            (packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4),
            (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4),
        )
    };
    (f32::from(scale), f32::from(min))
}

fn k_scales(b: &[u8], sink: &mut Sink) {
    let (d, dmin) = (float(b), float(&b[2..]));
    for j in 0..8 {
        let (scale, min) = scale_and_min(j, &b[4..16]);
        sink.scales.push(d * scale);
        sink.offsets.push(-(dmin * min));
    }
}

fn q4_k(b: &[u8], sink: &mut Sink) {
    k_scales(b, sink);
    for packed in b[16..144].chunks_exact(32) {
        sink.codes(nibbles(packed));
    }
}

fn q5_k(b: &[u8], sink: &mut Sink) {
    k_scales(b, sink);
    let high = &b[16..48];
    for (pair, packed) in b[48..176].chunks_exact(32).enumerate() {
        let bit = move |shift: usize| {
            high.iter()
                .map(move |h| i32::from((h >> (2 * pair + shift)) & 1) * 16)
        };
        sink.codes(
            nibbles(packed)
                .zip(bit(0).chain(bit(1)))
                .map(|(low, high)| low + high),
        );
    }
}

fn q6_k(b: &[u8], sink: &mut Sink) {
    let d = float(&b[208..]);
    sink.scales
        .extend(b[192..208].iter().map(|s| d * f32::from(*s as i8)));
    for half in 0..2 {
        let low = &b[half * 64..half * 64 + 64];
        let high = &b[128 + half * 32..128 + half * 32 + 32];
        for quarter in 0..4 {
            let nibble = low[(quarter % 2) * 32..].iter().take(32);
            sink.codes(nibble.zip(high).map(|(l, h)| {
                let l = if quarter < 2 { l & 15 } else { l >> 4 };
                i32::from(l) + i32::from((h >> (2 * quarter)) & 3) * 16 - 32
            }));
        }
    }
}
