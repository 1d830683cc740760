//! Names of block contents: a hash chain over everything that decides keys and values.

use sha2::{Digest, Sha256};

/// 128 bits of SHA-256 over a block's tokens and everything before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockHash([u8; 16]);

/// What decides keys and values beside the tokens, and who may share them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheScope<'a> {
    /// Fingerprint of the model.
    pub(crate) model: &'a str,
    /// Only requests with one salt share blocks.
    pub(crate) salt: &'a str,
    /// Name and generation of the adapter; a reloaded adapter has a new generation, so that
    /// nothing of the old one is found again.
    pub(crate) adapter: Option<(&'a str, u64)>,
}

impl BlockHash {
    /// Begin of the chain of a scope. Lengths are hashed too, so that no two scopes meet.
    pub(crate) fn root(scope: &CacheScope<'_>) -> Self {
        let mut hasher = Sha256::new();
        for part in [scope.model, scope.salt] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        if let Some((name, generation)) = scope.adapter {
            hasher.update(name);
            hasher.update(generation.to_le_bytes());
        }
        Self::cut(hasher)
    }

    /// Hash of the block that holds `tokens` after a block with this hash.
    pub(crate) fn next(self, tokens: &[u32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        for token in tokens {
            hasher.update(token.to_le_bytes());
        }
        Self::cut(hasher)
    }

    fn cut(hasher: Sha256) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finalize()[..16]);
        Self(half)
    }
}
