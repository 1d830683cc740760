//! A constraint at work: which tokens may come next, and which must.

mod compile;
mod schema;
mod vocabulary;

pub(crate) use vocabulary::GrammarFactory;

use super::constraint::Constraint;
use crate::error::EngineError;
use crate::runner::TokenMask;
use llguidance::Matcher;
use std::collections::VecDeque;
use std::sync::Arc;
use toktrie::SimpleVob;

/// Follows one answer through its grammar. A token that the grammar forces is forced whether
/// the loop jumps over it ([`Grammar::forced`]) or asks the model ([`Grammar::mask`] then allows
/// it alone), so both give the same answer.
pub(crate) struct Grammar {
    matcher: Matcher,
    ends: Arc<[u32]>,
    vocab: usize,
    /// Certain tokens that were not accepted yet.
    forced: VecDeque<u32>,
    /// Whether `forced` was asked for at this position.
    looked: bool,
}

impl Grammar {
    /// Checks and compiles a constraint; refuses what is unsupported or too large by name.
    pub(crate) fn new(
        factory: &GrammarFactory,
        constraint: &Constraint,
    ) -> Result<Self, EngineError> {
        let parser = compile::compile(factory.parsers()?, constraint)?;
        Ok(Self {
            matcher: Matcher::new(Ok(parser)),
            ends: factory.ends(),
            vocab: factory.vocab(),
            forced: VecDeque::new(),
            looked: false,
        })
    }

    /// Tokens that are certain from here on, in order; empty where there is a choice. The loop
    /// takes any number of them from the front and calls [`Grammar::accept`] for each. No token
    /// is certain whose bytes could continue in a longer token (so the text is split into tokens
    /// as the tokenizer would).
    pub(crate) fn forced(&mut self) -> Vec<u32> {
        if !self.looked && self.forced.is_empty() && !self.matcher.is_stopped() {
            self.forced = self.matcher.compute_ff_tokens().into();
        }
        self.looked = true;
        self.forced.iter().copied().collect()
    }

    /// Tokens that may come next, end tokens among them where the text is complete.
    pub(crate) fn mask(&mut self) -> Result<Arc<TokenMask>, EngineError> {
        self.forced();
        if let Some(token) = self.forced.front() {
            return Ok(Arc::new(single(*token, self.vocab)));
        }
        let set = self.matcher.compute_mask_or_eos().map_err(failed)?;
        Ok(Arc::new(mask_of(&set, self.vocab)))
    }

    /// Goes on by a token that the mask allowed.
    pub(crate) fn accept(&mut self, token: u32) -> Result<(), EngineError> {
        if self.forced.front() == Some(&token) {
            self.forced.pop_front();
        } else {
            self.forced.clear();
        }
        self.looked = false;
        self.matcher.consume_token(token).map_err(failed)
    }

    /// Whether the text so far is complete; it may still go on.
    #[cfg(test)]
    fn may_end(&mut self) -> bool {
        self.matcher.is_stopped() || self.matcher.is_accepting().unwrap_or(false)
    }

    /// Whether the text is complete and nothing but an end token may follow: the answer ends
    /// here, and no step is spent on the end token.
    pub(crate) fn is_complete(&self) -> bool {
        self.matcher.is_stopped() && !self.matcher.is_error()
    }

    /// Masks for the rows that verify `draft`: one for the next token, then one after each
    /// drafted token that the grammar allows. The grammar stays where it is. A shorter answer
    /// than `draft.len() + 1` means that the rest of the draft cannot come.
    pub(crate) fn look_ahead(&mut self, draft: &[u32]) -> Result<Vec<Arc<TokenMask>>, EngineError> {
        let (forced, looked) = (self.forced.clone(), self.looked);
        let mut masks = vec![self.mask()?];
        let mut taken = 0;
        for token in draft {
            let open = masks.last().is_some_and(|mask| allows(mask, *token));
            if !open || self.ends.contains(token) {
                break;
            }
            self.accept(*token)?;
            taken += 1;
            if self.matcher.is_stopped() {
                break;
            }
            masks.push(self.mask()?);
        }
        self.matcher.rollback(taken).map_err(failed)?;
        (self.forced, self.looked) = (forced, looked);
        Ok(masks)
    }
}

fn allows(mask: &TokenMask, token: u32) -> bool {
    let word = mask.words.get(token as usize / 64);
    word.is_some_and(|word| word >> (token % 64) & 1 == 1)
}

fn single(token: u32, vocab: usize) -> TokenMask {
    let mut words = vec![0; vocab.div_ceil(64)];
    if let Some(word) = words.get_mut(token as usize / 64) {
        *word |= 1 << (token % 64);
    }
    TokenMask { words, allowed: 1 }
}

/// The grammar engine's set of tokens in the runner's words.
fn mask_of(set: &SimpleVob, vocab: usize) -> TokenMask {
    let halves = set.as_slice();
    let mut words: Vec<u64> = halves
        .chunks(2)
        .map(|pair| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32)
        .collect();
    words.resize(vocab.div_ceil(64), 0);
    // The set has a place beyond the vocabulary.
    if let (Some(last), rest @ 1..) = (words.last_mut(), vocab % 64) {
        *last &= (1 << rest) - 1;
    }
    let allowed = words.iter().map(|word| word.count_ones() as usize).sum();
    TokenMask { words, allowed }
}

/// The grammar became too ambiguous or too large while it ran, or the engine has a bug.
fn failed(error: impl std::fmt::Display) -> EngineError {
    EngineError::Constraint {
        detail: error.to_string().lines().next().unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod valid;
#[cfg(test)]
mod walk;
