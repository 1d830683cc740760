//! `DecoderSpec`: a decoder as data.

use crate::error::EngineError;

/// The families that the decoder core runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Llama and its relatives (SmolLM2, Llama 2/3).
    Llama,
    /// Mistral: Llama, in some versions with a sliding window.
    Mistral,
    /// Qwen2 and Qwen2.5: Llama with biases on q, k and v.
    Qwen2,
    /// Qwen3: norms of each query and key head, no biases.
    Qwen3,
    /// Gemma 3, text part: norms before and after each half layer, local and global layers.
    Gemma3,
}

impl Architecture {
    /// Every family with the names that GGUF and `config.json` use for it.
    const NAMES: [(Self, &'static str, &'static str); 5] = [
        (Self::Llama, "llama", "llama"),
        (Self::Mistral, "mistral", "mistral"),
        (Self::Qwen2, "qwen2", "qwen2"),
        (Self::Qwen3, "qwen3", "qwen3"),
        (Self::Gemma3, "gemma3", "gemma3_text"),
    ];

    /// Name as model files write it.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(family, ..)| *family == self)
            .map_or("", |(_, name, _)| name)
    }

    pub(crate) fn parse(name: &str) -> Result<Self, EngineError> {
        Self::NAMES
            .iter()
            .find(|(_, gguf, published)| [*gguf, *published].contains(&name))
            .map(|(family, ..)| *family)
            .ok_or_else(|| EngineError::unsupported(format!("架构“{name}”")))
    }

    /// Whether norm weights are stored less one in published files.
    pub(crate) fn norms_less_one(self) -> bool {
        self == Self::Gemma3
    }
}

/// The function between the two halves of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// GELU in its tanh form.
    GeluTanh,
}

/// Layers that see only the last positions.
#[derive(Debug, Clone, PartialEq)]
pub struct SlidingWindow {
    /// A position sees itself and this many less one before it.
    pub tokens: usize,
    /// For each layer, whether the window applies.
    pub layers: Vec<bool>,
    /// Base of the rotary position embedding in these layers.
    pub rope_theta: f32,
}

/// How a model for embeddings makes one vector of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Hidden state of the last token.
    LastToken,
    /// Mean of all hidden states.
    Mean,
    /// Hidden state of the first token.
    FirstToken,
}

/// Everything that the decoder core must know about a model besides its weights.
/// Sizes count elements; `rope_factors`, where present, divides the frequency of each
/// of the `head_dim / 2` rotation pairs (linear scaling, Llama 3.1 long context, YaRN).
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each names one part that a family has or has not"
)]
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
    /// Optional per-pair frequency divisors, for layers without a window.
    pub rope_factors: Option<Vec<f32>>,
    /// Factor of rotated queries and keys, for layers without a window (YaRN; else 1).
    pub rope_magnitude: f32,
    /// Epsilon of the RMS norms.
    pub rms_eps: f32,
    /// The output head is the embedding table.
    pub tied_head: bool,
    /// q, k and v have biases.
    pub qkv_bias: bool,
    /// Each query and key head is normed before it is rotated.
    pub qk_norm: bool,
    /// Attention and feed-forward outputs are normed before they are added.
    pub post_norms: bool,
    /// Between the halves of the feed-forward part.
    pub activation: Activation,
    /// Factor of embedding rows.
    pub embedding_scale: Option<f32>,
    /// Factor of attention scores.
    pub attention_scale: f32,
    /// Bound of attention scores, approached by tanh.
    pub attention_softcap: Option<f32>,
    /// Bound of logits, approached by tanh.
    pub final_softcap: Option<f32>,
    /// Layers with a sliding window.
    pub window: Option<SlidingWindow>,
    /// How embeddings are pooled, where the files say so.
    pub pooling: Option<Pooling>,
}

impl DecoderSpec {
    /// What follows from the family alone. Sizes are zero, which [`Self::validate`] refuses.
    pub(crate) fn family(architecture: Architecture) -> Self {
        let gemma = architecture == Architecture::Gemma3;
        Self {
            architecture,
            layers: 0,
            hidden: 0,
            intermediate: 0,
            heads: 0,
            kv_heads: 0,
            head_dim: 0,
            vocab: 0,
            context_length: 0,
            rope_theta: 10_000.0,
            rope_factors: None,
            rope_magnitude: 1.0,
            rms_eps: 1e-6,
            tied_head: false,
            qkv_bias: false,
            qk_norm: gemma || architecture == Architecture::Qwen3,
            post_norms: gemma,
            activation: if gemma {
                Activation::GeluTanh
            } else {
                Activation::Silu
            },
            embedding_scale: None,
            attention_scale: 0.0,
            attention_softcap: None,
            final_softcap: None,
            window: None,
            pooling: None,
        }
    }

    /// The window of a layer, where it has one.
    pub(crate) fn window_of(&self, layer: usize) -> Option<&SlidingWindow> {
        self.window
            .as_ref()
            .filter(|w| w.layers.get(layer).copied().unwrap_or(false))
    }

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
        self.validate_numbers()?;
        if let Some(window) = &self.window
            && (window.tokens == 0 || window.layers.len() != self.layers)
        {
            return Err(EngineError::corrupt(
                "sliding_window",
                format!(
                    "窗口 {} 个词元，共 {} 层",
                    window.tokens,
                    window.layers.len()
                ),
            ));
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

    fn validate_numbers(&self) -> Result<(), EngineError> {
        let local = self.window.as_ref().map_or(1.0, |w| w.rope_theta);
        let positive = [
            ("rope_theta", self.rope_theta),
            ("local rope_theta", local),
            ("rope attention_factor", self.rope_magnitude),
            ("embedding_scale", self.embedding_scale.unwrap_or(1.0)),
            ("attention_scale", self.attention_scale),
            ("attention_softcap", self.attention_softcap.unwrap_or(1.0)),
            ("final_softcap", self.final_softcap.unwrap_or(1.0)),
        ];
        for (field, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(EngineError::corrupt(field, format!("值为 {value}")));
            }
        }
        if !(self.rms_eps.is_finite() && (0.0..1.0).contains(&self.rms_eps)) {
            return Err(EngineError::corrupt("rms_eps", format!("{}", self.rms_eps)));
        }
        Ok(())
    }
}
