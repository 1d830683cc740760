//! Guided service (智能引导): finds the right service item with the fewest questions, without a
//! model and without a session; and lays an item's text out as a guide.

mod dialogue;
mod item;
mod sheet;

pub use dialogue::{Choice, Offer, Path, Step, names, next};
pub use item::{Feature, Item, is_item, items};
pub use sheet::{Line, Section, Sheet, sheet};

pub(crate) use sheet::unmarked;
