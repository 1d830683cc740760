//! Finding passages: folded terms, BM25, vectors, and one ranking of both.

mod best;
mod dense;
mod fold;
mod fuse;
mod index;
mod synonyms;
mod tokenize;
mod typos;

pub use dense::{EmbedError, Embedder, Side};
pub use fold::fold;

pub(crate) use dense::{Cosines, DenseIndex};
pub(crate) use fold::is_han;
pub(crate) use fuse::fuse;
pub(crate) use index::{Entry, PassageIndex};
pub(crate) use synonyms::Synonyms;
pub(crate) use tokenize::terms;
pub(crate) use typos::mended;
