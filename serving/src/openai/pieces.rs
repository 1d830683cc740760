//! The answers of a request as they are told: pieces of text, of thought and of tool calls.

use super::ApiError;
use super::generate::{Generation, Step};
use super::reader::Reader;
use super::sampling::Wish;
use std::collections::VecDeque;
use zhisuan_proto::v1::{Delta, TokenCount, TokenLogprob};

/// A part of an answer that goes to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Content(String),
    /// What the model thinks before it answers.
    Reasoning(String),
    /// A call begins; `index` counts the calls of one answer from 0.
    Call {
        index: usize,
        id: String,
        name: String,
    },
    /// More of a call's arguments, as text of a JSON object.
    Arguments {
        index: usize,
        delta: String,
    },
}

/// Counts of a whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) tokens: TokenCount,
    /// Part of the completion's tokens that was thought.
    pub(crate) reasoning_tokens: u32,
}

/// What is told next.
#[derive(Debug)]
pub(crate) enum Said {
    Pieces {
        choice: usize,
        pieces: Vec<Piece>,
        logprob: Option<TokenLogprob>,
    },
    /// A choice is whole: "stop", "length" or "tool_calls".
    Ended {
        choice: usize,
        reason: &'static str,
    },
    /// Every choice is whole.
    Done(Usage),
    Failed(ApiError),
}

/// The answers of one request, read as they come.
pub(crate) struct Talk {
    generation: Option<Generation>,
    readers: Vec<Reader>,
    one_call: bool,
    ready: VecDeque<Said>,
    pub(crate) plan: Plan,
}

/// How many answers are told, of how many that run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) prompts: usize,
    pub(crate) n: usize,
    pub(crate) best_of: usize,
    /// Of the first prompt.
    pub(crate) prompt_tokens: u32,
}

impl Talk {
    /// What will be said of a wish.
    pub(crate) fn plan(wish: &Wish) -> Self {
        let plan = Plan {
            prompts: 1 + wish.more_prompts.len(),
            n: wish.n as usize,
            best_of: wish.best_of as usize,
            prompt_tokens: 0,
        };
        Self {
            generation: None,
            readers: (0..plan.prompts * plan.best_of)
                .map(|_| Reader::new(wish))
                .collect(),
            one_call: wish.toolbox.one_call,
            ready: VecDeque::new(),
            plan,
        }
    }

    pub(crate) fn begin(&mut self, generation: Generation) {
        self.plan.prompt_tokens = generation.prompt_tokens();
        self.generation = Some(generation);
    }

    /// The next thing to say; `None` after `Done` or `Failed`.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        loop {
            if let Some(said) = self.ready.pop_front() {
                return Some(said);
            }
            let step = self.generation.as_mut()?.next().await?;
            self.take(step);
        }
    }

    /// The caller will get nothing of what was generated.
    pub(crate) fn nothing_delivered(&mut self) {
        if let Some(generation) = &mut self.generation {
            generation.nothing_delivered();
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Delta { strand, delta } => self.delta(strand, delta),
            Step::Ended { strand, reason } => self.end(strand, reason),
            Step::Done(tokens) => {
                let thought = self.readers.iter().map(Reader::reasoning_tokens).sum();
                let usage = Usage {
                    tokens,
                    reasoning_tokens: thought,
                };
                self.ready.push_back(Said::Done(usage));
            }
            Step::Failed(error) => self.ready.push_back(Said::Failed(error)),
        }
    }

    fn delta(&mut self, choice: usize, delta: Delta) {
        let pieces = self.readers[choice].push(&delta.text);
        let (pieces, cut) = self.allowed(pieces);
        let logprob = delta.logprob;
        if !pieces.is_empty() || logprob.is_some() {
            let said = Said::Pieces {
                choice,
                pieces,
                logprob,
            };
            self.ready.push_back(said);
        }
        if cut {
            if let Some(generation) = &mut self.generation {
                generation.cut(choice);
            }
            self.ended(choice, "stop");
        }
    }

    fn end(&mut self, choice: usize, reason: &'static str) {
        let pieces = self.readers[choice].finish();
        let (pieces, _) = self.allowed(pieces);
        if !pieces.is_empty() {
            let said = Said::Pieces {
                choice,
                pieces,
                logprob: None,
            };
            self.ready.push_back(said);
        }
        self.ended(choice, reason);
    }

    fn ended(&mut self, choice: usize, reason: &'static str) {
        let called = self.readers[choice].calls() > 0;
        let reason = if called && reason == "stop" {
            "tool_calls"
        } else {
            reason
        };
        self.ready.push_back(Said::Ended { choice, reason });
    }

    /// Pieces up to a second call, where only one is wanted, and whether there was one.
    fn allowed(&self, mut pieces: Vec<Piece>) -> (Vec<Piece>, bool) {
        let second = |piece: &Piece| matches!(piece, Piece::Call { index, .. } | Piece::Arguments { index, .. } if *index > 0);
        match pieces.iter().position(second).filter(|_| self.one_call) {
            Some(at) => {
                pieces.truncate(at);
                (pieces, true)
            }
            None => (pieces, false),
        }
    }
}
