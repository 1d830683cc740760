//! Paged attention against plain f64 arithmetic, and its promises bit by bit.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::attention::{Attention, Reader, attend, attend_with};
use super::kv::{KvLayout, KvScratch, TILE};
use super::{Isa, isa};
use crate::output::sample::uniform;
use half::f16;
use std::ops::Range;

/// One sequence with its cache in scattered blocks.
struct Case {
    how: Attention,
    tokens: usize,
    layer: Vec<u16>,
    blocks: Vec<u32>,
    /// `[token][kv_head][head_dim]`, as half precision holds them.
    keys: Vec<f32>,
    values: Vec<f32>,
    /// `[token][head][head_dim]`.
    queries: Vec<f32>,
}

fn noise(seed: u64, count: usize, size: f32) -> Vec<f32> {
    (0..count as u64)
        .map(|i| ((uniform(seed, i) * 2.0 - 1.0) as f32) * size)
        .collect()
}

fn how(heads: usize, kv_heads: usize, head_dim: usize) -> Attention {
    Attention {
        layout: KvLayout { kv_heads, head_dim },
        heads,
        scale: 1.0 / (head_dim as f32).sqrt(),
        softcap: None,
        window: None,
    }
}

impl Case {
    fn new(how: Attention, tokens: usize, size: f32) -> Self {
        let layout = how.layout;
        let kv_dim = layout.kv_heads * layout.head_dim;
        let round = |v: f32| f16::from_f32(v).to_f32();
        let mut case = Self {
            how,
            tokens,
            layer: Vec::new(),
            blocks: Vec::new(),
            keys: noise(1, tokens * kv_dim, size)
                .into_iter()
                .map(round)
                .collect(),
            values: noise(2, tokens * kv_dim, 1.0)
                .into_iter()
                .map(round)
                .collect(),
            queries: noise(3, tokens * how.heads * layout.head_dim, size),
        };
        case.place(7);
        case
    }

    /// Writes the cache with block ids in another order; what is never written is NaN.
    fn place(&mut self, turn: usize) {
        let count = self.tokens.div_ceil(TILE);
        let kv_dim = self.how.layout.kv_heads * self.how.layout.head_dim;
        self.layer = vec![f16::NAN.to_bits(); (count + 1) * self.how.layout.block()];
        self.blocks = (1..=count as u32).collect();
        self.blocks.sort_by_key(|b| (*b as usize * turn) % 101);
        for t in 0..self.tokens {
            self.how.layout.write(
                &mut self.layer,
                self.blocks[t / TILE],
                t % TILE,
                &self.keys[t * kv_dim..(t + 1) * kv_dim],
                &self.values[t * kv_dim..(t + 1) * kv_dim],
                &mut KvScratch::default(),
            );
        }
    }

    /// Rows of positions `range` in one call.
    fn rows(&self, isa: Isa, range: Range<usize>) -> Vec<f32> {
        let q_dim = self.how.heads * self.how.layout.head_dim;
        let reader = Reader {
            rows: 0..range.len(),
            start: range.start,
            blocks: &self.blocks,
        };
        let queries = &self.queries[range.start * q_dim..range.end * q_dim];
        attend_with(isa, &self.how, &self.layer, &[reader], queries, q_dim)
    }

    /// One head of one position in f64.
    fn wanted(&self, position: usize, head: usize) -> Vec<f64> {
        let Attention { heads, layout, .. } = self.how;
        let KvLayout { kv_heads, head_dim } = layout;
        let kv_head = head / (heads / kv_heads);
        let query = &self.queries[(position * heads + head) * head_dim..][..head_dim];
        let row = |all: &'_ [f32], t: usize| {
            all[(t * kv_heads + kv_head) * head_dim..][..head_dim].to_vec()
        };
        let from = self
            .how
            .window
            .map_or(0, |w| (position + 1).saturating_sub(w));
        let scores: Vec<f64> = (from..=position)
            .map(|t| {
                let key = row(&self.keys, t);
                let dot: f64 = query
                    .iter()
                    .zip(key)
                    .map(|(q, k)| f64::from(*q) * f64::from(k))
                    .sum();
                let score = dot * f64::from(self.how.scale);
                self.how.softcap.map_or(score, |cap| {
                    f64::from(cap) * (score / f64::from(cap)).tanh()
                })
            })
            .collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut out = vec![0f64; head_dim];
        for (weight, t) in weights.iter().zip(from..) {
            for (out, value) in out.iter_mut().zip(row(&self.values, t)) {
                *out += weight / total * f64::from(value);
            }
        }
        out
    }

    fn check(&self, isa: Isa, positions: Range<usize>, tolerance: f64) {
        let found = self.rows(isa, positions.clone());
        let Attention { heads, layout, .. } = self.how;
        for (at, found) in found.chunks_exact(layout.head_dim).enumerate() {
            let (position, head) = (positions.start + at / heads, at % heads);
            for (wanted, found) in self.wanted(position, head).iter().zip(found) {
                assert!(
                    (wanted - f64::from(*found)).abs() < tolerance,
                    "{isa:?} {:?} position {position} head {head}: {found}, wanted {wanted}",
                    self.how
                );
            }
        }
    }
}

/// What this machine can run.
fn sets() -> Vec<Isa> {
    Isa::available()
}

#[test]
fn shapes_windows_and_caps_agree_with_plain_arithmetic() {
    let shapes = [
        (4, 2, 4),
        (3, 1, 8),
        (7, 1, 16),
        (9, 3, 64),
        (14, 2, 64),
        (1, 1, 20),
        (5, 5, 80),
        (4, 1, 256),
    ];
    for (heads, kv_heads, head_dim) in shapes {
        for (window, softcap) in [
            (None, None),
            (Some(1), None),
            (Some(40), Some(5.0)),
            (None, Some(30.0)),
        ] {
            let how = Attention {
                softcap,
                window,
                ..how(heads, kv_heads, head_dim)
            };
            let case = Case::new(how, 150, 3.0);
            for isa in sets() {
                for positions in [0..1, 31..33, 0..70, 149..150, 90..150] {
                    case.check(isa, positions, 2e-5);
                }
            }
        }
    }
}

#[test]
fn long_contexts_agree_with_plain_arithmetic() {
    for window in [None, Some(600)] {
        let case = Case::new(
            Attention {
                window,
                ..how(6, 2, 16)
            },
            1300,
            4.0,
        );
        for isa in sets() {
            for positions in [511..514, 1023..1026, 1299..1300, 1240..1300] {
                case.check(isa, positions, 2e-5);
            }
        }
    }
}

#[test]
fn sharp_and_flat_scores_stay_exact() {
    for size in [0.0, 1e-4, 30.0, 200.0] {
        let case = Case::new(how(4, 2, 32), 700, size);
        for isa in sets() {
            // Scores near 1e4 have f32 steps of 1e-3, which weights feel as a relative error.
            case.check(isa, 640..700, if size > 100.0 { 1e-2 } else { 2e-4 });
        }
    }
}

#[test]
fn a_row_has_the_same_bits_however_it_comes() {
    for (how, tokens) in [
        (how(9, 3, 64), 700),
        (how(14, 2, 64), 600),
        (
            Attention {
                softcap: Some(20.0),
                window: Some(100),
                ..how(4, 1, 24)
            },
            1100,
        ),
    ] {
        let mut case = Case::new(how, tokens, 3.0);
        for isa in sets() {
            let whole = case.rows(isa, 0..tokens);
            let per_row = whole.len() / tokens;
            for chunk in [1, 2, 5, 64, 333] {
                for from in (0..tokens)
                    .step_by(chunk)
                    .filter(|f| chunk > 5 || f % 97 < 2)
                {
                    let range = from..tokens.min(from + chunk);
                    let part = &whole[range.start * per_row..range.end * per_row];
                    assert!(case.rows(isa, range.clone()) == *part, "{isa:?} {range:?}");
                }
            }
        }
        let (before, range) = (case.rows(isa(), 0..tokens), 0..tokens);
        case.place(5);
        assert!(case.rows(isa(), range.clone()) == before, "other blocks");
        for threads in [1, 3] {
            let pool = crate::kernel::pool::Pool::new(threads).unwrap();
            assert!(pool.install(|| case.rows(isa(), range.clone())) == before);
        }
    }
}

#[test]
fn sequences_of_a_batch_do_not_touch_each_other() {
    let case = Case::new(how(6, 3, 32), 400, 3.0);
    let q_dim = 6 * 32;
    // Rows 0..3 belong to nobody; stride is wider than the queries.
    let spans = [(3..4, 399), (4..104, 0), (104..109, 200)];
    let stride = q_dim + 8;
    let mut queries = vec![f32::NAN; 109 * stride];
    for (rows, start) in &spans {
        for (i, row) in rows.clone().enumerate() {
            queries[row * stride..row * stride + q_dim]
                .copy_from_slice(&case.queries[(start + i) * q_dim..][..q_dim]);
        }
    }
    let reader = |(rows, start): &(Range<usize>, usize)| Reader {
        rows: rows.clone(),
        start: *start,
        blocks: &case.blocks,
    };
    let readers: Vec<_> = spans.iter().map(reader).collect();
    let out = attend(&case.how, &case.layer, &readers, &queries, stride);
    assert!(out[..3 * q_dim].iter().all(|v| *v == 0.0));
    for (rows, start) in spans {
        let alone = case.rows(isa(), start..start + rows.len());
        assert!(out[rows.start * q_dim..rows.end * q_dim] == alone);
    }
}

#[test]
fn a_broken_number_reaches_later_rows_only() {
    let mut case = Case::new(how(4, 2, 16), 100, 1.0);
    let clean = case.rows(isa(), 0..100);
    case.values[50 * 32] = f32::NAN;
    case.keys[70 * 32 + 16] = f32::NAN;
    case.place(7);
    for isa in sets() {
        let rows = case.rows(isa, 0..100);
        for (position, row) in rows.chunks_exact(64).enumerate() {
            let broken = row.iter().any(|v| v.is_nan());
            assert_eq!(broken, position >= 50, "{isa:?} position {position}");
        }
    }
    let found = case.rows(isa(), 0..100);
    assert!(found[..50 * 64] == clean[..50 * 64]);
}

#[test]
fn numbers_beyond_half_precision_become_its_largest() {
    let layout = KvLayout {
        kv_heads: 1,
        head_dim: 4,
    };
    let mut layer = vec![0u16; layout.block()];
    let numbers = [1e9, -1e9, f32::NAN, f32::INFINITY];
    layout.write(
        &mut layer,
        0,
        3,
        &numbers,
        &numbers,
        &mut KvScratch::default(),
    );
    let (keys, values) = layout.read(&layer, 0, 0);
    let key: Vec<f32> = (0..4)
        .map(|d| f16::from_bits(keys[d * TILE + 3]).to_f32())
        .collect();
    let value: Vec<f32> = (0..4)
        .map(|d| f16::from_bits(values[3 * 16 + d]).to_f32())
        .collect();
    for row in [key, value] {
        assert_eq!((row[0], row[1], row[3]), (65504.0, -65504.0, 65504.0));
        assert!(row[2].is_nan());
    }
}
