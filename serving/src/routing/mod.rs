//! From a served name to who answers: the route by weight, the replica by cached prompt and load,
//! another server where the route names one.

mod choose;
mod demand;
mod dispatch;
mod events;
mod handover;
mod load;
mod prefix;
mod unary;

pub(crate) use demand::{Demand, RouteName};
pub(crate) use dispatch::{Started, start};
pub(crate) use events::Events;
pub(crate) use load::{Candidate, rank};
pub(crate) use prefix::Memory;
pub(crate) use unary::{detokenize, embed, score, tokenize};
