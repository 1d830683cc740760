//! The loop of the engine's thread: take commands, plan a step, run it, hand out tokens.

use super::sequence::{Next, Sequence, Task};
use super::{Command, Shared};
use crate::batch::{Batch, BatchLimits, Work};
use crate::error::EngineError;
use crate::model::cache::KvCache;
use crate::model::decoder::Segment;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};

/// Owner of the batch and of all sequences.
pub(super) struct Worker {
    shared: Arc<Shared>,
    inbox: Receiver<Command>,
    pool: rayon::ThreadPool,
    batch: Batch,
    sequences: BTreeMap<u64, Sequence>,
}

/// Results of the arithmetic of one step.
struct Computed {
    /// Final hidden states of all rows.
    hidden: Vec<f32>,
    /// Logits of sequences that can go on, in the order of the work.
    logits: Vec<f32>,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        inbox: Receiver<Command>,
        pool: rayon::ThreadPool,
    ) -> Self {
        let limits = BatchLimits {
            max_running: shared.max_batch,
            // Handles bound the number of requests before they send them.
            max_waiting: usize::MAX,
            ..BatchLimits::default()
        };
        Self {
            shared,
            inbox,
            pool,
            batch: Batch::new(limits),
            sequences: BTreeMap::new(),
        }
    }

    /// Runs until the engine is shut down or the last handle is gone.
    pub(super) fn run(&mut self) {
        loop {
            let connected = self.take_commands();
            if self.sequences.is_empty() {
                if connected && !self.closed() {
                    continue;
                }
                self.refuse_queued();
                return;
            }
            if self.shared.abort.load(Ordering::SeqCst) {
                for id in self.batch.ids() {
                    self.end(id, Sequence::cancel);
                }
                continue;
            }
            self.step();
        }
    }

    fn closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Takes all commands that are there; waits for one only when there is nothing to do.
    /// `false` when no handle is left.
    fn take_commands(&mut self) -> bool {
        if self.sequences.is_empty() && !self.closed() {
            match self.inbox.recv() {
                Ok(command) => self.take(command),
                Err(_) => return false,
            }
        }
        loop {
            match self.inbox.try_recv() {
                Ok(command) => self.take(command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Submit(sequence) => {
                let tokens = sequence.tokens.len();
                let (id, waiting) = (sequence.id, self.batch.waiting());
                self.shared
                    .load
                    .tokens_in
                    .fetch_add(tokens as u64, Ordering::Relaxed);
                self.sequences.insert(id, *sequence);
                if !self.batch.submit(id, tokens) {
                    let error = EngineError::Overloaded {
                        waiting,
                        limit: waiting,
                        retry_ms: 1000,
                    };
                    self.end(id, |sequence| sequence.fail(error));
                }
            }
            Command::Cancel(id) => self.end(id.0, Sequence::cancel),
            Command::Wake => {}
        }
        self.publish();
    }

    /// Requests that were on their way when the engine closed.
    fn refuse_queued(&mut self) {
        while let Ok(command) = self.inbox.try_recv() {
            if let Command::Submit(sequence) = command {
                sequence.fail(EngineError::Stopped);
                self.shared.leave();
            }
        }
    }

    fn end(&mut self, id: u64, how: impl FnOnce(Sequence)) {
        self.batch.remove(id);
        if let Some(sequence) = self.sequences.remove(&id) {
            // The place is free before the caller hears of the end.
            self.shared.leave();
            self.publish();
            how(sequence);
        }
    }

    fn publish(&self) {
        self.shared
            .load
            .running
            .store(self.batch.running(), Ordering::Relaxed);
        let held = self.sequences.values().map(|s| s.cache.tokens()).sum();
        self.shared.load.kv_tokens.store(held, Ordering::Relaxed);
    }

    fn step(&mut self) {
        let work = self.batch.plan();
        let mut parts = Vec::with_capacity(work.len());
        for item in &work {
            if let Some(sequence) = self.sequences.get_mut(&item.id) {
                let cache = std::mem::take(&mut sequence.cache);
                let from = cache.tokens();
                let tokens = sequence.tokens[from..from + item.tokens].to_vec();
                parts.push((tokens, cache, sequence.adapter.clone()));
            }
        }
        let shared = Arc::clone(&self.shared);
        let samples: Vec<bool> = work
            .iter()
            .map(|w| w.completes && self.answers(w.id))
            .collect();
        let pool = &self.pool;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.install(|| compute(&shared, &mut parts, &samples))
        }));
        let error = match outcome {
            Ok(Ok(computed)) => {
                let caches = parts.into_iter().map(|(_, cache, _)| cache).collect();
                self.deliver(&work, caches, computed);
                return;
            }
            Ok(Err(error)) => error,
            Err(panic) => {
                let detail = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("panic")
                    .to_owned();
                EngineError::Internal { detail }
            }
        };
        tracing::error!(%error, requests = work.len(), "a step failed; its requests are ended");
        for item in &work {
            self.end(item.id, |sequence| sequence.fail(error.clone()));
        }
    }

    fn answers(&self, id: u64) -> bool {
        self.sequences
            .get(&id)
            .is_some_and(|s| matches!(s.task, Task::Answer(_)))
    }

    /// Gives caches back, then hands out tokens and vectors.
    fn deliver(&mut self, work: &[Work], caches: Vec<KvCache>, mut computed: Computed) {
        let (hidden, vocab) = (
            self.shared.decoder.spec.hidden,
            self.shared.decoder.spec.vocab,
        );
        for (item, cache) in work.iter().zip(caches) {
            if let Some(sequence) = self.sequences.get_mut(&item.id) {
                sequence.cache = cache;
            }
        }
        let mut logits = computed.logits.chunks_exact_mut(vocab);
        let mut row = 0;
        for item in work {
            let rows = &computed.hidden[row * hidden..(row + item.tokens) * hidden];
            row += item.tokens;
            let Some(sequence) = self.sequences.get_mut(&item.id) else {
                continue;
            };
            let next = match &mut sequence.task {
                Task::Embed(embed) => {
                    embed.add(rows);
                    if item.completes {
                        self.end(item.id, Sequence::answer_embedding);
                    }
                    continue;
                }
                Task::Answer(_) if !item.completes => continue,
                Task::Answer(answer) => {
                    let Some(logits) = logits.next() else {
                        continue;
                    };
                    let room = sequence.tokens.len() + 1 < self.shared.info.context_length;
                    answer.advance(logits, &self.shared.tokenizer, room)
                }
            };
            self.settle(item, next);
        }
        self.publish();
    }

    fn settle(&mut self, item: &Work, next: Next) {
        self.shared.load.tokens_out.fetch_add(1, Ordering::Relaxed);
        match next {
            Next::Continue(token) => {
                if let Some(sequence) = self.sequences.get_mut(&item.id) {
                    sequence.tokens.push(token);
                }
                self.batch.extend(item.id);
            }
            Next::Ended(event) => self.end(item.id, |sequence| sequence.close(event)),
        }
    }
}

type Part = (Vec<u32>, KvCache, Option<Arc<crate::model::lora::Adapter>>);

fn compute(shared: &Shared, parts: &mut [Part], samples: &[bool]) -> Result<Computed, EngineError> {
    let width = shared.decoder.spec.hidden;
    let mut segments: Vec<Segment<'_>> = parts
        .iter_mut()
        .map(|(tokens, cache, adapter)| Segment {
            tokens,
            cache,
            adapter: adapter.as_deref(),
        })
        .collect();
    let hidden = shared.decoder.forward(&mut segments)?;
    let mut last = Vec::new();
    let mut end = 0;
    for (segment, sample) in segments.iter().zip(samples) {
        end += segment.tokens.len();
        if *sample {
            last.extend_from_slice(&hidden[(end - 1) * width..end * width]);
        }
    }
    let logits = if last.is_empty() {
        Vec::new()
    } else {
        shared.decoder.logits(&last)
    };
    Ok(Computed { hidden, logits })
}
