//! `DecoderSpec`: a decoder as data.

use crate::error::EngineError;

/// The families that the decoder core runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Llama and its relatives (SmolLM2, Llama 2/3, Mistral without window).
    Llama,
    /// Qwen2 and Qwen2.5: Llama with biases on q, k and v.
    Qwen2,
}

impl Architecture {
    /// Name as model files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self, EngineError> {
        match name {
            "llama" => Ok(Self::Llama),
            "qwen2" => Ok(Self::Qwen2),
            other => Err(EngineError::unsupported(format!("架构“{other}”"))),
        }
    }
}

/// Everything that the decoder core must know about a model besides its weights.
/// Sizes count elements; `rope_factors`, where present, divides the frequency of each
/// of the `head_dim / 2` rotation pairs (Llama 3.1 long context).
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderSpec {
    /// Family.
    pub architecture: Architecture,
    /// Decoder layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward part.
    pub intermediate: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding table.
    pub vocab: usize,
    /// Longest sequence in tokens that the model was made for.
    pub context_length: usize,
    /// Base of the rotary position embedding.
    pub rope_theta: f32,
    /// Optional per-pair frequency divisors.
    pub rope_factors: Option<Vec<f32>>,
    /// Epsilon of the RMS norms.
    pub rms_eps: f32,
    /// The output head is the embedding table.
    pub tied_head: bool,
    /// q, k and v have biases.
    pub qkv_bias: bool,
}

impl DecoderSpec {
    /// Width of all query heads together.
    pub fn q_dim(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads (or value heads) together.
    pub fn kv_dim(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Refuses values that no real model has, before anything is allocated from them.
    pub(crate) fn validate(&self) -> Result<(), EngineError> {
        let bounds: [(&str, usize, usize); 8] = [
            ("layers", self.layers, 1024),
            ("hidden", self.hidden, 1 << 17),
            ("intermediate", self.intermediate, 1 << 20),
            ("heads", self.heads, 4096),
            ("kv_heads", self.kv_heads, 4096),
            ("head_dim", self.head_dim, 4096),
            ("vocab", self.vocab, 1 << 22),
            ("context_length", self.context_length, 1 << 26),
        ];
        for (field, value, most) in bounds {
            if value == 0 || value > most {
                return Err(EngineError::corrupt(
                    field,
                    format!("值为 {value}，应在 1 到 {most} 之间"),
                ));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(EngineError::corrupt(
                "kv_heads",
                format!("{} 不能整除注意力头数 {}", self.kv_heads, self.heads),
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(EngineError::corrupt(
                "head_dim",
                format!("{} 不是偶数", self.head_dim),
            ));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 0.0) {
            return Err(EngineError::corrupt(
                "rope_theta",
                format!("{}", self.rope_theta),
            ));
        }
        if !(self.rms_eps.is_finite() && (0.0..1.0).contains(&self.rms_eps)) {
            return Err(EngineError::corrupt("rms_eps", format!("{}", self.rms_eps)));
        }
        if let Some(factors) = &self.rope_factors
            && (factors.len() != self.head_dim / 2
                || factors.iter().any(|f| !f.is_finite() || *f <= 0.0))
        {
            return Err(EngineError::corrupt(
                "rope_freqs.weight",
                "长度或数值不合法",
            ));
        }
        Ok(())
    }
}
