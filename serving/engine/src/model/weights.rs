//! Weights of a decoder, read from either file format into the layout of the kernels.

use crate::error::EngineError;
use crate::kernel::matrix::Matrix;
use crate::load::spec::DecoderSpec;
use crate::load::{self, Table, WeightSource};

/// One decoder layer. q, k, v are stacked, and so are gate and up.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) attn_norm: Vec<f32>,
    pub(crate) qkv: Matrix,
    pub(crate) qkv_bias: Option<Vec<f32>>,
    /// Norms of each query head and each key head.
    pub(crate) head_norms: Option<(Vec<f32>, Vec<f32>)>,
    pub(crate) output: Matrix,
    pub(crate) post_attn_norm: Option<Vec<f32>>,
    pub(crate) ffn_norm: Vec<f32>,
    pub(crate) gate_up: Matrix,
    pub(crate) down: Matrix,
    pub(crate) post_ffn_norm: Option<Vec<f32>>,
}

/// The embedding table: the head's own rows, or rows of the file.
pub(crate) enum Embedding {
    Tied,
    Own(Table),
}

/// All weights.
pub(crate) struct Weights {
    pub(crate) embedding: Embedding,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Vec<f32>,
    pub(crate) head: Matrix,
}

impl Weights {
    /// Reads tensor by tensor, so that at most one exists in two forms at a time.
    pub(crate) fn load(spec: &DecoderSpec, source: &dyn WeightSource) -> Result<Self, EngineError> {
        let shape = [spec.vocab, spec.hidden];
        let (embedding, head) = if spec.tied_head {
            (Embedding::Tied, "token_embd.weight")
        } else {
            let table = source.table("token_embd.weight", &shape)?;
            (Embedding::Own(table), "output.weight")
        };
        let head = load::matrix(source, head, spec.vocab, spec.hidden)?;
        let layers = (0..spec.layers)
            .map(|i| load_layer(spec, source, i))
            .collect::<Result<_, _>>()?;
        let norm = load::vector(source, "output_norm.weight", spec.hidden)?;
        Ok(Self {
            embedding,
            layers,
            norm,
            head,
        })
    }

    /// Embedding rows of `tokens` (all below the vocabulary size).
    pub(crate) fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let mut out = Vec::with_capacity(tokens.len() * self.norm.len());
        for token in tokens {
            let row = *token as usize;
            out.extend(match &self.embedding {
                Embedding::Tied => self.head.rows_f32(row..row + 1),
                Embedding::Own(table) => table.row(row)?,
            });
        }
        Ok(out)
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        let layers: usize = self
            .layers
            .iter()
            .map(|l| l.qkv.bytes() + l.output.bytes() + l.gate_up.bytes() + l.down.bytes())
            .sum();
        let embedding = match &self.embedding {
            Embedding::Tied => 0,
            Embedding::Own(table) => table.bytes(),
        };
        layers + embedding + self.head.bytes()
    }
}

fn load_layer(
    spec: &DecoderSpec,
    source: &dyn WeightSource,
    index: usize,
) -> Result<Layer, EngineError> {
    let name = |part: &str| format!("blk.{index}.{part}");
    let matrix = |part: &str, n: usize, k: usize| {
        let name = name(&format!("{part}.weight"));
        load::matrix(source, &name, n, k)
    };
    let vector = |part: &str, n: usize| load::vector(source, &name(part), n);
    let (q, kv, hidden, inner) = (spec.q_dim(), spec.kv_dim(), spec.hidden, spec.intermediate);
    let qkv_bias = if spec.qkv_bias {
        let mut bias = vector("attn_q.bias", q)?;
        bias.extend(vector("attn_k.bias", kv)?);
        bias.extend(vector("attn_v.bias", kv)?);
        Some(bias)
    } else {
        None
    };
    let optional = |wanted: bool, part: &str, n: usize| wanted.then(|| vector(part, n)).transpose();
    let head_norms = optional(spec.qk_norm, "attn_q_norm.weight", spec.head_dim)?.zip(optional(
        spec.qk_norm,
        "attn_k_norm.weight",
        spec.head_dim,
    )?);
    Ok(Layer {
        attn_norm: vector("attn_norm.weight", hidden)?,
        qkv: Matrix::stack(vec![
            matrix("attn_q", q, hidden)?,
            matrix("attn_k", kv, hidden)?,
            matrix("attn_v", kv, hidden)?,
        ]),
        qkv_bias,
        head_norms,
        post_attn_norm: optional(spec.post_norms, "post_attention_norm.weight", hidden)?,
        output: matrix("attn_output", hidden, q)?,
        ffn_norm: vector("ffn_norm.weight", hidden)?,
        gate_up: Matrix::stack(vec![
            matrix("ffn_gate", inner, hidden)?,
            matrix("ffn_up", inner, hidden)?,
        ]),
        down: matrix("ffn_down", hidden, inner)?,
        post_ffn_norm: optional(spec.post_norms, "post_ffw_norm.weight", hidden)?,
    })
}
