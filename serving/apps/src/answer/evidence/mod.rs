//! The evidence gate: whether the passages found answer what was asked, and with which sentences.
//!
//! A retrieval score cannot tell a near miss from a hit, so this looks at what the question names.

mod gate;
mod grade;
mod kinds;
mod reader;
mod select;
mod view;
mod weigh;

pub(crate) use gate::{Gap, margin, nearest, short_of};
pub(crate) use grade::{Grade, grade};
pub(crate) use reader::{FEATURES, Reader, by_words, features};
pub(crate) use select::select;
pub(crate) use view::{SentenceView, View, scope};
pub(crate) use weigh::{Weighed, weigh};
