//! One step of the loop: plan, compute, hand out.

use super::answer::Advance;
use super::lock;
use super::sequence::{Sequence, Task};
use super::tally;
use super::worker::Worker;
use crate::error::EngineError;
use crate::runner::{FlatBatch, Span, StepOutput, Wants};
use crate::schedule::{StepPlan, Work};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// A step's results, handed out span by span.
struct Rows {
    output: StepOutput,
    logits: usize,
    hidden: usize,
}

impl Worker {
    /// Runs one step. A failure of the model ends the step's requests, and no others.
    pub(super) fn step(&mut self) {
        let begin = Instant::now();
        self.prepare();
        let plan = self.scheduler.plan(self.shared.now_us());
        for expired in &plan.expired {
            self.expire(expired);
        }
        if plan.work.is_empty() {
            return;
        }
        let sequences = &self.sequences;
        let batch = self.scheduler.flat_batch(&plan, |work| {
            sequences
                .get(&work.id)
                .map_or((None, Wants::Nothing), |sequence| {
                    (sequence.adapter.clone(), sequence.wants(work))
                })
        });
        let (runner, pool) = (&mut self.runner, &self.pool);
        let outcome = catch_unwind(AssertUnwindSafe(|| pool.install(|| runner.run(&batch))));
        let sound = match outcome {
            Ok(Ok(output)) => {
                self.deliver(&plan, &batch, output);
                true
            }
            Ok(Err(error)) => self.fail(&plan, &error),
            Err(panic) => self.fail(&plan, &internal(panic.as_ref())),
        };
        let took_us = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        tally::step(&mut self.stats, took_us);
        if sound {
            self.scheduler.observe(plan.load, took_us);
        }
        lock(&self.shared.door).observe(self.scheduler.cost());
        self.publish();
    }

    /// Ends the requests of a step; says that the step is not sound.
    fn fail(&mut self, plan: &StepPlan, error: &EngineError) -> bool {
        tracing::error!(%error, requests = plan.work.len(), "a step failed; its requests are ended");
        for work in &plan.work {
            self.end(work.id, |sequence| sequence.fail(error.clone()));
        }
        false
    }

    /// Hands out tokens and vectors.
    fn deliver(&mut self, plan: &StepPlan, batch: &FlatBatch, output: StepOutput) {
        let mut rows = Rows {
            output,
            logits: 0,
            hidden: 0,
        };
        let shape = self.runner.shape();
        for (work, span) in plan.work.iter().zip(&batch.spans) {
            let (logits, hidden) = rows.of(span, shape.vocab, shape.hidden);
            let Some(sequence) = self.sequences.get_mut(&work.id) else {
                continue;
            };
            match &mut sequence.task {
                Task::Embed(embed) => {
                    embed.add(work.start, hidden);
                    if work.completes {
                        self.end(work.id, Sequence::answer_embedding);
                    } else {
                        self.scheduler
                            .advance(work.id, work.rows, &[], self.shared.now_us());
                    }
                }
                Task::Answer(_) if !work.completes => {
                    self.scheduler
                        .advance(work.id, work.rows, &[], self.shared.now_us());
                }
                Task::Answer(answer) => {
                    let drafts = &batch.tokens[span.rows.end - work.drafts..span.rows.end];
                    if let Some(entry) = self.scheduler.get(work.id) {
                        answer.cached_tokens = entry.cached();
                    }
                    let tokenizer = &self.shared.tokenizer;
                    let advance = catch_unwind(AssertUnwindSafe(|| {
                        answer.advance(logits, drafts, tokenizer)
                    }));
                    match advance {
                        Ok(advance) => self.settle(work, advance),
                        Err(panic) => {
                            let error = internal(panic.as_ref());
                            self.end(work.id, |sequence| sequence.fail(error));
                        }
                    }
                }
            }
            self.show_progress(work.id);
        }
    }

    fn settle(&mut self, work: &Work, advance: Advance) {
        let Advance {
            chosen,
            accepted,
            shown,
            end,
        } = advance;
        self.scheduler.count_drafts(work.drafts, accepted);
        self.stats.tokens_out += shown as u64;
        if let Some(event) = end {
            self.end(work.id, |sequence| sequence.close(event));
        } else {
            let computed = work.rows + accepted;
            self.scheduler
                .advance(work.id, computed, &chosen, self.shared.now_us());
        }
    }

    /// Tells the door what is left of a request.
    fn show_progress(&self, id: u64) {
        if let (Some(sequence), Some(entry)) = (self.sequences.get(&id), self.scheduler.get(id)) {
            let answer_left = match &sequence.task {
                Task::Answer(answer) => answer.left(),
                Task::Embed(_) => 0,
            };
            lock(&self.shared.door).progress(id, entry.prompt_left(), answer_left);
        }
    }
}

impl Rows {
    /// The logits and the hidden states of the next span; empty where the runner owes them,
    /// which ends its request with an error.
    fn of(&mut self, span: &Span, vocab: usize, hidden: usize) -> (&mut [f32], &[f32]) {
        let (logits, states) = match &span.wants {
            Wants::Nothing => (0, 0),
            Wants::Logits { rows, .. } => (rows * vocab, 0),
            Wants::Hidden => (0, span.rows.len() * hidden),
        };
        let (from_logits, from_hidden) = (self.logits, self.hidden);
        self.logits += logits;
        self.hidden += states;
        let StepOutput { logits, hidden } = &mut self.output;
        (
            logits.get_mut(from_logits..self.logits).unwrap_or_default(),
            hidden.get(from_hidden..self.hidden).unwrap_or_default(),
        )
    }
}

/// A panic as an error.
pub(super) fn internal(panic: &(dyn Any + Send)) -> EngineError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let detail = text.or_else(|| panic.downcast_ref::<&str>().copied());
    EngineError::Internal {
        detail: detail.unwrap_or("panic").to_owned(),
    }
}
