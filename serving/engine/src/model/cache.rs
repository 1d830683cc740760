//! Keys and values of one sequence: one growing row-major array for each layer.

/// KV cache of one sequence, f32, in token order.
#[derive(Debug, Default)]
pub(crate) struct KvCache {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    tokens: usize,
}

impl KvCache {
    /// An empty cache; memory is taken as tokens come.
    pub(crate) fn new(layers: usize) -> Self {
        Self {
            layers: vec![(Vec::new(), Vec::new()); layers],
            tokens: 0,
        }
    }

    /// Tokens whose rows are complete in every layer.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Adds one row of one layer.
    pub(crate) fn push(&mut self, layer: usize, key: &[f32], value: &[f32]) {
        if let Some((keys, values)) = self.layers.get_mut(layer) {
            keys.extend_from_slice(key);
            values.extend_from_slice(value);
        }
    }

    /// Marks `tokens` more rows as complete.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.tokens += tokens;
    }

    /// Keys and values of one layer.
    pub(crate) fn layer(&self, layer: usize) -> (&[f32], &[f32]) {
        self.layers.get(layer).map_or((&[], &[]), |(k, v)| (k, v))
    }
}
