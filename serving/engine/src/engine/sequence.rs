//! One sequence in the batch: an answer being written, or a text being embedded.

use super::request::{FinishReason, GenerateEvent, TokenLogprob, TokenSink, TopToken, Usage};
use super::validate::Plan;
use crate::error::EngineError;
use crate::model::cache::KvCache;
use crate::model::lora::Adapter;
use crate::sample::{self, Allowed, History, Sampling};
use crate::stop::StopMatcher;
use crate::tokenizer::{Detokenizer, TextTokenizer};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// State of one sequence.
pub(super) struct Sequence {
    pub(super) id: u64,
    /// Prompt, then the answer so far.
    pub(super) tokens: Vec<u32>,
    pub(super) cache: KvCache,
    pub(super) adapter: Option<Arc<Adapter>>,
    pub(super) task: Task,
}

/// What a sequence is for.
pub(super) enum Task {
    Answer(Box<Answer>),
    Embed(Embed),
}

/// A text whose hidden states are averaged.
pub(super) struct Embed {
    /// Sum over the tokens computed so far.
    pub(super) sum: Vec<f64>,
    pub(super) index: usize,
    pub(super) reply: Sender<(usize, Result<Vec<f32>, EngineError>)>,
}

/// An answer being written.
pub(super) struct Answer {
    prompt_tokens: usize,
    written: usize,
    max_tokens: usize,
    sampling: Sampling,
    seed: u64,
    history: History,
    detokenizer: Detokenizer,
    stop: StopMatcher,
    logprobs: Option<usize>,
    ignore_eos: bool,
    sink: Box<dyn TokenSink>,
}

/// What happens to a sequence after a token.
pub(super) enum Next {
    /// The token joins the sequence and the next step computes it.
    Continue(u32),
    /// The sequence leaves the batch; then its last event goes out.
    Ended(GenerateEvent),
}

impl Sequence {
    pub(super) fn generate(id: u64, plan: Plan, sink: Box<dyn TokenSink>, layers: usize) -> Self {
        let answer = Answer {
            prompt_tokens: plan.tokens.len(),
            written: 0,
            max_tokens: plan.max_tokens,
            sampling: plan.sampling,
            seed: plan.seed,
            history: History::new(&plan.tokens),
            detokenizer: Detokenizer::default(),
            stop: StopMatcher::new(&plan.stop),
            logprobs: plan.logprobs,
            ignore_eos: plan.ignore_eos,
            sink,
        };
        Self {
            id,
            tokens: plan.tokens,
            cache: KvCache::new(layers),
            adapter: plan.adapter,
            task: Task::Answer(Box::new(answer)),
        }
    }

    /// Hands out the last event of an answer.
    pub(super) fn close(self, event: GenerateEvent) {
        if let Task::Answer(mut answer) = self.task {
            answer.push(event);
        }
    }

    /// Answers the vector of a text whose tokens are all computed.
    pub(super) fn answer_embedding(self) {
        if let Task::Embed(embed) = self.task {
            // The caller may have given up waiting.
            let _ = embed.reply.send((embed.index, embed.vector()));
        }
    }

    /// Ends the sequence with an error.
    pub(super) fn fail(self, error: EngineError) {
        match self.task {
            Task::Answer(mut answer) => {
                let usage = answer.usage();
                answer.push(GenerateEvent::Failed { error, usage });
            }
            // The caller may have given up waiting.
            Task::Embed(embed) => drop(embed.reply.send((embed.index, Err(error)))),
        }
    }

    /// Ends the sequence because nobody wants it any more.
    pub(super) fn cancel(self) {
        match self.task {
            Task::Answer(mut answer) => {
                let event = answer.done(FinishReason::Cancelled);
                answer.push(event);
            }
            Task::Embed(embed) => {
                drop(embed.reply.send((embed.index, Err(EngineError::Cancelled))));
            }
        }
    }
}

impl Embed {
    /// Adds rows of hidden states.
    pub(super) fn add(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.sum.len()) {
            for (sum, value) in self.sum.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
    }

    /// The mean at length 1 (the count of tokens cancels out).
    fn vector(&self) -> Result<Vec<f32>, EngineError> {
        let length = self.sum.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length.is_finite() && length > 0.0 {
            Ok(self.sum.iter().map(|v| (v / length) as f32).collect())
        } else {
            Err(EngineError::NumericFault)
        }
    }
}

impl Answer {
    /// Chooses the next token from `logits`, shows it, and says how to go on.
    pub(super) fn advance(
        &mut self,
        logits: &mut [f32],
        tokenizer: &TextTokenizer,
        room: bool,
    ) -> Next {
        let plain = self.logprobs.map(|_| logits.to_vec());
        let point = sample::uniform(self.seed, self.written as u64);
        let token = match sample::choose(
            logits,
            &self.history,
            &self.sampling,
            Allowed::default(),
            point,
        ) {
            Ok(token) => token,
            Err(error) => {
                return Next::Ended(GenerateEvent::Failed {
                    error,
                    usage: self.usage(),
                });
            }
        };
        if tokenizer.is_end(token) && !self.ignore_eos {
            let text = self.rest();
            if !text.is_empty() {
                self.push(GenerateEvent::Token {
                    text,
                    token,
                    logprob: None,
                });
            }
            return Next::Ended(self.done(FinishReason::Stop));
        }
        self.history.push(token);
        self.written += 1;
        let logprob = plain.map(|logits| self.logprob(&logits, token, tokenizer));
        let shown = self.detokenizer.push(tokenizer.token_bytes(token));
        let step = self.stop.push(&shown);
        let full = self.written >= self.max_tokens || !room;
        let mut text = step.text;
        if full && !step.stopped {
            text.push_str(&self.rest());
        }
        let heard = self.push(GenerateEvent::Token {
            text,
            token,
            logprob,
        });
        let finish = if step.stopped {
            FinishReason::Stop
        } else if full {
            FinishReason::Length
        } else if heard {
            return Next::Continue(token);
        } else {
            FinishReason::Cancelled
        };
        Next::Ended(self.done(finish))
    }

    /// Text held back until now; a stop string in it still cuts it.
    fn rest(&mut self) -> String {
        let tail = self.detokenizer.finish();
        let step = self.stop.push(&tail);
        if step.stopped {
            step.text
        } else {
            step.text + &self.stop.finish()
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
            cached_tokens: 0,
        }
    }

    fn done(&self, finish: FinishReason) -> GenerateEvent {
        GenerateEvent::Done {
            finish,
            usage: self.usage(),
        }
    }

    /// Hands an event to the sink; `false` when nobody listens. A sink that panics must not
    /// take the engine with it.
    fn push(&mut self, event: GenerateEvent) -> bool {
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
