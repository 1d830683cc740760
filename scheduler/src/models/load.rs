//! What replicas say of themselves with every heartbeat: how busy they are, what callers feel.

use super::deployments::Deployments;
use super::state::State;
use zhisuan_proto::v1;

impl State {
    /// A replica at `address` says what it does; one that is not in the routes is not listened to.
    pub(super) fn felt(&mut self, address: &str, load: v1::ReplicaLoad) {
        let ready = self
            .live
            .get(&load.job_id)
            .and_then(|job| job.ready.as_ref());
        if ready.is_some_and(|ready| ready.address == address && ready.epoch == load.epoch) {
            self.loads.insert(load.job_id, load);
        }
    }

    /// What the replicas in the routes do.
    pub(super) fn loads_of(&self, name: &str) -> Vec<v1::ReplicaLoad> {
        let ready = self.jobs_of(name).filter(|job| job.ready.is_some());
        ready
            .filter_map(|job| {
                let load = self.loads.get(&job.job_id)?;
                (load.epoch == job.epoch).then_some(*load)
            })
            .collect()
    }
}

impl Deployments {
    /// The replicas at `address` say what they do.
    pub(crate) fn felt(&self, address: &str, loads: Vec<v1::ReplicaLoad>) {
        if loads.is_empty() {
            return;
        }
        let mut state = self.state();
        for load in loads {
            state.felt(address, load);
        }
    }

    /// What the replicas of each deployment do.
    pub(crate) fn loads(&self) -> Vec<(String, Vec<v1::ReplicaLoad>)> {
        let state = self.state();
        let names = state.desired.keys();
        names
            .map(|name| (name.clone(), state.loads_of(name)))
            .collect()
    }
}
