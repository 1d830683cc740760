//! An answer being written: from rows of logits to tokens, text and the end.

use super::request::{
    FinishReason, GenerateEvent, Resume, TokenLogprob, TokenSink, TopToken, Usage,
};
use super::validate::Plan;
use crate::error::EngineError;
use crate::output::grammar::Grammar;
use crate::output::sample::{self, Allowed, History, Sampling};
use crate::output::speculate::{Controller, Drafter, StepCosts};
use crate::output::stop::{StopMatcher, StopStep};
use crate::runner::TokenMask;
use crate::tokenizer::{Detokenizer, TextTokenizer};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// State of one answer.
pub(super) struct Answer {
    prompt_tokens: usize,
    written: usize,
    max_tokens: usize,
    min_tokens: usize,
    sampling: Sampling,
    seed: u64,
    history: History,
    detokenizer: Detokenizer,
    stop: StopMatcher,
    stop_tokens: Vec<u32>,
    /// End tokens, which may not come before `min_tokens`.
    ends: Vec<u32>,
    logprobs: Option<usize>,
    ignore_eos: bool,
    grammar: Option<Grammar>,
    /// Masks for the next token and, where there are drafts, after each of them.
    masks: Vec<Arc<TokenMask>>,
    drafter: Drafter,
    controller: Controller,
    /// The guess for the next token when it was not worth a row.
    guess: Option<u32>,
    sink: Box<dyn TokenSink>,
    /// Prompt tokens that came from the cache; known when the first token is chosen.
    pub(super) cached_tokens: usize,
    /// What the request allowed for waiting, in milliseconds.
    pub(super) queue_ms: u32,
}

/// What a step made of an answer.
pub(super) struct Advance {
    /// Tokens that join the sequence, in order.
    pub(super) chosen: Vec<u32>,
    /// Drafts that came true; they lead `chosen`.
    pub(super) accepted: usize,
    /// Tokens that the caller was shown: those chosen, and the last one of an answer.
    pub(super) shown: usize,
    /// The answer has ended with this event.
    pub(super) end: Option<GenerateEvent>,
}

impl Answer {
    pub(super) fn new(plan: Plan, sink: Box<dyn TokenSink>) -> Self {
        let (prompt, answer) = plan.tokens.split_at(plan.prompt);
        let mut history = History::new(prompt);
        let mut drafter = Drafter::new(prompt, &plan.prediction);
        for token in answer {
            history.push(*token);
            drafter.push(*token);
        }
        Self {
            prompt_tokens: plan.prompt,
            written: answer.len(),
            max_tokens: plan.max_tokens,
            min_tokens: plan.min_tokens,
            sampling: plan.sampling,
            seed: plan.seed,
            history,
            detokenizer: plan.begun.detokenizer,
            stop: plan.begun.stop,
            stop_tokens: plan.stop_tokens,
            ends: plan.ends,
            logprobs: plan.logprobs,
            ignore_eos: plan.ignore_eos,
            grammar: plan.begun.grammar,
            masks: Vec::new(),
            drafter,
            controller: Controller::default(),
            guess: None,
            sink,
            cached_tokens: plan.cached_tokens,
            queue_ms: plan.queue_ms,
        }
    }

    /// Tokens of the answer so far.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Tokens that may still come.
    pub(super) fn left(&self) -> usize {
        self.max_tokens - self.written
    }

    /// Guesses worth verifying in the coming step.
    pub(super) fn drafts(&mut self, costs: StepCosts) -> Vec<u32> {
        // The last token that may come is chosen, never drafted.
        let guessed = self.drafter.draft(self.left().saturating_sub(1));
        self.guess = guessed.first().copied();
        let count = self.controller.plan(guessed.len(), costs);
        guessed[..count].to_vec()
    }

    /// Prepares the grammar's masks for the next token and after each of `drafts`; drafts
    /// that the grammar forbids are cut off.
    pub(super) fn look_ahead(&mut self, drafts: &mut Vec<u32>) -> Result<(), EngineError> {
        let Some(grammar) = &mut self.grammar else {
            return Ok(());
        };
        if self.masks.len() != drafts.len() + 1 {
            self.masks = grammar.look_ahead(drafts)?;
        }
        drafts.truncate(self.masks.len().saturating_sub(1));
        Ok(())
    }

    /// Masks for `rows` rows of logits, for the runner; empty where all logits are needed.
    pub(super) fn masks(&self, rows: usize) -> Vec<Option<Arc<TokenMask>>> {
        if self.grammar.is_none() || self.logprobs.is_some() {
            return Vec::new();
        }
        (0..rows).map(|row| self.masks.get(row).cloned()).collect()
    }

    /// Chooses tokens from the rows of `logits` (the first for the next token, one more after
    /// each draft that comes true), shows them, and goes on over what the grammar forces.
    pub(super) fn advance(
        &mut self,
        logits: &mut [f32],
        drafts: &[u32],
        tokenizer: &TextTokenizer,
    ) -> Advance {
        let (before, vocab) = (self.written, logits.len() / (drafts.len() + 1));
        let masks = std::mem::take(&mut self.masks);
        let mut advance = Advance {
            chosen: Vec::new(),
            accepted: 0,
            shown: 0,
            end: None,
        };
        if vocab == 0 {
            let detail = "the runner returned no logits".to_owned();
            advance.end = Some(self.failed(EngineError::Internal { detail }));
        }
        for (row, logits) in logits.chunks_exact_mut(vocab.max(1)).enumerate() {
            let plain = self.logprobs.map(|_| logits.to_vec());
            let token = match self.choose(logits, masks.get(row).map(Arc::as_ref)) {
                Ok(token) => token,
                Err(error) => {
                    advance.end = Some(self.failed(error));
                    break;
                }
            };
            let logprob = plain.map(|logits| self.logprob(&logits, token, tokenizer));
            if let Err(end) = self.take(token, logprob, tokenizer) {
                advance.end = Some(end);
                break;
            }
            advance.chosen.push(token);
            if drafts.get(row) != Some(&token) {
                break;
            }
            advance.accepted += 1;
        }
        self.learn(drafts.len(), &advance);
        if advance.end.is_none() {
            advance.end = self.jump(&mut advance.chosen, tokenizer);
        }
        advance.shown = self.written - before;
        advance
    }

    fn choose(&self, logits: &mut [f32], mask: Option<&TokenMask>) -> Result<u32, EngineError> {
        let banned: &[u32] = if self.written < self.min_tokens {
            &self.ends
        } else {
            &[]
        };
        let point = sample::uniform(self.seed, self.written as u64);
        let allowed = Allowed { mask, banned };
        sample::choose(logits, &self.history, &self.sampling, allowed, point)
    }

    /// Tells the controller how the guesses were.
    fn learn(&mut self, drafted: usize, advance: &Advance) {
        match (drafted, self.guess, advance.chosen.first()) {
            (0, Some(guess), Some(chosen)) => {
                self.controller.observe(1, usize::from(guess == *chosen));
            }
            (0, ..) => {}
            (drafted, ..) => self.controller.observe(drafted, advance.accepted),
        }
    }

    /// Takes the tokens that the grammar forces, without a step for each.
    fn jump(&mut self, chosen: &mut Vec<u32>, tokenizer: &TextTokenizer) -> Option<GenerateEvent> {
        if self.logprobs.is_some() {
            // Each token's probability is asked for: it needs its row.
            return None;
        }
        for token in self.grammar.as_mut()?.forced() {
            if let Err(end) = self.take(token, None, tokenizer) {
                return Some(end);
            }
            chosen.push(token);
        }
        None
    }

    /// Adds a token and shows it; the event that ends the answer if it does.
    fn take(
        &mut self,
        token: u32,
        logprob: Option<TokenLogprob>,
        tokenizer: &TextTokenizer,
    ) -> Result<(), GenerateEvent> {
        let own_end = tokenizer.is_end(token) && (self.grammar.is_some() || !self.ignore_eos);
        if own_end || self.stop_tokens.contains(&token) {
            let (text, stopped) = self.rest();
            if !text.is_empty() {
                let logprob = None;
                self.push(GenerateEvent::Token {
                    text,
                    token,
                    logprob,
                });
            }
            let finish = stopped.map_or(FinishReason::Stop, FinishReason::StopString);
            return Err(self.done(finish));
        }
        let mut complete = false;
        if let Some(grammar) = &mut self.grammar {
            if let Err(error) = grammar.accept(token) {
                return Err(self.failed(error));
            }
            complete = grammar.is_complete();
        }
        self.history.push(token);
        self.drafter.push(token);
        self.written += 1;
        let shown = self.detokenizer.push(tokenizer.token_bytes(token));
        let StopStep {
            mut text,
            mut stopped,
        } = self.stop.push(&shown);
        let full = self.written >= self.max_tokens;
        if (full || complete) && stopped.is_none() {
            let (rest, found) = self.rest();
            text.push_str(&rest);
            stopped = found;
        }
        let heard = self.push(GenerateEvent::Token {
            text,
            token,
            logprob,
        });
        let finish = if let Some(stop) = stopped {
            FinishReason::StopString(stop)
        } else if complete {
            FinishReason::Stop
        } else if full {
            FinishReason::Length
        } else if heard {
            return Ok(());
        } else {
            FinishReason::Cancelled
        };
        Err(self.done(finish))
    }

    /// Text held back until now, and the stop string that cut it, if one did.
    fn rest(&mut self) -> (String, Option<usize>) {
        let tail = self.detokenizer.finish();
        let step = self.stop.push(&tail);
        match step.stopped {
            Some(_) => (step.text, step.stopped),
            None => (step.text + &self.stop.finish(), None),
        }
    }

    fn logprob(&self, logits: &[f32], token: u32, tokenizer: &TextTokenizer) -> TokenLogprob {
        let (logprob, top) = sample::logprobs(logits, token, self.logprobs.unwrap_or(0));
        let top = top
            .into_iter()
            .map(|(token, logprob)| TopToken {
                token,
                text: tokenizer.token_text(Some(token)),
                logprob,
            })
            .collect();
        TokenLogprob { logprob, top }
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.written,
            cached_tokens: self.cached_tokens,
        }
    }

    /// The event of a regular end.
    pub(super) fn done(&self, finish: FinishReason) -> GenerateEvent {
        GenerateEvent::Done {
            finish,
            usage: self.usage(),
        }
    }

    /// The event of a failure.
    pub(super) fn failed(&self, error: EngineError) -> GenerateEvent {
        GenerateEvent::Failed {
            error,
            usage: self.usage(),
        }
    }

    /// The event of an answer that another engine goes on with; `tokens` are its prompt and
    /// what was written.
    pub(super) fn unfinished(&self, mut tokens: Vec<u32>) -> GenerateEvent {
        let answer = tokens.split_off(self.prompt_tokens.min(tokens.len()));
        debug_assert_eq!(answer.len(), self.written);
        let resume = Resume {
            prompt: tokens,
            answer,
            seed: self.seed,
            cached_tokens: self.cached_tokens,
        };
        GenerateEvent::Unfinished {
            resume: Box::new(resume),
            usage: self.usage(),
        }
    }

    /// Hands an event to the sink; `false` when nobody listens. A sink that panics must not
    /// take the engine with it.
    pub(super) fn push(&mut self, event: GenerateEvent) -> bool {
        match catch_unwind(AssertUnwindSafe(|| self.sink.push(event))) {
            Ok(ControlFlow::Continue(())) => true,
            Ok(ControlFlow::Break(())) => false,
            Err(_) => {
                tracing::error!("a token sink panicked; its request is cancelled");
                false
            }
        }
    }
}
