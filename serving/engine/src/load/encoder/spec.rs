//! `EncoderSpec`: an encoder as data.

use crate::error::EngineError;
use std::collections::BTreeMap;

/// The families that the encoder core runs. They differ in names and in the first position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// BERT and its distillations (MiniLM, bge, e5-small).
    Bert,
    /// RoBERTa and XLM-RoBERTa (bge-m3, bge-reranker, larger e5): positions begin behind the
    /// padding token's number.
    Roberta,
}

/// The function between the two halves of a feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// GELU with erf.
    Gelu,
    /// GELU approximated with tanh.
    GeluTanh,
    /// max(0, x).
    Relu,
}

/// How the rows of a text become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The first row.
    Cls,
    /// The mean of all rows.
    Mean,
    /// The last row.
    Last,
}

/// What stands on top of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// A vector of a text.
    Embedding {
        /// Rows to one vector.
        pooling: Pooling,
        /// Scale the vector to length 1.
        normalise: bool,
    },
    /// A judgement of a pair of texts, with this many labels (1 or 2).
    Classifier {
        /// Rows of the last matrix.
        labels: usize,
    },
}

/// Everything that the encoder core must know about a model besides its weights. Sizes count
/// elements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EncoderSpec {
    /// Name as model files write it (`bert`, `xlm-roberta`).
    pub(crate) architecture: String,
    pub(crate) family: Family,
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) heads: usize,
    pub(crate) vocab: usize,
    /// Rows of the position table.
    pub(crate) positions: usize,
    /// Row of a text's first token in that table.
    pub(crate) first_position: usize,
    /// Rows of the token type table.
    pub(crate) types: usize,
    pub(crate) eps: f32,
    pub(crate) activation: Activation,
    /// Longest text in tokens, control tokens included.
    pub(crate) context_length: usize,
    pub(crate) head: Head,
    /// Texts that the model wants before others, by name (`query` is `query: `).
    pub(crate) prompts: BTreeMap<String, String>,
    /// Before texts for which no instruction is given; mostly empty.
    pub(crate) default_prompt: String,
}

impl EncoderSpec {
    /// Width of one attention head.
    pub(crate) fn head_dim(&self) -> usize {
        self.hidden / self.heads
    }

    /// Refuses values that no real model has, before anything is allocated from them.
    pub(crate) fn validate(&self) -> Result<(), EngineError> {
        let bounds: [(&str, usize, usize); 9] = [
            ("num_hidden_layers", self.layers, 256),
            ("hidden_size", self.hidden, 1 << 15),
            ("intermediate_size", self.intermediate, 1 << 18),
            ("num_attention_heads", self.heads, 1024),
            ("vocab_size", self.vocab, 1 << 22),
            ("max_position_embeddings", self.positions, 1 << 17),
            ("type_vocab_size", self.types, 1024),
            ("max_seq_length", self.context_length, 1 << 17),
            ("num_labels", self.labels(), 2),
        ];
        for (field, value, most) in bounds {
            if value == 0 || value > most {
                return Err(EngineError::corrupt(
                    field,
                    format!("值为 {value}，应在 1 到 {most} 之间"),
                ));
            }
        }
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(EngineError::corrupt(
                "num_attention_heads",
                format!("{} 不能整除 hidden_size {}", self.heads, self.hidden),
            ));
        }
        if self.first_position.saturating_add(self.context_length) > self.positions {
            return Err(EngineError::corrupt(
                "max_position_embeddings",
                format!(
                    "{} 行位置表不足以容纳 {} 个词元",
                    self.positions, self.context_length
                ),
            ));
        }
        if !(self.eps.is_finite() && (0.0..1.0).contains(&self.eps)) {
            return Err(EngineError::corrupt("layer_norm_eps", self.eps.to_string()));
        }
        Ok(())
    }

    fn labels(&self) -> usize {
        match self.head {
            Head::Classifier { labels } => labels,
            Head::Embedding { .. } => 1,
        }
    }
}
