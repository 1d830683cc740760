//! The engine: one thread owns model and batch; handles talk to it.

mod embed;
mod encode;
mod encode_queue;
mod facade;
pub(crate) mod request;
mod sequence;
pub(crate) mod similar;
mod validate;
mod worker;

pub use facade::Engine;

use crate::chat::{Chat, ChatMessage, ChatTemplate};
use crate::error::EngineError;
use crate::load::{self, ModelInfo};
use crate::model::adapter_file;
use crate::model::decoder::Decoder;
use crate::model::lora::Adapter;
use crate::tokenizer::TextTokenizer;
use request::{EmbedRequest, Embeddings, EngineStats, GenerateRequest, RequestId, TokenSink};
use sequence::Sequence;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How to load a model.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// A GGUF file, or a directory in Hugging Face's layout.
    pub model: PathBuf,
    /// Sequences that run together in one step.
    pub max_batch: usize,
    /// Requests that may wait beyond those; more are refused as overloaded.
    pub max_waiting: usize,
    /// Longest sequence in tokens; `None` takes the model's own limit.
    pub max_context: Option<usize>,
    /// Threads for arithmetic; `None` takes all cores.
    pub threads: Option<usize>,
    /// Encoders only: keep matrices and the rows that they multiply in f32. Otherwise both
    /// are rounded to bf16 where the machine is twice as fast with it (AVX-512 BF16); the
    /// vectors then point the same way to within a cosine of 0.9999.
    pub exact: bool,
    /// Memory for keys and values, in bytes: what the scheduler granted beyond the weights.
    /// Never read from the machine.
    pub kv_bytes: u64,
    /// Part of `kv_bytes` that pinned prompts may hold; at most half of it counts.
    pub pin_bytes: u64,
    /// Target for the time between two tokens of an answer while prompts are taken in, in
    /// milliseconds: bounds the prompt tokens of a step.
    pub inter_token_ms: u32,
    /// Requests of one tenant that may wait; more are refused as overloaded.
    pub max_waiting_tenant: usize,
}

impl LoadOptions {
    /// Eight sequences together, 64 waiting (one tenant may use all places), the model's own
    /// context, all cores, 256 MiB for keys and values, a quarter of it for pins, 60 ms.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            max_batch: 8,
            max_waiting: 64,
            max_context: None,
            threads: None,
            exact: false,
            kv_bytes: 256 << 20,
            pin_bytes: 64 << 20,
            inter_token_ms: 60,
            max_waiting_tenant: 64,
        }
    }

    fn validate(&self) -> Result<(), EngineError> {
        if self.max_batch == 0 || self.max_context == Some(0) || self.threads == Some(0) {
            return Err(EngineError::invalid(
                "options",
                "max_batch、max_context、threads 都应大于 0",
            ));
        }
        Ok(())
    }
}

/// The engine of a decoder. Cheap to clone; when the last clone is dropped, running requests
/// finish and the thread ends.
#[derive(Clone)]
struct DecoderEngine {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
}

/// What handles and the thread both see.
struct Shared {
    info: ModelInfo,
    decoder: Decoder,
    tokenizer: TextTokenizer,
    template: ChatTemplate,
    adapters: Mutex<BTreeMap<String, Arc<Adapter>>>,
    most_in_flight: usize,
    max_batch: usize,
    load: Load,
    closed: AtomicBool,
    abort: AtomicBool,
}

/// Counters behind [`EngineStats`].
#[derive(Default)]
struct Load {
    in_flight: AtomicUsize,
    running: AtomicUsize,
    kv_tokens: AtomicUsize,
    tokens_in: AtomicU64,
    tokens_out: AtomicU64,
    finished: AtomicU64,
}

/// The way to the thread; only handles own it, so that it closes with the last of them.
struct Gate {
    commands: Sender<Command>,
    next_id: AtomicU64,
    ended: Mutex<Receiver<()>>,
}

/// What handles ask of the thread.
enum Command {
    Submit(Box<Sequence>),
    Cancel(RequestId),
    Wake,
}

impl DecoderEngine {
    /// Loads a model; blocks while weights are read.
    fn load(options: LoadOptions) -> Result<Self, EngineError> {
        let LoadOptions {
            model,
            max_batch,
            max_waiting,
            max_context,
            threads,
            ..
        } = options;
        let source = load::open(&model)?;
        let mut info = source.info;
        if let Some(limit) = max_context {
            info.context_length = info.context_length.min(limit);
        }
        let pool = crate::threads::pool(threads)?;
        let decoder = Decoder::load(source.spec, source.weights.as_ref())?;
        tracing::info!(
            model = %info.name, architecture = %info.architecture, quantisation = %info.quantisation,
            weight_bytes = decoder.weights.bytes(), "model loaded"
        );
        let shared = Arc::new(Shared {
            info,
            decoder,
            tokenizer: source.tokenizer,
            template: source.template,
            adapters: Mutex::default(),
            most_in_flight: max_batch.saturating_add(max_waiting),
            max_batch,
            load: Load::default(),
            closed: AtomicBool::new(false),
            abort: AtomicBool::new(false),
        });
        let (commands, inbox) = channel();
        let (end, ended) = channel();
        let mut worker = worker::Worker::new(Arc::clone(&shared), inbox, pool);
        std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                worker.run();
                // Receivers see the closed channel; nobody may be listening.
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

    /// What is known about the model.
    fn info(&self) -> &ModelInfo {
        &self.shared.info
    }

    /// The prompt text of a chat, ending with the opening of the assistant's turn. Control
    /// tokens written inside messages are neutralised.
    fn render_chat(&self, messages: &[ChatMessage]) -> Result<String, EngineError> {
        self.shared
            .template
            .render(messages, self.shared.tokenizer.control_texts(), true)
    }

    /// The prompt text of a chat with its tools and its wishes.
    fn prompt_of(&self, chat: &Chat) -> Result<String, EngineError> {
        self.shared
            .template
            .prompt(chat, self.shared.tokenizer.control_texts())
    }

    /// Token ids of `text`; control tokens written in it count as control tokens.
    fn tokenize(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.shared.tokenizer.encode(text)
    }

    /// Loads (or replaces) an adapter in PEFT's layout; refuses one of another base shape.
    /// Requests that run keep the adapter they began with.
    fn load_adapter(&self, name: &str, dir: &Path) -> Result<(), EngineError> {
        if name.is_empty() {
            return Err(EngineError::invalid("adapter", "名称不能为空"));
        }
        let adapter = adapter_file::load(dir, &self.shared.decoder.spec)?;
        lock(&self.shared.adapters).insert(name.to_owned(), Arc::new(adapter));
        Ok(())
    }

    /// Forgets an adapter; `false` when there was none of that name.
    fn unload_adapter(&self, name: &str) -> bool {
        lock(&self.shared.adapters).remove(name).is_some()
    }

    /// Names of the loaded adapters.
    fn adapters(&self) -> Vec<String> {
        lock(&self.shared.adapters).keys().cloned().collect()
    }

    /// Queues a request. It is checked completely before: an error means that nothing was
    /// queued and the sink will never be called.
    fn generate(
        &self,
        request: GenerateRequest,
        sink: Box<dyn TokenSink>,
    ) -> Result<RequestId, EngineError> {
        let plan = validate::check(&self.shared, request)?;
        self.shared.enter()?;
        let id = self.next_id();
        self.submit(Sequence::generate(
            id.0,
            plan,
            sink,
            self.shared.decoder.spec.layers,
        ))?;
        Ok(id)
    }

    /// Ends a request before its next step; unknown ids are ignored.
    fn cancel(&self, id: RequestId) {
        // A closed channel means that the thread has ended and the request with it.
        let _ = self.gate.commands.send(Command::Cancel(id));
    }

    /// Embedding vectors of texts; blocks until all are computed. The texts share the batch
    /// with running answers.
    fn embed(&self, request: &EmbedRequest) -> Result<Embeddings, EngineError> {
        embed::embed(self, request)
    }

    /// A look at the load.
    fn stats(&self) -> EngineStats {
        let load = &self.shared.load;
        let running = load.running.load(Ordering::Relaxed);
        EngineStats {
            running,
            waiting: load
                .in_flight
                .load(Ordering::Relaxed)
                .saturating_sub(running),
            kv_tokens: load.kv_tokens.load(Ordering::Relaxed),
            tokens_in: load.tokens_in.load(Ordering::Relaxed),
            tokens_out: load.tokens_out.load(Ordering::Relaxed),
            finished: load.finished.load(Ordering::Relaxed),
            ..EngineStats::default()
        }
    }

    /// Refuses new requests, lets running ones finish for at most `drain`, cancels the
    /// rest, and returns when the thread has ended.
    fn shutdown(&self, drain: Duration) {
        self.shared.closed.store(true, Ordering::SeqCst);
        let _ = self.gate.commands.send(Command::Wake);
        let ended = lock(&self.gate.ended);
        if ended.recv_timeout(drain) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            self.shared.abort.store(true, Ordering::SeqCst);
            let _ = self.gate.commands.send(Command::Wake);
            let _ = ended.recv();
        }
    }

    fn next_id(&self) -> RequestId {
        RequestId(self.gate.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Hands a sequence over whose place is already taken by [`Shared::enter`].
    fn submit(&self, sequence: Sequence) -> Result<(), EngineError> {
        self.gate
            .commands
            .send(Command::Submit(Box::new(sequence)))
            .map_err(|_| {
                self.shared.leave();
                EngineError::Stopped
            })
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
            .map_err(|n| EngineError::Overloaded {
                waiting: n.saturating_sub(self.max_batch),
                limit: limit - self.max_batch,
                retry_ms: 1000,
            })
    }

    fn leave(&self) {
        self.load.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.load.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// A poisoned lock still guards consistent data here: no guarded section can panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
