//! LoRA adapters at run time: `y += scale * (x A^T) B^T` for the rows that asked for one.
//! Method: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.

use crate::error::EngineError;
use crate::kernel::matrix::Matrix;
use crate::load::spec::DecoderSpec;
use std::collections::BTreeMap;
use std::ops::Range;

/// Projections of a layer that an adapter may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Target {
    pub(crate) const ALL: [Self; 7] = [
        Self::Q,
        Self::K,
        Self::V,
        Self::O,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];

    /// PEFT's name of the module.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Q => "q_proj",
            Self::K => "k_proj",
            Self::V => "v_proj",
            Self::O => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self, EngineError> {
        Self::ALL
            .into_iter()
            .find(|t| t.name() == name)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|t| t.name()).collect();
                EngineError::invalid(
                    "targets",
                    format!("“{name}”不可用，可用 {}", known.join("、")),
                )
            })
    }

    /// Path of the module inside a layer, as PEFT writes it.
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::Q | Self::K | Self::V | Self::O => "self_attn",
            Self::Gate | Self::Up | Self::Down => "mlp",
        }
    }

    /// `(outputs, inputs)` of the projection.
    pub(crate) fn shape(self, spec: &DecoderSpec) -> (usize, usize) {
        match self {
            Self::Q => (spec.q_dim(), spec.hidden),
            Self::K | Self::V => (spec.kv_dim(), spec.hidden),
            Self::O => (spec.hidden, spec.q_dim()),
            Self::Gate | Self::Up => (spec.intermediate, spec.hidden),
            Self::Down => (spec.hidden, spec.intermediate),
        }
    }
}

/// One low-rank pair.
#[derive(Debug)]
pub(crate) struct Pair {
    /// `[rank, inputs]`.
    pub(crate) a: Matrix,
    /// `[outputs, rank]`.
    pub(crate) b: Matrix,
    /// `alpha / rank`.
    pub(crate) scale: f32,
}

/// A loaded adapter.
#[derive(Debug, Default)]
pub(crate) struct Adapter {
    pub(crate) pairs: BTreeMap<(usize, Target), Pair>,
}

/// Rows of a flat batch that use one adapter.
#[derive(Debug, Clone)]
pub(crate) struct AdapterRows<'a> {
    /// In order, without overlap.
    pub(crate) rows: Vec<Range<usize>>,
    pub(crate) adapter: &'a Adapter,
}

/// Adds the adapters' parts. `x` has rows of the projection's input width, `y` rows of
/// `stride` numbers in which the projection's outputs begin at `from`. Rows that share an
/// adapter go through it together; what a row gets does not depend on the others.
pub(crate) fn add(
    groups: &[AdapterRows<'_>],
    layer: usize,
    target: Target,
    x: &[f32],
    y: &mut [f32],
    stride: usize,
    from: usize,
) {
    for group in groups {
        let Some(pair) = group.adapter.pairs.get(&(layer, target)) else {
            continue;
        };
        let (n, _) = pair.b.shape();
        let (_, k) = pair.a.shape();
        let low = match group.rows.as_slice() {
            [rows] => pair.a.forward(&x[rows.start * k..rows.end * k]),
            many => {
                let parts = many.iter().map(|rows| &x[rows.start * k..rows.end * k]);
                pair.a.forward(&parts.collect::<Vec<_>>().concat())
            }
        };
        let delta = pair.b.forward(&low);
        let rows = group.rows.iter().flat_map(Clone::clone);
        for (row, delta) in rows.zip(delta.chunks_exact(n)) {
            let y = &mut y[row * stride + from..row * stride + from + n];
            for (y, d) in y.iter_mut().zip(delta) {
                *y += pair.scale * d;
            }
        }
    }
}
