//! What texts state about one thing, and where those in force contradict each other.

mod matter;
mod near;
mod search;
mod statement;

pub use matter::matter;
pub(crate) use matter::{is_plan, subject};
pub use search::{Claim, Contradiction, contradictions};
pub use statement::Statement;
