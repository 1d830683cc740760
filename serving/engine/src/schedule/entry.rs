//! One request inside the scheduler: its tokens, how far they are computed, its blocks.

use super::cost::StepLoad;
use crate::blocks::{BlockHash, BlockPool};
use crate::runner::{BLOCK_TOKENS, BlockId};
use std::sync::Arc;

/// A request as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) id: u64,
    pub(crate) tenant: Arc<str>,
    /// 0 is the most urgent; below [`crate::engine::request::BANDS`].
    pub(crate) band: usize,
    pub(crate) tokens: Vec<u32>,
    /// Begin of its hash chain; `None` neither reuses nor leaves cached blocks.
    pub(crate) root: Option<BlockHash>,
    pub(crate) arrived_us: u64,
    /// It is dropped when it still waits then (microseconds).
    pub(crate) deadline_us: Option<u64>,
    /// How long its prompt stays pinned once computed (microseconds).
    pub(crate) pin_us: u64,
    /// Another engine began with it.
    pub(crate) resumed: Option<Resumed>,
}

/// What another engine did of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// Tokens at the end that are its answer.
    pub(crate) answered: usize,
    /// Prompt tokens that it found in its cache.
    pub(crate) cached: usize,
}

impl Submission {
    /// Tokens of the prompt.
    pub(crate) fn prompt(&self) -> usize {
        let answered = self.resumed.map_or(0, |resumed| resumed.answered);
        self.tokens.len().saturating_sub(answered)
    }
}

/// A request that waits or runs.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) id: u64,
    pub(super) tenant: Arc<str>,
    pub(super) band: usize,
    /// Order of arrival.
    pub(super) arrival: u64,
    pub(super) arrived_us: u64,
    pub(super) deadline_us: Option<u64>,
    pub(super) pin_us: u64,
    /// Final tokens: the prompt, then the answer so far.
    pub(super) tokens: Vec<u32>,
    pub(super) prompt: usize,
    /// Leading tokens whose keys and values are in `blocks`.
    pub(super) computed: usize,
    pub(super) blocks: Vec<BlockId>,
    root: Option<BlockHash>,
    /// Hashes of all full blocks of `tokens`.
    chain: Vec<BlockHash>,
    /// Guessed tokens after `tokens`, to be verified in the next step.
    pub(super) drafts: Vec<u32>,
    /// It writes: what is open is what was chosen last.
    pub(super) decoding: bool,
    /// Prompt tokens that were found in the cache.
    pub(super) cached: usize,
    /// The band in which it runs: its own, or a better one that it waited for.
    pub(super) rank: usize,
    /// Order of admission; the first counts from 1.
    pub(super) admitted: u64,
    /// Times it lost its blocks, at another engine included.
    pub(super) preempted: u32,
    /// Of these, how often it gave way to a tenant with a smaller share.
    pub(super) yielded: u32,
    /// Most tokens that were ever computed of it, at another engine included.
    reached: usize,
    /// The same when it was admitted last.
    reached_before: usize,
}

/// Blocks that hold so many tokens.
pub(super) fn blocks_for(tokens: usize) -> usize {
    tokens.div_ceil(BLOCK_TOKENS)
}

impl Entry {
    pub(super) fn new(submission: Submission, arrival: u64) -> Self {
        let (prompt, resumed) = (submission.prompt(), submission.resumed);
        let reached = resumed.map_or(0, |_| submission.tokens.len());
        let mut entry = Self {
            id: submission.id,
            tenant: submission.tenant,
            band: submission.band,
            arrival,
            arrived_us: submission.arrived_us,
            deadline_us: submission.deadline_us,
            pin_us: submission.pin_us,
            prompt,
            tokens: submission.tokens,
            computed: 0,
            blocks: Vec::new(),
            root: submission.root,
            chain: Vec::new(),
            drafts: Vec::new(),
            decoding: false,
            cached: resumed.map_or(0, |resumed| resumed.cached),
            rank: submission.band,
            admitted: 0,
            // What is computed again after a hand-over is nobody's fault either.
            preempted: u32::from(resumed.is_some()),
            yielded: 0,
            reached,
            reached_before: reached,
        };
        entry.extend(&[]);
        entry
    }

    /// The prompt, then the answer so far.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Prompt tokens that were found in the cache.
    pub(crate) fn cached(&self) -> usize {
        self.cached
    }

    /// Prompt tokens that are not computed yet.
    pub(crate) fn prompt_left(&self) -> usize {
        self.prompt.saturating_sub(self.computed)
    }

    /// Whether what is computed of it can be found again after it lost its blocks.
    pub(super) fn stays_cached(&self) -> bool {
        self.root.is_some()
    }

    /// Tokens that its tenant paid for and never had: what is computed again is not among them.
    pub(super) fn unread(&self) -> usize {
        self.tokens.len() - self.reached.max(self.computed)
    }

    /// Final tokens that are not computed yet.
    pub(super) fn open(&self) -> usize {
        self.tokens.len() - self.computed
    }

    pub(super) fn load(&self, rows: usize) -> StepLoad {
        StepLoad::span(self.computed, rows)
    }

    /// Adds final tokens and names the blocks that became full.
    pub(super) fn extend(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
        let Some(root) = self.root else { return };
        let mut hash = self.chain.last().copied().unwrap_or(root);
        for block in self
            .tokens
            .chunks_exact(BLOCK_TOKENS)
            .skip(self.chain.len())
        {
            hash = hash.next(block);
            self.chain.push(hash);
        }
    }

    /// Hashes of full blocks, in order.
    pub(super) fn chain(&self) -> &[BlockHash] {
        &self.chain
    }

    /// Hashes that may be taken from the cache: full blocks, but never the last token, whose
    /// row has to be computed.
    pub(super) fn reusable(&self) -> &[BlockHash] {
        let most = self.tokens.len().saturating_sub(1) / BLOCK_TOKENS;
        &self.chain[..most.min(self.chain.len())]
    }

    /// The next block's hash, when a prefill stands at a border from which it could reuse.
    pub(super) fn next_reusable(&self) -> Option<BlockHash> {
        let at = self.computed / BLOCK_TOKENS;
        let border = self.computed.is_multiple_of(BLOCK_TOKENS) && self.blocks.len() == at;
        border.then(|| self.reusable().get(at).copied()).flatten()
    }

    /// Takes over all blocks that the cache has from here on; answers the tokens found.
    pub(super) fn reuse(&mut self, pool: &mut BlockPool) -> usize {
        let before = self.computed;
        while let Some(hash) = self.next_reusable()
            && let Some(block) = pool.find(hash)
        {
            self.blocks.push(block);
            self.computed += BLOCK_TOKENS;
        }
        let found = self.computed - before;
        if self.preempted == 0 {
            self.cached += found;
        }
        found
    }

    /// Marks `rows` more tokens as computed and makes full blocks known.
    pub(super) fn compute(&mut self, rows: usize, pool: &mut BlockPool) {
        let from = self.computed / BLOCK_TOKENS;
        self.computed += rows;
        self.reached = self.reached.max(self.computed);
        let to = (self.computed / BLOCK_TOKENS).min(self.chain.len());
        for at in from..to {
            pool.register(self.blocks[at], self.chain[at]);
        }
    }

    /// It has a place from now on.
    pub(super) fn admit(&mut self, order: u64) {
        self.admitted = order;
        self.reached_before = self.reached;
    }

    /// Tokens that were computed for the first time since it has its place.
    pub(super) fn advanced(&self) -> usize {
        self.reached - self.reached_before
    }

    /// It lost its blocks, but not because another tenant had a smaller share.
    pub(super) fn displaced(&self) -> bool {
        self.preempted > self.yielded
    }

    /// Gives all blocks back, the last first.
    pub(super) fn release(&mut self, pool: &mut BlockPool) {
        for block in self.blocks.drain(..).rev() {
            pool.release(block);
        }
        self.computed = 0;
        self.decoding = false;
        self.drafts.clear();
    }
}
