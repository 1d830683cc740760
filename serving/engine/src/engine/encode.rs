//! The engine of an encoder: one thread batches the texts of all requests.

use super::encode_queue::Queue;
use super::lock;
use super::request::EngineStats;
use crate::error::EngineError;
use crate::load::ModelInfo;
use crate::load::encoder::EncoderSource;
use crate::model::encoder::Encoder;
use crate::tokenizer::encoder::{EncoderTokenizer, Tokens};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Tokens that run together: enough rows for the matrix kernels, few enough that the rows of
/// a layer stay in the second-level caches and that a newcomer waits for little.
const BATCH_TOKENS: usize = 512;

/// How often a waiting caller is asked whether it still waits.
const LOOK_AROUND: Duration = Duration::from_millis(20);

/// One result for each text of a request.
type Results = Result<Vec<Vec<f32>>, EngineError>;

/// A loaded encoder that answers requests; cheap to clone.
#[derive(Clone)]
pub(super) struct EncoderEngine {
    pub(super) shared: Arc<Shared>,
    gate: Arc<Gate>,
}

/// What handles and the thread both see.
pub(super) struct Shared {
    pub(super) info: ModelInfo,
    pub(super) encoder: Encoder,
    pub(super) tokenizer: EncoderTokenizer,
    most_in_flight: usize,
    load: Load,
    closed: AtomicBool,
    abort: AtomicBool,
}

#[derive(Default)]
struct Load {
    in_flight: AtomicUsize,
    running: AtomicUsize,
    tokens_in: AtomicU64,
    finished: AtomicU64,
}

/// The way to the thread; only handles own it, so that it closes with the last of them.
struct Gate {
    commands: Sender<Command>,
    next_id: AtomicU64,
    ended: Mutex<Receiver<()>>,
}

enum Command {
    Submit(Box<Request>),
    Cancel(u64),
    Wake,
}

/// A request's texts, and the results so far.
struct Request {
    id: u64,
    tenant: String,
    band: u32,
    texts: Vec<Tokens>,
    results: Vec<Vec<f32>>,
    open: usize,
    reply: Sender<Results>,
}

impl EncoderEngine {
    /// Reads the weights and starts the thread.
    pub(super) fn start(
        source: EncoderSource,
        max_context: Option<usize>,
        most_in_flight: usize,
        exact: bool,
        pool: crate::threads::Pool,
    ) -> Result<Self, EngineError> {
        let mut info = source.info;
        if let Some(limit) = max_context {
            info.context_length = info.context_length.min(limit);
        }
        let encoder = Encoder::load(source.spec, source.weights.as_ref(), exact)?;
        tracing::info!(
            model = %info.name, architecture = %info.architecture, quantisation = %info.quantisation,
            weight_bytes = encoder.bytes(), "model loaded"
        );
        let shared = Arc::new(Shared {
            info,
            encoder,
            tokenizer: source.tokenizer,
            most_in_flight,
            load: Load::default(),
            closed: AtomicBool::new(false),
            abort: AtomicBool::new(false),
        });
        let (commands, inbox) = channel();
        let (end, ended) = channel();
        let mut thread = Thread {
            shared: Arc::clone(&shared),
            inbox,
            pool,
            queue: Queue::default(),
            requests: BTreeMap::new(),
        };
        std::thread::Builder::new()
            .name("encoder".to_owned())
            .spawn(move || {
                thread.run();
                drop(end);
            })
            .map_err(|e| EngineError::Internal {
                detail: e.to_string(),
            })?;
        let gate = Gate {
            commands,
            next_id: AtomicU64::new(1),
            ended: Mutex::new(ended),
        };
        Ok(Self {
            shared,
            gate: Arc::new(gate),
        })
    }

    /// Computes texts; blocks until all are there, or until they are no longer `wanted`.
    pub(super) fn compute(
        &self,
        tenant: &str,
        band: u32,
        texts: Vec<Tokens>,
        wanted: &dyn Fn() -> bool,
    ) -> Results {
        let (id, results) = self.submit(tenant, band, texts)?;
        loop {
            match results.recv_timeout(LOOK_AROUND) {
                Ok(results) => return results,
                Err(RecvTimeoutError::Disconnected) => return Err(EngineError::Stopped),
                Err(RecvTimeoutError::Timeout) if wanted() => {}
                // The thread answers a cancelled request too, unless it has ended.
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.gate.commands.send(Command::Cancel(id));
                    return results.recv().unwrap_or(Err(EngineError::Stopped));
                }
            }
        }
    }

    /// Queues texts; an error means that nothing was queued.
    fn submit(
        &self,
        tenant: &str,
        band: u32,
        texts: Vec<Tokens>,
    ) -> Result<(u64, Receiver<Results>), EngineError> {
        let limit = self.shared.info.context_length;
        if let Some(long) = texts.iter().find(|t| t.ids.len() > limit) {
            return Err(EngineError::ContextExceeded {
                prompt_tokens: long.ids.len(),
                limit,
            });
        }
        self.shared.enter()?;
        let id = self.gate.next_id.fetch_add(1, Ordering::Relaxed);
        let (reply, results) = channel();
        let request = Request {
            id,
            tenant: tenant.to_owned(),
            band,
            results: vec![Vec::new(); texts.len()],
            open: texts.len(),
            texts,
            reply,
        };
        if self
            .gate
            .commands
            .send(Command::Submit(Box::new(request)))
            .is_err()
        {
            self.shared.leave();
            return Err(EngineError::Stopped);
        }
        Ok((id, results))
    }

    /// A look at the load. Texts, not tokens of answers, are what runs.
    pub(super) fn stats(&self) -> EngineStats {
        let load = &self.shared.load;
        let running = load.running.load(Ordering::Relaxed);
        EngineStats {
            running,
            waiting: load
                .in_flight
                .load(Ordering::Relaxed)
                .saturating_sub(running),
            tokens_in: load.tokens_in.load(Ordering::Relaxed),
            finished: load.finished.load(Ordering::Relaxed),
            ..EngineStats::default()
        }
    }

    /// Refuses new requests, lets running ones finish for at most `drain`, cancels the rest,
    /// and returns when the thread has ended.
    pub(super) fn shutdown(&self, drain: Duration) {
        self.shared.closed.store(true, Ordering::SeqCst);
        let _ = self.gate.commands.send(Command::Wake);
        let ended = lock(&self.gate.ended);
        if ended.recv_timeout(drain) == Err(RecvTimeoutError::Timeout) {
            self.shared.abort.store(true, Ordering::SeqCst);
            let _ = self.gate.commands.send(Command::Wake);
            let _ = ended.recv();
        }
    }
}

impl Shared {
    /// Takes one of the bounded places.
    fn enter(&self) -> Result<(), EngineError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(EngineError::Stopped);
        }
        let limit = self.most_in_flight;
        self.load
            .in_flight
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| {
                (n < limit).then_some(n + 1)
            })
            .map(|_| ())
            .map_err(|waiting| EngineError::Overloaded {
                waiting,
                limit,
                retry_ms: 1_000,
            })
    }

    fn leave(&self) {
        self.load.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.load.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// Owner of the queue and of all requests.
struct Thread {
    shared: Arc<Shared>,
    inbox: Receiver<Command>,
    pool: crate::threads::Pool,
    queue: Queue,
    requests: BTreeMap<u64, Request>,
}

impl Thread {
    /// Runs until the engine is shut down or the last handle is gone.
    fn run(&mut self) {
        loop {
            let connected = self.take_commands();
            if self.shared.abort.load(Ordering::SeqCst) {
                let open: Vec<u64> = self.requests.keys().copied().collect();
                for id in open {
                    self.end(id, Err(EngineError::Cancelled));
                }
            }
            if !self.requests.is_empty() {
                self.step();
            } else if !connected || self.shared.closed.load(Ordering::SeqCst) {
                self.refuse_queued();
                return;
            }
        }
    }

    /// Takes all commands that are there; waits for one only when there is nothing to do.
    /// `false` when no handle is left.
    fn take_commands(&mut self) -> bool {
        if self.requests.is_empty() && !self.shared.closed.load(Ordering::SeqCst) {
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
            Command::Submit(request) => {
                let lengths: Vec<usize> = request.texts.iter().map(|t| t.ids.len()).collect();
                let tokens: usize = lengths.iter().sum();
                self.shared
                    .load
                    .tokens_in
                    .fetch_add(tokens as u64, Ordering::Relaxed);
                let (id, empty) = (request.id, lengths.is_empty());
                self.queue.push(request.band, &request.tenant, id, &lengths);
                self.requests.insert(id, *request);
                if empty {
                    self.end(id, Ok(Vec::new()));
                }
            }
            Command::Cancel(id) => self.end(id, Err(EngineError::Cancelled)),
            Command::Wake => {}
        }
    }

    /// Requests that were on their way when the engine closed.
    fn refuse_queued(&mut self) {
        while let Ok(command) = self.inbox.try_recv() {
            if let Command::Submit(request) = command {
                self.shared.leave();
                let _ = request.reply.send(Err(EngineError::Stopped));
            }
        }
    }

    /// Answers a request; nobody may be listening any more.
    fn end(&mut self, id: u64, results: Results) {
        if let Some(request) = self.requests.remove(&id) {
            self.queue.remove(id);
            // The place is free before the caller hears of the end.
            self.shared.leave();
            let _ = request.reply.send(results);
        }
    }

    /// Runs one batch and hands out what became complete.
    fn step(&mut self) {
        let batch = self.queue.take(BATCH_TOKENS);
        let texts: Vec<&Tokens> = batch
            .iter()
            .filter_map(|t| self.requests.get(&t.request)?.texts.get(t.index))
            .collect();
        self.shared
            .load
            .running
            .store(texts.len(), Ordering::Relaxed);
        let (pool, encoder) = (&self.pool, &self.shared.encoder);
        let outcome = catch_unwind(AssertUnwindSafe(|| pool.install(|| encoder.run(&texts))));
        self.shared.load.running.store(0, Ordering::Relaxed);
        let Ok(results) = outcome else {
            let error = EngineError::Internal {
                detail: "panic in a batch of texts".to_owned(),
            };
            tracing::error!(%error, texts = batch.len(), "a batch failed; its requests are ended");
            for text in batch {
                self.end(text.request, Err(error.clone()));
            }
            return;
        };
        for (text, result) in batch.into_iter().zip(results) {
            let Some(request) = self.requests.get_mut(&text.request) else {
                continue;
            };
            match result {
                Ok(vector) => {
                    request.results[text.index] = vector;
                    request.open -= 1;
                    if request.open == 0 {
                        let results = std::mem::take(&mut request.results);
                        self.end(text.request, Ok(results));
                    }
                }
                Err(error) => self.end(text.request, Err(error)),
            }
        }
    }
}
