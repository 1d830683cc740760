//! What callers ask for and what they get back.

use crate::error::EngineError;
use crate::output::constraint::Constraint;
use crate::output::sample::Sampling;
use std::ops::ControlFlow;

/// Names a request of one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The text to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text; control tokens written in it count as control tokens.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
    /// An answer that another engine began.
    Begun(Resume),
}

/// All that another engine with the same weights needs to go on with an answer: it chooses the
/// tokens that the first one would have chosen, and tells only those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Tokens of the prompt.
    pub prompt: Vec<u32>,
    /// Tokens of the answer that were told. Limits of the request count them in.
    pub answer: Vec<u32>,
    /// Where the answer's chance comes from; it wins over the request's own seed.
    pub seed: u64,
    /// What the first engine found of the prompt in its cache.
    pub cached_tokens: usize,
}

/// A request for text.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateRequest {
    /// The text to continue.
    pub prompt: Prompt,
    /// Name of a loaded adapter.
    pub adapter: Option<String>,
    /// Most tokens of the answer; the context may end it earlier.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it. At most 16, each at most 256 bytes.
    pub stop: Vec<String>,
    /// Report the probability of each token, and of this many alternatives (0 to 20).
    pub logprobs: Option<usize>,
    /// Go on after an end token (for measurements).
    pub ignore_eos: bool,
    /// Who is served. Fair share is counted by tenant, and cached prompts are kept apart by
    /// tenant. The empty name is a tenant too.
    pub tenant: String,
    /// Band: 0 is the most urgent, larger numbers yield; everything from 3 on is one band.
    pub priority: u32,
    /// Milliseconds that the request may wait for its first step; 0 means no limit. An answer
    /// that was begun elsewhere waits as long as it must.
    pub queue_ms: u32,
    /// Name of a prompt cache that several tenants agreed to share; empty means the tenant's
    /// own, so that the time of an answer tells nobody what another tenant asked.
    pub cache_salt: String,
    /// Keeps the cached prompt for this many seconds, within the engine's quota.
    pub pin_s: u32,
    /// An end token is not chosen before this many tokens.
    pub min_tokens: usize,
    /// Tokens that end the answer, beside the model's own; at most 16.
    pub stop_tokens: Vec<u32>,
    /// What the text of the answer must look like.
    pub constraint: Option<Constraint>,
    /// A text that the answer likely repeats in part: drafts for speculation. Empty means
    /// none; the prompt always is one.
    pub prediction: String,
}

impl GenerateRequest {
    /// A greedy request for at most `max_tokens` tokens.
    pub fn new(prompt: Prompt, max_tokens: usize) -> Self {
        Self {
            prompt,
            adapter: None,
            max_tokens,
            sampling: Sampling::default(),
            stop: Vec::new(),
            logprobs: None,
            ignore_eos: false,
            tenant: String::new(),
            priority: 1,
            queue_ms: 0,
            cache_salt: String::new(),
            pin_s: 0,
            min_tokens: 0,
            stop_tokens: Vec::new(),
            constraint: None,
            prediction: String::new(),
        }
    }
}

/// One of the most likely tokens at a position.
#[derive(Debug, Clone, PartialEq)]
pub struct TopToken {
    /// The token.
    pub token: u32,
    /// Its text; broken UTF-8 is replaced.
    pub text: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
}

/// Probability of a token, before temperature, penalties and bias.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// Natural logarithm of the probability.
    pub logprob: f32,
    /// The most likely tokens, best first.
    pub top: Vec<TopToken>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// An end token, or the end of what a constraint allows.
    Stop,
    /// A stop string: the place of the one that matched in [`GenerateRequest::stop`].
    StopString(usize),
    /// `max_tokens` or the context was used up.
    Length,
    /// The caller cancelled, or its sink broke off.
    Cancelled,
}

/// Tokens that a request used. The end token is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the answer.
    pub completion_tokens: usize,
    /// Part of `prompt_tokens` whose keys and values were found in the cache.
    pub cached_tokens: usize,
}

/// What a sink receives, in order. Exactly one `Done`, `Failed` or `Unfinished` ends every
/// request.
#[derive(Debug, Clone, PartialEq)]
pub enum GenerateEvent {
    /// One token. Its text may be empty while bytes of a character, or text that may become
    /// a stop string, are held back; held text comes with a later token. If an end token
    /// releases held text, that text comes in a `Token` of the end token, which is not counted.
    Token {
        /// Text that became complete.
        text: String,
        /// The token.
        token: u32,
        /// Present when asked for.
        logprob: Option<TokenLogprob>,
    },
    /// The answer is complete.
    Done {
        /// Why it ended.
        finish: FinishReason,
        /// What it used.
        usage: Usage,
    },
    /// The request failed; earlier tokens stay valid.
    Failed {
        /// Why.
        error: EngineError,
        /// What it used.
        usage: Usage,
    },
    /// The engine was shut down before the answer was complete. Another one can go on with it.
    Unfinished {
        /// What it needs.
        resume: Box<Resume>,
        /// What was used here.
        usage: Usage,
    },
}

/// Receives the events of a request on the engine's thread; it must not block.
pub trait TokenSink: Send {
    /// Takes one event. `Break` means that nobody listens any more: the request is
    /// cancelled before the next step.
    fn push(&mut self, event: GenerateEvent) -> ControlFlow<()>;
}

impl<F: FnMut(GenerateEvent) -> ControlFlow<()> + Send> TokenSink for F {
    fn push(&mut self, event: GenerateEvent) -> ControlFlow<()> {
        self(event)
    }
}

/// Texts to embed together: at most 4,096, those that are given by their tokens included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmbedRequest {
    /// The texts.
    pub texts: Vec<String>,
    /// More texts, by their tokens; no instruction is put before them, and an encoder puts no
    /// control tokens around them.
    pub tokens: Vec<Vec<u32>>,
    /// Text that the model wants before each of them (`query: `); empty means none.
    pub instruction: String,
    /// Who is served; see [`GenerateRequest::tenant`].
    pub tenant: String,
    /// Band; see [`GenerateRequest::priority`].
    pub priority: u32,
}

impl EmbedRequest {
    /// Texts of the nameless tenant, without instruction.
    pub fn new(texts: Vec<String>) -> Self {
        Self {
            texts,
            priority: 1,
            ..Self::default()
        }
    }
}

/// Embedding vectors: the last hidden states (after the final norm) of a text, pooled as the
/// model's files say (the mean of all tokens where they say nothing), scaled to length 1
/// unless they say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One vector of `hidden_size` numbers for each text, then one for each list of tokens.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts together.
    pub tokens: usize,
}

/// Bands of priority that the engine tells apart.
pub const BANDS: usize = 4;

/// Upper bounds of the buckets of [`EngineStats::step_times`] in milliseconds; the last
/// bucket has none.
pub const STEP_BOUNDS_MS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];

/// A look at the engine's load. Counters run since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Sequences in the batch.
    pub running: usize,
    /// Requests waiting for a place in the batch.
    pub waiting: usize,
    /// Of those, how many in each band; a request on its way to the loop is in none yet.
    pub waiting_by_band: [usize; BANDS],
    /// Tokens whose keys and values running sequences hold.
    pub kv_tokens: usize,
    /// Blocks of the KV pool, 32 tokens each.
    pub kv_blocks_total: usize,
    /// Blocks that running sequences or pins hold.
    pub kv_blocks_used: usize,
    /// Blocks that nobody holds but whose content a later prompt may reuse.
    pub kv_blocks_cached: usize,
    /// Prompt tokens taken in, texts for embedding included.
    pub tokens_in: u64,
    /// Answer tokens delivered.
    pub tokens_out: u64,
    /// Prompt tokens that were found in the cache.
    pub prefix_hit_tokens: u64,
    /// Times a running sequence gave its blocks back to be computed again later.
    pub preemptions: u64,
    /// Drafted tokens that were verified.
    pub drafts_proposed: u64,
    /// Drafted tokens that the model would have chosen itself.
    pub drafts_accepted: u64,
    /// Steps.
    pub steps: u64,
    /// Microseconds of all steps together.
    pub step_us: u64,
    /// Steps by duration, for the bounds of [`STEP_BOUNDS_MS`]; not cumulative.
    pub step_times: [u64; STEP_BOUNDS_MS.len() + 1],
    /// Requests refused because a queue was full.
    pub refused: u64,
    /// Requests ended, in any way.
    pub finished: u64,
}
