//! The pool: references, the cache of free blocks, and pins.

use super::hash::BlockHash;
use crate::runner::BlockId;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is known of one block.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Sequences that hold it, and one more while it is pinned.
    refs: u32,
    /// Name of its content once that is final.
    hash: Option<BlockHash>,
    /// Its key in the order of release while it is cached.
    released: u64,
    /// End of its pin in microseconds.
    pinned_until: Option<u64>,
}

/// Blocks by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PoolCounts {
    pub(crate) total: usize,
    /// Held by sequences or pins.
    pub(crate) used: usize,
    /// Free, with content that can be found.
    pub(crate) cached: usize,
}

/// All blocks of one runner.
#[derive(Debug)]
pub(crate) struct BlockPool {
    slots: Vec<Slot>,
    blank: Vec<BlockId>,
    /// Free blocks with content, least recently used first.
    cached: BTreeMap<u64, BlockId>,
    by_hash: HashMap<BlockHash, BlockId>,
    /// Number of the next release.
    clock: u64,
    pins: BTreeSet<(u64, BlockId)>,
    pin_quota: usize,
}

impl BlockPool {
    /// A pool of blank blocks of which `pin_quota` may be pinned.
    pub(crate) fn new(blocks: usize, pin_quota: usize) -> Self {
        Self {
            slots: vec![Slot::default(); blocks],
            blank: (0..blocks as BlockId).rev().collect(),
            cached: BTreeMap::new(),
            by_hash: HashMap::new(),
            clock: 0,
            pins: BTreeSet::new(),
            pin_quota,
        }
    }

    /// A pool of the same size that knows nothing.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.slots.len(), self.pin_quota)
    }

    /// Blocks that [`BlockPool::take`] could hand out one after the other.
    pub(crate) fn available(&self) -> usize {
        self.blank.len() + self.cached.len()
    }

    pub(crate) fn counts(&self) -> PoolCounts {
        PoolCounts {
            total: self.slots.len(),
            used: self.slots.len() - self.available(),
            cached: self.cached.len(),
        }
    }

    /// A block without content, held once: a blank one, else the least recently used cached
    /// one, whose content is forgotten.
    pub(crate) fn take(&mut self) -> Option<BlockId> {
        let id = match self.blank.pop() {
            Some(id) => id,
            None => self.cached.pop_first()?.1,
        };
        let slot = &mut self.slots[id as usize];
        if let Some(hash) = slot.hash.take() {
            self.by_hash.remove(&hash);
        }
        slot.refs = 1;
        Some(id)
    }

    /// How many of these blocks become free when one reference to each is given back.
    pub(crate) fn held_once(&self, blocks: &[BlockId]) -> usize {
        let once = |id: &&BlockId| self.slots[**id as usize].refs == 1;
        blocks.iter().filter(once).count()
    }

    /// Whether the content is there, and whether its block is free.
    pub(crate) fn peek(&self, hash: BlockHash) -> Option<bool> {
        let id = self.by_hash.get(&hash)?;
        Some(self.slots[*id as usize].refs == 0)
    }

    /// The block with this content, held once more.
    pub(crate) fn find(&mut self, hash: BlockHash) -> Option<BlockId> {
        let id = *self.by_hash.get(&hash)?;
        self.hold(id);
        Some(id)
    }

    fn hold(&mut self, id: BlockId) {
        let slot = &mut self.slots[id as usize];
        if slot.refs == 0 {
            self.cached.remove(&slot.released);
        }
        slot.refs += 1;
    }

    /// Gives one reference back. Callers release the end of a sequence first, so that the
    /// begin of a prefix, without which the rest is useless, stays longest.
    pub(crate) fn release(&mut self, id: BlockId) {
        let slot = &mut self.slots[id as usize];
        debug_assert!(slot.refs > 0, "block {id} is released more often than held");
        slot.refs = slot.refs.saturating_sub(1);
        if slot.refs > 0 {
            return;
        }
        if slot.hash.is_some() {
            slot.released = self.clock;
            self.cached.insert(self.clock, id);
            self.clock += 1;
        } else {
            self.blank.push(id);
        }
    }

    /// Makes the content of a held, full block known. When another block already has this
    /// content, the newer one stays without a name.
    pub(crate) fn register(&mut self, id: BlockId, hash: BlockHash) {
        let slot = &mut self.slots[id as usize];
        if slot.hash.is_none() && !self.by_hash.contains_key(&hash) {
            slot.hash = Some(hash);
            self.by_hash.insert(hash, id);
        }
    }

    /// Pins the known contents of a prefix until `until_us`, as far as the quota goes;
    /// answers how many of them are pinned now.
    pub(crate) fn pin(&mut self, prefix: &[BlockHash], until_us: u64) -> usize {
        let mut pinned = 0;
        for hash in prefix {
            let Some(id) = self.by_hash.get(hash).copied() else {
                break;
            };
            match self.slots[id as usize].pinned_until {
                Some(old) if old >= until_us => {}
                Some(old) => {
                    self.pins.remove(&(old, id));
                    self.pins.insert((until_us, id));
                }
                None if self.pins.len() >= self.pin_quota => break,
                None => {
                    self.hold(id);
                    self.pins.insert((until_us, id));
                }
            }
            let end = &mut self.slots[id as usize].pinned_until;
            *end = (*end).max(Some(until_us));
            pinned += 1;
        }
        pinned
    }

    /// Ends the pins whose time is over.
    pub(crate) fn expire_pins(&mut self, now_us: u64) {
        while self.pins.first().is_some_and(|(until, _)| *until <= now_us) {
            self.unpin();
        }
    }

    /// Ends the pin that would end first; `false` when nothing is pinned. For the moment when
    /// the one request that must go on finds no block.
    pub(crate) fn unpin(&mut self) -> bool {
        let Some((_, id)) = self.pins.pop_first() else {
            return false;
        };
        self.slots[id as usize].pinned_until = None;
        self.release(id);
        true
    }

    /// Checks that every block is in one role, that references are those of `held` (one entry
    /// for each time that a sequence holds a block) and of pins, and that names are unique.
    pub(crate) fn check(&self, held: impl Iterator<Item = BlockId>) -> Result<(), String> {
        let mut refs = vec![0u32; self.slots.len()];
        for id in held.chain(self.pins.iter().map(|(_, id)| *id)) {
            refs[id as usize] += 1;
        }
        let mut free = vec![false; self.slots.len()];
        for id in self.blank.iter().chain(self.cached.values()) {
            if std::mem::replace(&mut free[*id as usize], true) {
                return Err(format!("block {id} is free twice"));
            }
        }
        for (id, slot) in self.slots.iter().enumerate() {
            if slot.refs != refs[id] {
                return Err(format!(
                    "block {id}: {} refs, {} holders",
                    slot.refs, refs[id]
                ));
            }
            if free[id] != (slot.refs == 0) {
                return Err(format!(
                    "block {id} with {} refs: free {}",
                    slot.refs, free[id]
                ));
            }
            let named = slot
                .hash
                .is_some_and(|hash| self.by_hash.get(&hash) == Some(&(id as u32)));
            if slot.hash.is_some() != named {
                return Err(format!("block {id}: its hash names another block"));
            }
            let place = self.cached.get(&slot.released) == Some(&(id as u32));
            if slot.refs == 0 && slot.hash.is_some() != place {
                return Err(format!("block {id}: content and cache disagree"));
            }
        }
        let named = self.slots.iter().filter(|slot| slot.hash.is_some()).count();
        if named != self.by_hash.len() || self.pins.len() > self.pin_quota {
            return Err(format!(
                "{named} names, {} hashes, {} pins",
                self.by_hash.len(),
                self.pins.len()
            ));
        }
        Ok(())
    }
}
