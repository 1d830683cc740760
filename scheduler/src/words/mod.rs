//! Sentences for people, Chinese first, made from the data that the core decides with.

mod amount;
mod problem;
mod reason;
mod refusal;
mod sentence;
mod shortfall;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use amount::{cores, mib, yuan};
pub(crate) use problem::Problem;
pub(crate) use reason::{fit_failure, reason};
pub(crate) use refusal::refusal;
pub(crate) use sentence::Sentence;
pub(crate) use verdict::verdict;
