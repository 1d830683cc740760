//! One sequence in the batch: an answer being written, or a text being embedded.

use super::answer::Answer;
use super::request::{FinishReason, GenerateEvent};
use crate::error::EngineError;
use crate::load::spec::Pooling;
use crate::model::lora::Adapter;
use crate::runner::Wants;
use crate::schedule::{Submission, Work};
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// A sequence on its way to the loop.
pub(super) struct Arrival {
    pub(super) submission: Submission,
    pub(super) sequence: Sequence,
}

/// State of one sequence beside its tokens and blocks, which the scheduler has.
pub(super) struct Sequence {
    pub(super) adapter: Option<Arc<Adapter>>,
    pub(super) task: Task,
}

/// What a sequence is for.
pub(super) enum Task {
    Answer(Box<Answer>),
    Embed(Embed),
}

/// A text whose hidden states become one.
pub(super) struct Embed {
    pub(super) pooling: Pooling,
    /// Sum over the rows that count so far.
    pub(super) sum: Vec<f64>,
    pub(super) index: usize,
    pub(super) reply: Sender<(usize, Result<Vec<f64>, EngineError>)>,
}

impl Sequence {
    /// What a part of a step has to compute for it.
    pub(super) fn wants(&self, work: &Work) -> Wants {
        match &self.task {
            Task::Answer(answer) if work.completes => {
                let rows = 1 + work.drafts;
                Wants::Logits {
                    rows,
                    masks: answer.masks(rows),
                }
            }
            Task::Embed(embed) if work.completes || embed.pooling != Pooling::LastToken => {
                Wants::Hidden
            }
            _ => Wants::Nothing,
        }
    }

    /// Hands out the last event of an answer.
    pub(super) fn close(self, event: GenerateEvent) {
        if let Task::Answer(mut answer) = self.task {
            answer.push(event);
        }
    }

    /// Answers the state of a text whose tokens are all computed.
    pub(super) fn answer_embedding(self) {
        if let Task::Embed(embed) = self.task {
            // The caller may have given up waiting.
            let _ = embed.reply.send((embed.index, Ok(embed.sum)));
        }
    }

    /// Ends the sequence with an error.
    pub(super) fn fail(self, error: EngineError) {
        match self.task {
            Task::Answer(mut answer) => {
                let event = answer.failed(error);
                answer.push(event);
            }
            // The caller may have given up waiting.
            Task::Embed(embed) => drop(embed.reply.send((embed.index, Err(error)))),
        }
    }

    /// Ends the sequence for another engine to go on with; `tokens` are its prompt and its
    /// answer so far.
    pub(super) fn hand_over(self, tokens: Vec<u32>) {
        match self.task {
            Task::Answer(mut answer) => {
                let event = answer.unfinished(tokens);
                answer.push(event);
            }
            Task::Embed(_) => self.fail(EngineError::Stopped),
        }
    }

    /// Ends the sequence because nobody wants it any more.
    pub(super) fn cancel(self) {
        match self.task {
            Task::Answer(mut answer) => {
                let event = answer.done(FinishReason::Cancelled);
                answer.push(event);
            }
            Task::Embed(_) => self.fail(EngineError::Cancelled),
        }
    }
}

impl Embed {
    /// Adds rows of hidden states, in order; the first is that of position `start`. A text that
    /// lost its place is read from its beginning again, so nothing of before may count.
    pub(super) fn add(&mut self, start: usize, rows: &[f32]) {
        let width = self.sum.len();
        if start == 0 {
            self.sum.fill(0.0);
        }
        let rows = match self.pooling {
            Pooling::Mean => rows,
            Pooling::FirstToken if start == 0 => &rows[..width.min(rows.len())],
            Pooling::FirstToken => &[],
            Pooling::LastToken => &rows[rows.len().saturating_sub(width)..],
        };
        for row in rows.chunks_exact(width) {
            for (sum, value) in self.sum.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
    }
}
