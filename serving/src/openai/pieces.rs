//! The answers of a request as they are told: pieces of text, of thought and of tool calls.

use super::ApiError;
use super::ability::Manner;
use super::generate::{Generation, Step};
use super::sampling::Wish;
use super::tools::Toolbox;
use crate::parse::{AnswerParser, CallIds};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use zhisuan_proto::v1::{Delta, TokenCount, TokenLogprob};

pub(crate) use crate::parse::Piece;

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
    /// What stands beside the text of a choice: members of its message.
    Attached {
        choice: usize,
        members: Map<String, Value>,
    },
    /// A choice is whole: "stop", "length" or "tool_calls".
    Ended {
        choice: usize,
        reason: &'static str,
        /// The stop string that ended it.
        stop: Option<String>,
    },
    /// Every choice is whole.
    Done(Usage),
    Failed(ApiError),
}

/// The answers of one request, read as they come.
pub(crate) struct Talk {
    generation: Generation,
    parsers: Vec<AnswerParser>,
    toolbox: Toolbox,
    reasoning_tokens: u32,
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

impl Plan {
    pub(crate) fn of(wish: &Wish) -> Self {
        Self {
            prompts: 1 + wish.more_prompts.len(),
            n: wish.n as usize,
            best_of: wish.best_of as usize,
            prompt_tokens: 0,
        }
    }
}

impl Talk {
    /// Listens to a generation that answers in a manner; `id` is the request's.
    pub(crate) fn new(
        generation: Generation,
        plan: Plan,
        manner: Manner,
        toolbox: Toolbox,
        id: &str,
    ) -> Self {
        let parser = |strand| {
            let ids = CallIds::new(seed(id) ^ strand as u64);
            AnswerParser::new(manner.thinking, manner.style, &toolbox.tools, ids)
        };
        let prompt_tokens = generation.prompt_tokens();
        Self {
            generation,
            parsers: (0..plan.prompts * plan.best_of).map(parser).collect(),
            toolbox,
            reasoning_tokens: 0,
            ready: VecDeque::new(),
            plan: Plan {
                prompt_tokens,
                ..plan
            },
        }
    }

    /// The next thing to say; `None` after `Done` or `Failed`.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        loop {
            if let Some(said) = self.ready.pop_front() {
                return Some(said);
            }
            let step = self.generation.next().await?;
            self.take(step);
        }
    }

    /// The caller will get nothing of what was generated.
    pub(crate) fn nothing_delivered(&mut self) {
        self.generation.nothing_delivered();
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Delta { strand, delta } => self.delta(strand, delta),
            Step::Ended {
                strand,
                reason,
                stop,
            } => self.end(strand, reason, stop),
            Step::Done(tokens) => {
                let usage = Usage {
                    tokens,
                    reasoning_tokens: self.reasoning_tokens,
                };
                self.ready.push_back(Said::Done(usage));
            }
            Step::Failed(error) => self.ready.push_back(Said::Failed(error)),
        }
    }

    fn delta(&mut self, choice: usize, delta: Delta) {
        let pieces = self.parsers[choice].push(&delta.text);
        let thought = |piece: &Piece| matches!(piece, Piece::Reasoning(_));
        if !pieces.is_empty() && pieces.iter().all(thought) {
            self.reasoning_tokens = self.reasoning_tokens.saturating_add(1);
        }
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
        if let Ok(members) = serde_json::from_str(&delta.attached) {
            self.ready.push_back(Said::Attached { choice, members });
        }
        if cut {
            self.generation.cut(choice);
            self.ended(choice, "stop", None);
        }
    }

    fn end(&mut self, choice: usize, reason: &'static str, stop: Option<String>) {
        let pieces = self.parsers[choice].finish();
        let (pieces, _) = self.allowed(pieces);
        if !pieces.is_empty() {
            let said = Said::Pieces {
                choice,
                pieces,
                logprob: None,
            };
            self.ready.push_back(said);
        }
        self.ended(choice, reason, stop);
    }

    fn ended(&mut self, choice: usize, reason: &'static str, stop: Option<String>) {
        let called = self.parsers[choice].calls() > 0;
        let (reason, stop) = if called && reason == "stop" {
            ("tool_calls", None)
        } else {
            (reason, stop)
        };
        self.ready.push_back(Said::Ended {
            choice,
            reason,
            stop,
        });
    }

    /// Pieces up to a second call, where only one is wanted, and whether there was one.
    fn allowed(&self, mut pieces: Vec<Piece>) -> (Vec<Piece>, bool) {
        let second = |piece: &Piece| matches!(piece, Piece::Call { index, .. } | Piece::Arguments { index, .. } if *index > 0);
        match pieces
            .iter()
            .position(second)
            .filter(|_| self.toolbox.one_call)
        {
            Some(at) => {
                pieces.truncate(at);
                (pieces, true)
            }
            None => (pieces, false),
        }
    }
}

/// A number that differs from request to request: ids are random.
fn seed(id: &str) -> u64 {
    let digits = id.get(id.len().saturating_sub(16)..).unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or_default()
}
