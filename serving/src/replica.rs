//! Replicas as the gateway calls them: each has a channel and a count of calls under way.

use crate::route::{Candidate, order};
use crate::scheduler::{Bearer, watched};
use dashmap::DashMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1::replicas_client::ReplicasClient;
use zhisuan_proto::v1::{Replica, Route};

/// Address and job: all replicas of one worker share its address.
pub(crate) type ReplicaKey = (String, u64);

/// What the pool knows a replica by.
pub(crate) fn key(replica: &Replica) -> ReplicaKey {
    (replica.address.clone(), replica.job_id)
}

struct Entry {
    channel: Channel,
    outstanding: Arc<AtomicUsize>,
}

/// Channels to replicas; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ReplicaPool {
    entries: Arc<DashMap<ReplicaKey, Entry>>,
}

/// One call under way at a replica; uncounted when dropped.
pub(crate) struct Outstanding(Arc<AtomicUsize>);

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A replica ready to be called.
pub(crate) struct Leased {
    pub(crate) client: ReplicasClient<InterceptedService<Channel, Bearer>>,
    pub(crate) outstanding: Outstanding,
}

impl ReplicaPool {
    /// The replicas of `route`, best first.
    pub(crate) fn ranked<'a>(&self, route: &'a Route) -> Vec<&'a Replica> {
        let candidates: Vec<Candidate<'_>> = route
            .replicas
            .iter()
            .map(|replica| Candidate {
                address: &replica.address,
                job_id: replica.job_id,
                outstanding: self.outstanding(&key(replica)),
                epoch: replica.epoch,
            })
            .collect();
        order(&candidates)
            .into_iter()
            .map(|index| &route.replicas[index])
            .collect()
    }

    /// A client of `replica`, counted as a call under way; `None` when its address or token
    /// is not usable.
    pub(crate) fn lease(&self, replica: &Replica) -> Option<Leased> {
        let bearer = Bearer::new(&replica.token)?;
        let key = key(replica);
        let (channel, count) = if let Some(entry) = self.entries.get(&key) {
            (entry.channel.clone(), Arc::clone(&entry.outstanding))
        } else {
            let endpoint = Endpoint::from_shared(format!("http://{}", replica.address)).ok()?;
            let entry = self.entries.entry(key).or_insert_with(|| Entry {
                channel: watched(endpoint).connect_lazy(),
                outstanding: Arc::default(),
            });
            (entry.channel.clone(), Arc::clone(&entry.outstanding))
        };
        count.fetch_add(1, Ordering::Relaxed);
        let client = ReplicasClient::new(InterceptedService::new(channel, bearer))
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        Some(Leased {
            client,
            outstanding: Outstanding(count),
        })
    }

    /// Forgets channels to replicas that no route names any more; calls under way go on.
    pub(crate) fn retain(&self, replicas: &BTreeSet<ReplicaKey>) {
        self.entries.retain(|key, _| replicas.contains(key));
    }

    fn outstanding(&self, key: &ReplicaKey) -> usize {
        self.entries
            .get(key)
            .map_or(0, |entry| entry.outstanding.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::ReplicaPool;
    use zhisuan_proto::v1::{Replica, Route};

    #[tokio::test]
    async fn calls_are_counted_per_replica_also_behind_one_address() {
        let replica = |job_id: u64| Replica {
            address: "127.0.0.1:9".to_owned(),
            token: format!("token-{job_id}"),
            job_id,
            epoch: 1,
        };
        let route = Route {
            replicas: vec![replica(1), replica(2)],
            ..Route::default()
        };
        let pool = ReplicaPool::default();
        let first = |pool: &ReplicaPool| {
            let ranked = pool.ranked(&route);
            assert_eq!(ranked.len(), 2);
            ranked[0].job_id
        };
        assert_eq!(first(&pool), 1);
        let leased = pool.lease(&route.replicas[0]).unwrap();
        assert_eq!(first(&pool), 2, "the idle one first");
        drop(leased);
        assert_eq!(first(&pool), 1);
    }
}
