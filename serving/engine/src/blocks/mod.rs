//! Pure bookkeeping of the KV pool: who holds which block, and what a free block still knows.
//!
//! A block is in exactly one role: held (by sequences or pins, counted), cached (nobody holds
//! it, its content can be found by hash, the least recently used goes first) or blank. Only
//! full blocks whose tokens are final get a hash, so a block never changes while two
//! sequences read it and nothing is ever copied.

mod hash;
mod pool;

pub(crate) use hash::{BlockHash, CacheScope};
pub(crate) use pool::{BlockPool, PoolCounts};

#[cfg(test)]
mod tests;
