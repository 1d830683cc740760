//! What shall be served, kept until it is taken back. Pure.

use super::backend::Backend;
use super::scale::Rule;
use super::traffic::Member;
use crate::access::CENTRE;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use zhisuan_proto::v1;
use zhisuan_proto::v1::Metering;

/// Of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) devices: u32,
    pub(crate) device_kind: String,
    pub(crate) device_milli: u32,
    pub(crate) device_memory_mib: u64,
    pub(crate) cpu_milli: u32,
    pub(crate) memory_mib: u64,
}

/// What shall be served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) tenant: String,
    /// Who may call it; empty is everybody.
    pub(crate) callers: String,
    /// Names in the library: the base, then its adapters.
    pub(crate) models: Vec<String>,
    /// The names that were asked for; nobody else may serve them to the same callers, but for
    /// those who say that they share the first.
    pub(crate) asked: Vec<String>,
    /// Name in the library of what was asked for first; empty in records of before there were
    /// shared names.
    #[serde(default)]
    pub(crate) model: String,
    /// Name for callers of what was asked for first; empty is its own.
    #[serde(default)]
    pub(crate) serve_as: String,
    /// A fixed number, or with `autoscale` the number to begin with.
    pub(crate) replicas: u32,
    #[serde(default)]
    pub(crate) autoscale: Option<Rule>,
    /// What its base is made for.
    #[serde(default)]
    pub(crate) abilities: Vec<String>,
    /// The owner pays for the replicas' time, instead of the callers per token.
    pub(crate) dedicated: bool,
    pub(crate) ask: Ask,
    pub(crate) max_batch: u32,
    pub(crate) max_waiting: u32,
    pub(crate) max_context: u32,
    pub(crate) created_at_ms: i64,
}

impl Deployment {
    /// Who pays for the replicas' time.
    pub(crate) fn payer(&self) -> &str {
        if self.dedicated { &self.tenant } else { CENTRE }
    }

    pub(crate) fn metering(&self) -> Metering {
        if self.dedicated {
            Metering::Dedicated
        } else {
            Metering::Tokens
        }
    }

    /// The name that callers use for a model of the library.
    pub(crate) fn name_of<'a>(&'a self, model: &'a str) -> &'a str {
        if !self.serve_as.is_empty() && model == self.model {
            &self.serve_as
        } else {
            model
        }
    }

    /// Every name that callers can use.
    pub(crate) fn served(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|model| self.name_of(model))
    }

    /// What a replica serves.
    pub(crate) fn work(&self) -> v1::ServeWork {
        let (model, adapters) = match self.models.split_first() {
            Some((base, adapters)) => (base.clone(), adapters.to_vec()),
            None => (String::new(), Vec::new()),
        };
        let mut served_as = HashMap::new();
        if !self.serve_as.is_empty() {
            served_as.insert(self.model.clone(), self.serve_as.clone());
        }
        v1::ServeWork {
            deployment: self.name.clone(),
            model,
            adapters,
            max_batch: self.max_batch,
            max_waiting: self.max_waiting,
            max_context: self.max_context,
            served_as,
        }
    }

    /// The job that keeps one replica running.
    pub(crate) fn job_spec(&self) -> v1::JobSpec {
        v1::JobSpec {
            name: format!("serve {}", self.name),
            resources: Some(v1::Resources {
                devices: self.ask.devices,
                device_kind: self.ask.device_kind.clone(),
                device_milli: self.ask.device_milli,
                device_memory_mib: self.ask.device_memory_mib,
                cpu_milli: self.ask.cpu_milli,
                memory_mib: self.ask.memory_mib,
            }),
            tasks: 1,
            work: Some(v1::job_spec::Work::Serve(self.work())),
            ..v1::JobSpec::default()
        }
    }

    /// A name that both would serve to the same callers, and that this one did not ask to share.
    pub(crate) fn clash(&self, other: &Self) -> Option<&str> {
        if self.name == other.name {
            return Some(&self.name);
        }
        let taken = |name: &&String| {
            self.callers == other.callers && other.asked.contains(name) && **name != self.serve_as
        };
        self.asked.iter().find(taken).map(String::as_str)
    }

    /// The same for somebody else's server: its own name, or the one that it answers to.
    pub(crate) fn clash_with(&self, backend: &Backend) -> Option<&str> {
        if self.name == backend.name {
            return Some(&self.name);
        }
        let taken = |name: &&String| {
            self.callers == backend.callers && **name == backend.model && **name != self.serve_as
        };
        self.asked.iter().find(taken).map(String::as_str)
    }

    /// How it stands to a name, if it asked for it.
    pub(crate) fn member(&self, name: &str) -> Option<Member> {
        let asked = self.asked.iter().any(|asked| asked == name);
        asked.then(|| Member {
            deployment: self.name.clone(),
            callers: self.callers.clone(),
            owner: self.tenant.clone(),
            created_at_ms: self.created_at_ms,
            shares: self.serve_as == name,
        })
    }
}
