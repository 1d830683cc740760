//! Memory of one layer that the next layer and the next step use again: a long chunk needs tens of
//! megabytes, and clearing them for each layer costs as much as a tenth of the products.

use crate::kernel::matrix::Inputs;

/// Buffers of a step; they hold what the layer before left until they are written.
#[derive(Default)]
pub(super) struct Workspace {
    /// Rounded inputs of a product.
    pub(super) inputs: Inputs,
    /// Queries, keys and values of each row.
    pub(super) qkv: Vec<f32>,
    /// Gate and up of each row.
    pub(super) both: Vec<f32>,
    /// What half a layer adds to each row.
    pub(super) y: Vec<f32>,
}

/// The first `len` numbers of a buffer that never shrinks.
pub(super) fn room(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}
