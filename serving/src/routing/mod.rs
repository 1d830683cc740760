//! From a served name to the replica that answers.

mod dispatch;
mod events;

pub(crate) use dispatch::start;
pub(crate) use events::Events;
