//! From what is served and who answers to the routes of gateways. Pure.

use super::deployment::Deployment;
use super::reconcile::ReplicaJob;
use crate::access::CENTRE;
use std::collections::BTreeMap;
use zhisuan_proto::v1;

/// Every served name with the replicas that answer for it, by name and callers.
///
/// A name without replicas stays in the list: callers learn that it is starting, not that it does
/// not exist. Two deployments may share a base; then the one with replicas answers, the older
/// before the newer.
pub(crate) fn routes(
    desired: &BTreeMap<String, Deployment>,
    live: &[ReplicaJob],
) -> Vec<v1::Route> {
    let mut best: BTreeMap<(&str, &str), v1::Route> = BTreeMap::new();
    let mut deployments: Vec<&Deployment> = desired.values().collect();
    deployments.sort_by_key(|deployment| deployment.created_at_ms);
    for deployment in deployments {
        for model in &deployment.models {
            let found = route(deployment, model, live);
            let key = (model.as_str(), deployment.callers.as_str());
            let better = best
                .get(&key)
                .is_none_or(|known| known.replicas.is_empty() && !found.replicas.is_empty());
            if better {
                best.insert(key, found);
            }
        }
    }
    best.into_values().collect()
}

fn route(deployment: &Deployment, model: &str, live: &[ReplicaJob]) -> v1::Route {
    let mut context_length = u32::MAX;
    let mut replicas = Vec::new();
    for job in live.iter().filter(|job| job.deployment == deployment.name) {
        let Some(ready) = &job.ready else { continue };
        if !ready.models.iter().any(|name| name == model) {
            continue;
        }
        if ready.context_length > 0 {
            context_length = context_length.min(ready.context_length);
        }
        replicas.push(v1::Replica {
            address: ready.address.clone(),
            token: ready.token.clone(),
            job_id: job.job_id,
            epoch: ready.epoch,
        });
    }
    let owner = &deployment.callers;
    v1::Route {
        model: model.to_owned(),
        deployment: deployment.name.clone(),
        tenant: deployment.callers.clone(),
        context_length: if context_length == u32::MAX {
            deployment.max_context
        } else {
            context_length
        },
        metering: deployment.metering().into(),
        replicas,
        created_at_ms: deployment.created_at_ms,
        owned_by: if owner.is_empty() || owner == CENTRE {
            "zhisuan".to_owned()
        } else {
            owner.clone()
        },
        weight: 1,
        ..v1::Route::default()
    }
}
