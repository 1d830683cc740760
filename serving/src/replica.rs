//! Replicas as the gateway calls them: one channel per address, calls under way counted.

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

struct Entry {
    channel: Channel,
    outstanding: Arc<AtomicUsize>,
}

/// Channels to replicas; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ReplicaPool {
    entries: Arc<DashMap<String, Entry>>,
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
                outstanding: self.outstanding(&replica.address),
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
        let (channel, count) = if let Some(entry) = self.entries.get(&replica.address) {
            (entry.channel.clone(), Arc::clone(&entry.outstanding))
        } else {
            let endpoint = Endpoint::from_shared(format!("http://{}", replica.address)).ok()?;
            let entry = self
                .entries
                .entry(replica.address.clone())
                .or_insert_with(|| Entry {
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

    /// Forgets channels to addresses that no route names any more; calls under way go on.
    pub(crate) fn retain(&self, addresses: &BTreeSet<&str>) {
        self.entries
            .retain(|address, _| addresses.contains(address.as_str()));
    }

    fn outstanding(&self, address: &str) -> usize {
        self.entries
            .get(address)
            .map_or(0, |entry| entry.outstanding.load(Ordering::Relaxed))
    }
}
