//! Speculation by looking up: text that the answer copies from its prompt costs one step for
//! several tokens.
//!
//! A [`Drafter`] guesses, the model computes all guessed rows in one step, and the loop chooses
//! a token for each row as it always does (same random point, same penalties, same mask): a
//! guess that equals the chosen token is kept, the first that differs ends the run, and the
//! chosen token itself is kept in any case. So the answer is bit for bit the plain one, also at
//! a temperature. A [`Controller`] says how much guessing pays, and stops it where it does not.

mod controller;
mod drafter;

pub(crate) use controller::{Controller, StepCosts};
pub(crate) use drafter::Drafter;

#[cfg(test)]
mod tests;
