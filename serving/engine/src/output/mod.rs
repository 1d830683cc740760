//! From a row of logits to the text of an answer: which token, whether it may, when it ends.
//!
//! Everything here is pure: the loop hands in logits and random points and applies what comes
//! back. Reading order: [`sample`] (the next token), [`stop`] (where the text ends),
//! [`constraint`] and [`grammar`] (what the text must look like), [`speculate`] (guesses that
//! one step can check together).

pub(crate) mod constraint;
pub(crate) mod grammar;
pub(crate) mod sample;
pub(crate) mod speculate;
pub(crate) mod stop;
