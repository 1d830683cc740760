//! From what is served and who answers to the routes of gateways. Pure.

use super::backend::Backend;
use super::deployment::Deployment;
use super::reconcile::ReplicaJob;
use super::traffic::{Member, Traffic, key, weights};
use crate::access::CENTRE;
use std::collections::{BTreeMap, BTreeSet};
use zhisuan_proto::v1;

/// What the routes are made from.
pub(crate) struct Sight<'a> {
    pub(crate) desired: &'a BTreeMap<String, Deployment>,
    pub(crate) backends: &'a BTreeMap<String, Backend>,
    /// By [`key`].
    pub(crate) traffic: &'a BTreeMap<String, Traffic>,
    pub(crate) live: &'a [ReplicaJob],
    /// Deployments whose replicas do not come for now, however much is asked of them.
    pub(crate) failing: &'a BTreeSet<String>,
}

/// A route, and how what serves it stands to the name: `None` for a base that only comes along
/// with its adapters.
struct Offer {
    member: Option<Member>,
    route: v1::Route,
}

/// Every served name with what answers for it, by name and callers.
///
/// A name without replicas stays in the list: callers learn that it is starting, not that it does
/// not exist. Where a name is shared or its traffic was decided, everyone who asked for it has a
/// route with its share. Else two deployments may come to serve one base; then the one with
/// replicas answers, the older before the newer.
pub(crate) fn routes(sight: &Sight<'_>) -> Vec<v1::Route> {
    let mut offers: BTreeMap<(String, String), Vec<Offer>> = BTreeMap::new();
    let mut deployments: Vec<&Deployment> = sight.desired.values().collect();
    deployments.sort_by_key(|deployment| deployment.created_at_ms);
    for deployment in deployments {
        for name in deployment.served() {
            let offer = Offer {
                member: deployment.member(name),
                route: route(deployment, name, sight),
            };
            let key = (name.to_owned(), deployment.callers.clone());
            offers.entry(key).or_default().push(offer);
        }
    }
    for backend in sight.backends.values() {
        let key = (backend.model.clone(), backend.callers.clone());
        let offer = Offer {
            member: backend.member(&backend.model),
            route: external(backend),
        };
        offers.entry(key).or_default().push(offer);
    }
    let divide = |((name, callers), group): ((String, String), Vec<Offer>)| {
        divided(group, sight.traffic.get(&key(&callers, &name)))
    };
    offers.into_iter().flat_map(divide).collect()
}

/// The routes of one name and circle of callers.
fn divided(group: Vec<Offer>, decided: Option<&Traffic>) -> Vec<v1::Route> {
    let shared = |offer: &Offer| offer.member.as_ref().is_some_and(|member| member.shares);
    if decided.is_some() || group.iter().any(shared) {
        let asked: Vec<(Member, v1::Route)> = group
            .into_iter()
            .filter_map(|offer| Some((offer.member?, offer.route)))
            .collect();
        let (members, routes): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let all = weights(&members, decided);
        let weighed = routes.into_iter().zip(all);
        return weighed
            .map(|(route, weight)| v1::Route { weight, ..route })
            .collect();
    }
    let mut routes = group.into_iter().map(|offer| offer.route);
    let Some(first) = routes.next() else {
        return Vec::new();
    };
    let best = routes.fold(first, |best, route| {
        if best.replicas.is_empty() && !route.replicas.is_empty() {
            route
        } else {
            best
        }
    });
    vec![v1::Route { weight: 1, ..best }]
}

fn route(deployment: &Deployment, name: &str, sight: &Sight<'_>) -> v1::Route {
    let mut context_length = u32::MAX;
    let mut replicas = Vec::new();
    let mut abilities = deployment.abilities.clone();
    let mine = |job: &&ReplicaJob| job.deployment == deployment.name;
    for job in sight.live.iter().filter(mine) {
        let Some(ready) = &job.ready else { continue };
        if !ready.models.iter().any(|model| model == name) {
            continue;
        }
        if ready.context_length > 0 {
            context_length = context_length.min(ready.context_length);
        }
        if !ready.abilities.is_empty() {
            abilities.clone_from(&ready.abilities);
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
        model: name.to_owned(),
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
        owned_by: owned_by(owner),
        weight: 0,
        wakes: deployment.autoscale.is_some() && !sight.failing.contains(&deployment.name),
        external: None,
        abilities,
    }
}

fn external(backend: &Backend) -> v1::Route {
    v1::Route {
        model: backend.model.clone(),
        deployment: backend.name.clone(),
        tenant: backend.callers.clone(),
        context_length: backend.context_length,
        metering: backend.metering().into(),
        created_at_ms: backend.created_at_ms,
        owned_by: owned_by(&backend.callers),
        external: Some(v1::ExternalServer {
            url: backend.url.clone(),
            model: backend.remote_model.clone(),
            api_key: backend.api_key.reveal().to_owned(),
        }),
        // Whether it can do more is the other server's affair; it refuses for itself.
        abilities: ["chat", "completions", "embeddings"]
            .map(str::to_owned)
            .into(),
        ..v1::Route::default()
    }
}

fn owned_by(callers: &str) -> String {
    if callers.is_empty() || callers == CENTRE {
        "zhisuan".to_owned()
    } else {
        callers.to_owned()
    }
}
