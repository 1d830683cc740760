//! Finding passages: folded terms, BM25, vectors, and one ranking of both.

mod best;
mod dense;
mod fuse;
mod index;
mod models;
mod scan;
mod scores;
mod sketch;
mod synonyms;
mod tokenize;
mod typos;

/// The search form of a text.
pub use crate::kb::fold;
/// For measuring the scan; not an interface for programs.
#[doc(hidden)]
pub use dense::{Cosines, DenseIndex};
pub use models::{Embedder, ModelFault, Reranker, Side};

pub(crate) use crate::kb::is_han;
pub(crate) use best::best;
pub(crate) use fuse::{fuse, place_value};
pub(crate) use index::{Entry, PassageIndex};
pub(crate) use scores::Scores;
pub(crate) use synonyms::Synonyms;
pub(crate) use tokenize::terms;
pub(crate) use typos::mended;
