//! The encoder: many texts as one flat batch, no padding; every row sees its own text only.

mod forward;
mod weights;

use crate::error::EngineError;
use crate::kernel::bidirectional::Heads;
use crate::kernel::panels::HalfRows;
use crate::load::encoder::spec::{EncoderSpec, Head, Pooling};
use crate::load::encoder::stored::EncoderWeights;
use crate::tokenizer::encoder::Tokens;
use weights::{Linear, Weights};

/// A loaded encoder.
pub(crate) struct Encoder {
    pub(crate) spec: EncoderSpec,
    weights: Weights,
}

impl Encoder {
    /// Reads all weights. Unless `exact`, matrices and the rows that they multiply are
    /// rounded to bf16 where this machine is faster with it.
    pub(crate) fn load(
        spec: EncoderSpec,
        source: &dyn EncoderWeights,
        exact: bool,
    ) -> Result<Self, EngineError> {
        let weights = Weights::load(&spec, source, exact)?;
        Ok(Self { spec, weights })
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// One result for each text: a vector of an embedding model, a score between 0 and 1 of a
    /// classification model. A text's result does not depend on the others. Texts have 1 to
    /// `context_length` tokens below `vocab`.
    pub(crate) fn run(&self, texts: &[&Tokens]) -> Vec<Result<Vec<f32>, EngineError>> {
        let hidden = self.spec.hidden;
        let results = match self.spec.head {
            Head::Embedding { pooling, normalise } => {
                let first_only = pooling == Pooling::Cls;
                let rows = self.forward(texts, first_only);
                let mut rows = rows.as_slice();
                let pooled = texts.iter().map(|text| {
                    let count = if first_only { 1 } else { text.ids.len() };
                    let (own, rest) = rows.split_at(count * hidden);
                    rows = rest;
                    let mut vector = pool(own, hidden, pooling);
                    if normalise {
                        to_length_one(&mut vector);
                    }
                    vector
                });
                pooled.collect::<Vec<_>>()
            }
            Head::Classifier { .. } => {
                let rows = self.forward(texts, true);
                rows.chunks_exact(hidden)
                    .map(|row| vec![self.relevance(row)])
                    .collect()
            }
        };
        results
            .into_iter()
            .map(|result| {
                if result.iter().all(|v| v.is_finite()) {
                    Ok(result)
                } else {
                    Err(EngineError::NumericFault)
                }
            })
            .collect()
    }

    fn heads(&self) -> Heads {
        Heads {
            heads: self.spec.heads,
            head_dim: self.spec.head_dim(),
        }
    }

    /// Probability that the pair of texts belongs together, from its first row.
    fn relevance(&self, row: &[f32]) -> f32 {
        let Some(head) = &self.weights.classifier else {
            return f32::NAN;
        };
        let inner: Vec<f32> = linear(&head.dense, row).iter().map(|v| v.tanh()).collect();
        let logits = linear(&head.labels, &inner);
        // Two labels are a softmax over "no" and "yes", which is a sigmoid of the difference.
        let logit = match logits.as_slice() {
            [no, yes] => yes - no,
            other => other.first().copied().unwrap_or(f32::NAN),
        };
        1.0 / (1.0 + (-logit).exp())
    }
}

fn linear(layer: &Linear, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0f32; layer.bias.len()];
    layer.panels.product(x, &mut HalfRows::new(), &mut y);
    for (y, b) in y.iter_mut().zip(&layer.bias) {
        *y += b;
    }
    y
}

fn pool(rows: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    let count = rows.len() / width;
    match pooling {
        Pooling::Cls => rows[..width].to_vec(),
        Pooling::Last => rows[(count - 1) * width..].to_vec(),
        Pooling::Mean => {
            let mut sum = vec![0f32; width];
            for row in rows.chunks_exact(width) {
                for (s, v) in sum.iter_mut().zip(row) {
                    *s += v;
                }
            }
            sum.iter().map(|s| s / count as f32).collect()
        }
    }
}

fn to_length_one(vector: &mut [f32]) {
    let square: f64 = vector.iter().map(|v| f64::from(*v).powi(2)).sum();
    // A vector of zeros has no direction and stays as it is.
    let inverse = if square > 0.0 {
        1.0 / square.sqrt()
    } else {
        1.0
    };
    for v in vector {
        *v = (f64::from(*v) * inverse) as f32;
    }
}
