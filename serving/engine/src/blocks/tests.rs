//! The pool under random use, and its rules one by one.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::{BlockHash, BlockPool, CacheScope};
use crate::runner::{BLOCK_TOKENS, BlockId};

fn root(salt: &str) -> BlockHash {
    let adapter = None;
    BlockHash::root(&CacheScope {
        model: "m",
        salt,
        adapter,
    })
}

fn chain(salt: &str, blocks: u32) -> Vec<BlockHash> {
    let mut hash = root(salt);
    (0..blocks)
        .map(|i| {
            hash = hash.next(&[i; BLOCK_TOKENS]);
            hash
        })
        .collect()
}

#[test]
fn names_differ_by_everything_that_decides_the_content() {
    let scope = |model, salt, adapter| {
        BlockHash::root(&CacheScope {
            model,
            salt,
            adapter,
        })
    };
    let all = [
        scope("m", "s", None),
        scope("n", "s", None),
        scope("m", "t", None),
        scope("ms", "", None),
        scope("m", "s", Some(("a", 1))),
        scope("m", "s", Some(("a", 2))),
        scope("m", "s", Some(("b", 1))),
        scope("m", "s", None).next(&[1, 2]),
        scope("m", "s", None).next(&[2, 1]),
        scope("m", "s", None).next(&[1]).next(&[2]),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|b| a != b), "{i}");
    }
    assert_eq!(scope("m", "s", None), all[0]);
}

#[test]
fn free_content_is_found_until_the_least_recent_is_evicted() {
    let names = chain("s", 3);
    let mut pool = BlockPool::new(3, 0);
    let ids: Vec<BlockId> = names.iter().map(|_| pool.take().unwrap()).collect();
    assert_eq!(pool.take(), None);
    for (id, name) in ids.iter().zip(&names) {
        pool.register(*id, *name);
    }
    for id in ids.iter().rev() {
        pool.release(*id);
    }
    assert_eq!((pool.counts().used, pool.counts().cached), (0, 3));
    // The end of the prefix was released first and goes first.
    assert_eq!(pool.take(), Some(ids[2]));
    assert_eq!(pool.peek(names[2]), None);
    assert_eq!(pool.find(names[0]), Some(ids[0]));
    assert_eq!(pool.find(names[0]), Some(ids[0]));
    pool.check([ids[2], ids[0], ids[0]].into_iter()).unwrap();
}

#[test]
fn pins_hold_blocks_within_the_quota_and_until_their_end() {
    let names = chain("s", 3);
    let mut pool = BlockPool::new(4, 2);
    for name in &names {
        let id = pool.take().unwrap();
        pool.register(id, *name);
        pool.release(id);
    }
    assert_eq!(pool.pin(&names, 100), 2);
    assert_eq!(pool.pin(&names, 50), 2, "an earlier end changes nothing");
    assert_eq!(pool.available(), 2);
    let taken = [pool.take().unwrap(), pool.take().unwrap()];
    assert_eq!(pool.take(), None, "pinned blocks are not evicted");
    pool.expire_pins(99);
    assert_eq!(pool.available(), 0);
    pool.expire_pins(100);
    assert_eq!(pool.counts().cached, 2);
    pool.check(taken.into_iter()).unwrap();
}

#[test]
fn one_content_has_one_name() {
    let name = chain("s", 1)[0];
    let mut pool = BlockPool::new(2, 0);
    let (a, b) = (pool.take().unwrap(), pool.take().unwrap());
    pool.register(a, name);
    pool.register(b, name);
    pool.release(b);
    assert_eq!(pool.counts().cached, 0, "the second copy is forgotten");
    pool.check([a].into_iter()).unwrap();
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn no_use_breaks_the_invariants() {
    for seed in 0..200 {
        let mut state = seed;
        let mut pool = BlockPool::new(12, 3);
        let names = [chain("a", 4), chain("b", 4)];
        let mut held: Vec<BlockId> = Vec::new();
        for now in 0..150 {
            let pick = random(&mut state) as usize;
            let name = names[pick % 2][pick / 2 % 4];
            match random(&mut state) % 6 {
                0 => held.extend(pool.take()),
                1 => held.extend(pool.find(name)),
                2 if !held.is_empty() => pool.release(held.swap_remove(pick % held.len())),
                3 if !held.is_empty() => pool.register(held[pick % held.len()], name),
                4 => {
                    pool.pin(&names[pick % 2], now + random(&mut state) % 20);
                }
                _ => pool.expire_pins(now),
            }
            pool.check(held.iter().copied()).unwrap();
            assert_eq!(pool.counts().used + pool.available(), 12);
        }
    }
}
