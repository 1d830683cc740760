//! The engine of a decoder: a handle on the thread that owns model and batch.

use super::judge::Judge;
use super::request::{
    EmbedRequest, Embeddings, EngineStats, GenerateRequest, RequestId, TokenSink,
};
use super::sequence::{Arrival, Sequence, Task};
use super::shared::Shared;
use super::worker::Worker;
use super::{LoadOptions, answer, embed, lock, validate};
use crate::blocks::BlockPool;
use crate::chat::{Chat, ChatAbilities, ChatMessage};
use crate::error::EngineError;
use crate::load::{self, ModelInfo, ModelSource};
use crate::model::adapter_file;
use crate::model::decoder::Decoder;
use crate::model::runner::{DecoderRunner, block_bytes};
use crate::runner::ModelRunner;
use crate::schedule::{DoorLimits, Limits, Scheduler};
use crate::threads::Pool;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Most prompt tokens of one step.
const MAX_CHUNK: usize = 512;
/// A line that nobody serves for so long moves up by a band.
const AGE: Duration = Duration::from_secs(10);
/// With fewer blocks not even a short conversation fits.
const LEAST_BLOCKS: usize = 4;

/// Cheap to clone; when the last clone is dropped, running requests finish and the thread
/// ends.
#[derive(Clone)]
pub(super) struct DecoderEngine {
    pub(super) shared: Arc<Shared>,
    gate: Arc<Gate>,
}

/// The way to the thread; only handles own it, so that it closes with the last of them.
struct Gate {
    commands: Sender<Command>,
    ended: Mutex<Receiver<()>>,
}

/// What handles ask of the thread.
pub(super) enum Command {
    Submit(Box<Arrival>),
    Cancel(RequestId),
    Wake,
}

impl DecoderEngine {
    /// Loads a model; blocks while weights are read.
    pub(super) fn load(options: &LoadOptions) -> Result<Self, EngineError> {
        let mut source = load::open(&options.model)?;
        let pool = crate::threads::pool(options.threads)?;
        let decoder =
            pool.install(|| Decoder::load(source.spec.clone(), source.weights.as_ref()))?;
        let scheduler = scheduler(options, block_bytes(&decoder.spec))?;
        let blocks = scheduler.pool().total;
        let info = &mut source.info;
        let limit = options.max_context.unwrap_or(usize::MAX);
        info.context_length = info.context_length.min(limit).min(scheduler.capacity());
        tracing::info!(
            model = %info.name, architecture = %info.architecture, quantisation = %info.quantisation,
            weight_bytes = decoder.weights.bytes(), kv_blocks = blocks, context = info.context_length,
            "model loaded"
        );
        let runner = DecoderRunner::new(Arc::new(decoder), blocks)?;
        Self::start(source, options, pool, Box::new(runner), scheduler)
    }

    /// Starts the thread.
    pub(super) fn start(
        source: ModelSource,
        options: &LoadOptions,
        pool: Pool,
        runner: Box<dyn ModelRunner>,
        scheduler: Scheduler,
    ) -> Result<Self, EngineError> {
        let door = DoorLimits {
            running: options.max_batch,
            waiting: options.max_waiting,
            waiting_tenant: options.max_waiting_tenant,
        };
        let judge = Judge::load(&source)?;
        let shared = Arc::new(Shared::new(source, door, options.speculation, judge));
        // Meanwhile the first answers run; without the thread the first constraint waits.
        let grammars = shared.grammars.clone();
        let _ = std::thread::Builder::new()
            .name("grammars".to_owned())
            .spawn(move || grammars.warm());
        let (commands, inbox) = channel();
        let (end, ended) = channel();
        let mut worker = Worker::new(Arc::clone(&shared), inbox, pool, runner, scheduler);
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
        let ended = Mutex::new(ended);
        let gate = Arc::new(Gate { commands, ended });
        Ok(Self { shared, gate })
    }

    pub(super) fn info(&self) -> &ModelInfo {
        &self.shared.info
    }

    pub(super) fn render_chat(&self, messages: &[ChatMessage]) -> Result<String, EngineError> {
        self.shared
            .template
            .render(messages, self.shared.tokenizer.control_texts(), true)
    }

    pub(super) fn prompt_of(&self, chat: &Chat) -> Result<String, EngineError> {
        self.shared
            .template
            .prompt(chat, self.shared.tokenizer.control_texts())
    }

    pub(super) fn chat_abilities(&self) -> ChatAbilities {
        self.shared.template.abilities()
    }

    pub(super) fn tokenize(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.shared.tokenizer.encode(text)
    }

    pub(super) fn detokenize(&self, tokens: &[u32]) -> Result<String, EngineError> {
        validate::in_vocabulary(tokens, self.shared.spec.vocab)?;
        Ok(self.shared.tokenizer.decode(tokens))
    }

    pub(super) fn load_adapter(&self, name: &str, dir: &Path) -> Result<(), EngineError> {
        if name.is_empty() {
            return Err(EngineError::invalid("adapter", "名称不能为空"));
        }
        let adapter = adapter_file::load(dir, &self.shared.spec)?;
        lock(&self.shared.adapters).insert(name, adapter);
        Ok(())
    }

    pub(super) fn unload_adapter(&self, name: &str) -> bool {
        lock(&self.shared.adapters).by_name.remove(name).is_some()
    }

    pub(super) fn adapters(&self) -> Vec<String> {
        lock(&self.shared.adapters)
            .by_name
            .keys()
            .cloned()
            .collect()
    }

    pub(super) fn generate(
        &self,
        request: GenerateRequest,
        sink: Box<dyn TokenSink>,
    ) -> Result<RequestId, EngineError> {
        let mut plan = validate::check(&self.shared, request)?;
        let submission = plan.submission(&self.shared)?;
        let id = submission.id;
        let sequence = Sequence {
            adapter: plan.adapter.take(),
            task: Task::Answer(Box::new(answer::Answer::new(plan, sink))),
        };
        self.submit(Arrival {
            submission,
            sequence,
        })?;
        Ok(RequestId(id))
    }

    pub(super) fn cancel(&self, id: RequestId) {
        // A closed channel means that the thread has ended and the request with it.
        let _ = self.gate.commands.send(Command::Cancel(id));
    }

    pub(super) fn embed(
        &self,
        request: &EmbedRequest,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Embeddings, EngineError> {
        embed::embed(self, request, wanted)
    }

    pub(super) fn stats(&self) -> EngineStats {
        let inside = lock(&self.shared.door).len();
        let stats = *lock(&self.shared.stats);
        EngineStats {
            waiting: inside.saturating_sub(stats.running),
            ..stats
        }
    }

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

    /// Hands a sequence over whose place is already taken by [`Shared::enter`].
    pub(super) fn submit(&self, arrival: Arrival) -> Result<(), EngineError> {
        let id = arrival.submission.id;
        self.gate
            .commands
            .send(Command::Submit(Box::new(arrival)))
            .map_err(|_| {
                self.shared.leave(id, None);
                EngineError::Stopped
            })
    }
}

/// The loop's decisions over a pool of as many blocks as the memory limit allows.
pub(super) fn scheduler(
    options: &LoadOptions,
    block_bytes: usize,
) -> Result<Scheduler, EngineError> {
    let blocks_in = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX) / block_bytes.max(1);
    let blocks = blocks_in(options.kv_bytes);
    if blocks < LEAST_BLOCKS {
        let least = LEAST_BLOCKS * block_bytes;
        let detail = format!("值为 {}，该模型至少需要 {least} 字节", options.kv_bytes);
        return Err(EngineError::invalid("kv_bytes", detail));
    }
    let pins = blocks_in(options.pin_bytes).min(blocks / 2);
    let limits = Limits {
        max_running: options.max_batch,
        max_chunk: MAX_CHUNK,
        target_us: u64::from(options.inter_token_ms) * 1000,
        age_us: AGE.as_micros() as u64,
    };
    Ok(Scheduler::new(limits, BlockPool::new(blocks, pins)))
}
