//! The weights of an encoder, ready for its forward pass.

use crate::error::EngineError;
use crate::kernel::panels::Panels;
use crate::load::encoder::classifier::head_names;
use crate::load::encoder::spec::{EncoderSpec, Head};
use crate::load::encoder::stored::{EncoderWeights, Table, panels};

/// A linear layer; the bias is added by whatever reads the product.
pub(crate) struct Linear {
    pub(crate) panels: Panels,
    pub(crate) bias: Vec<f32>,
}

/// Weight and bias of a layer norm.
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// One layer.
pub(crate) struct Layer {
    /// q, k and v, one after the other.
    pub(crate) qkv: Linear,
    pub(crate) output: Linear,
    pub(crate) attention_norm: Norm,
    pub(crate) inner: Linear,
    pub(crate) outer: Linear,
    pub(crate) norm: Norm,
}

/// Head of a classification model.
pub(crate) struct Classifier {
    pub(crate) dense: Linear,
    pub(crate) labels: Linear,
}

/// All weights.
pub(crate) struct Weights {
    pub(crate) words: Table,
    pub(crate) positions: Table,
    pub(crate) types: Table,
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
    pub(crate) classifier: Option<Classifier>,
}

impl Weights {
    /// Reads and checks every tensor that the description asks for.
    pub(crate) fn load(
        spec: &EncoderSpec,
        source: &dyn EncoderWeights,
        exact: bool,
    ) -> Result<Self, EngineError> {
        let reader = Reader { source, exact };
        let width = spec.hidden;
        let table = |name: &str, rows: usize| {
            Table::new(source.read(&format!("embeddings.{name}.weight"), &[rows, width])?)
        };
        let layers = (0..spec.layers).map(|layer| reader.layer(layer, spec));
        let classifier = match spec.head {
            Head::Embedding { .. } => None,
            Head::Classifier { labels } => {
                let names = head_names(|name| source.has(name));
                // Small, and what it says is the result.
                let reader = Reader {
                    source,
                    exact: true,
                };
                Some(Classifier {
                    dense: reader.linear(names.dense, width, width)?,
                    labels: reader.linear(names.labels, labels, width)?,
                })
            }
        };
        Ok(Self {
            words: table("word_embeddings", spec.vocab)?,
            positions: table("position_embeddings", spec.positions)?,
            types: table("token_type_embeddings", spec.types)?,
            norm: reader.norm("embeddings.LayerNorm", width)?,
            layers: layers.collect::<Result<_, _>>()?,
            classifier,
        })
    }

    /// Bytes held in memory by tables and matrices.
    pub(crate) fn bytes(&self) -> usize {
        let tables = self.words.bytes() + self.positions.bytes() + self.types.bytes();
        let layer = |l: &Layer| {
            [&l.qkv, &l.output, &l.inner, &l.outer]
                .map(|linear| linear.panels.bytes())
                .iter()
                .sum::<usize>()
        };
        tables + self.layers.iter().map(layer).sum::<usize>()
    }
}

struct Reader<'a> {
    source: &'a dyn EncoderWeights,
    exact: bool,
}

impl Reader<'_> {
    fn layer(&self, index: usize, spec: &EncoderSpec) -> Result<Layer, EngineError> {
        let (hidden, inner) = (spec.hidden, spec.intermediate);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let attention = |part: &str| name(&format!("attention.self.{part}"));
        let parts = ["query", "key", "value"].map(attention);
        Ok(Layer {
            qkv: self.stacked(&parts, hidden, hidden)?,
            output: self.linear(&name("attention.output.dense"), hidden, hidden)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"), hidden)?,
            inner: self.linear(&name("intermediate.dense"), inner, hidden)?,
            outer: self.linear(&name("output.dense"), hidden, inner)?,
            norm: self.norm(&name("output.LayerNorm"), hidden)?,
        })
    }

    fn linear(&self, name: &str, n: usize, k: usize) -> Result<Linear, EngineError> {
        self.stacked(&[name.to_owned()], n, k)
    }

    /// Layers of `n` outputs each that read the same rows, as one.
    fn stacked(&self, names: &[String], n: usize, k: usize) -> Result<Linear, EngineError> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weights.push(self.source.read(&format!("{name}.weight"), &[n, k])?);
            bias.extend(self.vector(&format!("{name}.bias"), n)?);
        }
        Ok(Linear {
            panels: panels(weights, self.exact)?,
            bias,
        })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, EngineError> {
        Ok(Norm {
            weight: self.vector(&format!("{name}.weight"), width)?,
            bias: self.vector(&format!("{name}.bias"), width)?,
        })
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, EngineError> {
        self.source.read(name, &[length])?.into_f32()
    }
}
