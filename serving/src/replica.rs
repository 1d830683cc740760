//! Replicas as the gateway calls them: each has a channel, a count of calls under way, and what
//! is known of its speed and its cached prompts.

use crate::routing::{Candidate, Memory, rank};
use crate::scheduler::{Bearer, watched};
use dashmap::DashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1::replicas_client::ReplicasClient;
use zhisuan_proto::v1::{Replica, Route};

/// Chunks of prompts that are remembered: 16 MiB of text, about 10 MiB of memory.
const REMEMBERED_CHUNKS: usize = 65_536;
/// An unreachable replica is tried last for so long.
const SHUNNED: Duration = Duration::from_secs(2);
/// Weight of the newest time to a first token: one quarter.
const MEAN_SHIFT: u32 = 2;

/// Address and job: all replicas of one worker share its address.
pub(crate) type ReplicaKey = (String, u64);

/// What the pool knows a replica by.
pub(crate) fn key(replica: &Replica) -> ReplicaKey {
    (replica.address.clone(), replica.job_id)
}

fn number(key: &ReplicaKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

struct Entry {
    channel: Channel,
    stats: Arc<Stats>,
}

impl Entry {
    /// Opens no connection yet; `None` when the address is not usable.
    fn new(replica: &Replica) -> Option<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{}", replica.address)).ok()?;
        Some(Self {
            channel: watched(endpoint).connect_lazy(),
            stats: Arc::new(Stats::new(number(&key(replica)))),
        })
    }
}

struct Stats {
    number: u64,
    outstanding: AtomicUsize,
    /// 0 before the first one.
    first_token_us: AtomicU64,
    since: Instant,
    failed: Mutex<Option<Instant>>,
}

impl Stats {
    fn new(number: u64) -> Self {
        Self {
            number,
            outstanding: AtomicUsize::new(0),
            first_token_us: AtomicU64::new(0),
            since: Instant::now(),
            failed: Mutex::new(None),
        }
    }

    fn has_failed(&self) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < SHUNNED)
    }
}

/// Channels to replicas; cheap to clone.
#[derive(Clone)]
pub(crate) struct ReplicaPool {
    entries: Arc<DashMap<ReplicaKey, Entry>>,
    memory: Arc<Mutex<Memory>>,
}

impl Default for ReplicaPool {
    fn default() -> Self {
        Self {
            entries: Arc::default(),
            memory: Arc::new(Mutex::new(Memory::new(REMEMBERED_CHUNKS))),
        }
    }
}

/// One call under way at a replica; uncounted when dropped.
pub(crate) struct Outstanding(Arc<Stats>);

impl Outstanding {
    fn new(stats: &Arc<Stats>) -> Self {
        stats.outstanding.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(stats))
    }

    /// One that no replica counts, for servers of somebody else.
    pub(crate) fn elsewhere() -> Self {
        Self::new(&Arc::new(Stats::new(0)))
    }

    /// It gave its first token.
    pub(crate) fn answered(&self, after: Duration) {
        let newest = u64::try_from(after.as_micros()).unwrap_or(u64::MAX).max(1);
        let mean = self.0.first_token_us.load(Ordering::Relaxed);
        let next = if mean == 0 {
            newest
        } else {
            (mean - (mean >> MEAN_SHIFT)).saturating_add(newest >> MEAN_SHIFT)
        };
        // A lost update under a race only makes an estimate a little older.
        self.0.first_token_us.store(next, Ordering::Relaxed);
    }

    /// It could not be reached.
    pub(crate) fn failed(&self) {
        let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed = Some(Instant::now());
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.0.outstanding.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A replica ready to be called.
pub(crate) struct Leased {
    pub(crate) client: ReplicasClient<InterceptedService<Channel, Bearer>>,
    pub(crate) outstanding: Outstanding,
}

impl ReplicaPool {
    /// The replicas of `route`, best first, for a prompt with this chain.
    pub(crate) fn ranked<'a>(
        &self,
        route: &'a Route,
        chain: &[u64],
        dice: u64,
    ) -> Vec<&'a Replica> {
        let replicas = newest(&route.replicas);
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates: Vec<Candidate> = replicas
            .iter()
            .map(|replica| self.candidate(&key(replica), chain, &memory))
            .collect();
        drop(memory);
        let order = rank(&candidates, dice);
        order.into_iter().map(|index| replicas[index]).collect()
    }

    fn candidate(&self, key: &ReplicaKey, chain: &[u64], memory: &Memory) -> Candidate {
        let entry = self.entries.get(key);
        let stats = entry.as_ref().map(|entry| &entry.stats);
        let time = stats.map_or(0, |stats| stats.first_token_us.load(Ordering::Relaxed));
        Candidate {
            outstanding: stats.map_or(0, |stats| stats.outstanding.load(Ordering::Relaxed)),
            first_token_us: (time > 0).then_some(time),
            age_ms: stats.map_or(0, |stats| {
                u64::try_from(stats.since.elapsed().as_millis()).unwrap_or(u64::MAX)
            }),
            matched: memory.matched(chain, number(key)),
            failed: stats.is_some_and(|stats| stats.has_failed()),
        }
    }

    /// The replica that holds `outstanding` has read a prompt with this chain.
    pub(crate) fn learn(&self, chain: &[u64], outstanding: &Outstanding) {
        if !chain.is_empty() {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.learn(chain, outstanding.0.number);
        }
    }

    /// A client of `replica`, counted as a call under way; `None` when its address or token
    /// is not usable.
    pub(crate) fn lease(&self, replica: &Replica) -> Option<Leased> {
        let bearer = Bearer::new(&replica.token)?;
        let key = key(replica);
        let known = self
            .entries
            .get(&key)
            .map(|entry| (entry.channel.clone(), Outstanding::new(&entry.stats)));
        let (channel, outstanding) = if let Some(known) = known {
            known
        } else {
            let new = Entry::new(replica)?;
            let entry = self.entries.entry(key).or_insert(new);
            (entry.channel.clone(), Outstanding::new(&entry.stats))
        };
        let client = ReplicasClient::new(InterceptedService::new(channel, bearer))
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        Some(Leased {
            client,
            outstanding,
        })
    }

    /// Knows the replicas of a new table from now on, and forgets those that no route names any
    /// more; calls under way go on.
    pub(crate) fn follow<'a>(&self, replicas: impl Iterator<Item = &'a Replica>) {
        let mut named = BTreeSet::new();
        for replica in replicas {
            let key = key(replica);
            if !self.entries.contains_key(&key)
                && let Some(new) = Entry::new(replica)
            {
                self.entries.entry(key.clone()).or_insert(new);
            }
            named.insert(key);
        }
        self.entries.retain(|key, _| named.contains(key));
    }
}

/// Of a replica named twice (it was placed anew) the newest epoch only.
fn newest(replicas: &[Replica]) -> Vec<&Replica> {
    let mut by_key: BTreeMap<(&str, u64), &Replica> = BTreeMap::new();
    for replica in replicas {
        let kept = by_key
            .entry((&replica.address, replica.job_id))
            .or_insert(replica);
        if kept.epoch < replica.epoch {
            *kept = replica;
        }
    }
    by_key.into_values().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{ReplicaPool, newest};
    use std::time::Duration;
    use zhisuan_proto::v1::{Replica, Route};

    fn replica(job_id: u64, epoch: u64) -> Replica {
        Replica {
            address: "127.0.0.1:9".to_owned(),
            token: format!("token-{job_id}"),
            job_id,
            epoch,
        }
    }

    #[tokio::test]
    async fn calls_are_counted_per_replica_also_behind_one_address() {
        let route = Route {
            replicas: vec![replica(1, 1), replica(2, 1)],
            ..Route::default()
        };
        let pool = ReplicaPool::default();
        let first = |chain: &[u64]| pool.ranked(&route, chain, 0)[0].job_id;
        // Both are known, so that neither is colder than the other.
        let kept: Vec<_> = route
            .replicas
            .iter()
            .filter_map(|r| pool.lease(r))
            .collect();
        drop(kept);
        let leased = pool.lease(&route.replicas[0]).unwrap();
        leased.outstanding.answered(Duration::from_millis(5));
        assert_eq!(first(&[]), 2, "the idle one first");
        pool.learn(&[5, 6], &leased.outstanding);
        assert_eq!(first(&[5, 6, 7]), 1, "the one that has the prompt");
        leased.outstanding.failed();
        assert_eq!(first(&[5, 6, 7]), 2, "an unreachable one last");
    }

    #[test]
    fn a_replica_named_twice_is_tried_once_with_the_newest_epoch() {
        let replicas = [replica(1, 1), replica(1, 3), replica(2, 1), replica(1, 2)];
        let tried: Vec<_> = newest(&replicas)
            .into_iter()
            .map(|replica| (replica.job_id, replica.epoch))
            .collect();
        assert_eq!(tried, [(1, 3), (2, 1)]);
    }
}
