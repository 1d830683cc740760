//! Names that several serve: traffic, other people's servers, and what gateways say of demand.

use super::backend::Backend;
use super::deployments::{BACKEND, Deployments, TRAFFIC};
use super::error::{ModelError, SharingError};
use super::traffic::{Member, Traffic, decide, key, weights};
use std::collections::BTreeSet;
use tonic::Status;
use zhisuan_proto::v1;

impl Deployments {
    /// Divides a name anew. `owner` `None` may move anybody's deployments.
    pub(crate) async fn set_traffic(
        &self,
        request: v1::SetTrafficRequest,
        owner: Option<&str>,
    ) -> Result<v1::Traffic, Status> {
        let _acting = self.0.acting.lock().await;
        let now_ms = (self.0.now)();
        let decided = {
            let state = self.state();
            let members = state.members(&request.model);
            let known = |key: &str| state.traffic.get(key).cloned();
            decide(request, &members, owner, known, now_ms)?
        };
        self.put(TRAFFIC, decided.key(), decided.clone()).await?;
        let answer = decided.to_proto();
        self.state().traffic.insert(decided.key(), decided);
        self.publish();
        Ok(answer)
    }

    /// Every name that is shared or whose traffic was decided, as callers of `tenant` see it;
    /// `None` sees all. What nobody decided has revision 0.
    pub(crate) fn list_traffic(&self, tenant: Option<&str>) -> Vec<v1::Traffic> {
        let state = self.state();
        let asked = state.desired.values().flat_map(|one| &one.asked);
        let names: BTreeSet<&String> = asked
            .chain(state.backends.values().map(|backend| &backend.model))
            .collect();
        let mut found = Vec::new();
        for name in names {
            let members = state.members(name);
            let circles: BTreeSet<&str> = members.iter().map(|one| one.callers.as_str()).collect();
            let seen =
                |circle: &&str| circle.is_empty() || tenant.is_none_or(|tenant| tenant == *circle);
            for callers in circles.into_iter().filter(seen) {
                let decided = state.traffic.get(&key(callers, name));
                let mine = members.iter().filter(|member| member.callers == callers);
                let mine: Vec<Member> = mine.cloned().collect();
                if decided.is_some() || mine.len() > 1 {
                    found.push(in_force(name, callers, &mine, decided));
                }
            }
        }
        found
    }

    /// Puts somebody else's server behind a name.
    pub(crate) async fn add_backend(
        &self,
        request: v1::AddBackendRequest,
    ) -> Result<v1::Backend, Status> {
        let backend = Backend::plan(request, (self.0.now)())?;
        let _acting = self.0.acting.lock().await;
        let taken = {
            let state = self.state();
            let name = &backend.name;
            state.backends.contains_key(name)
                || state.desired.contains_key(name)
                || state.stopping.contains_key(name)
        };
        if taken {
            return Err(ModelError::from(SharingError::BackendExists(backend.name)).into());
        }
        let (model, callers) = (backend.model.clone(), backend.callers.clone());
        self.0
            .port
            .check_sale(model, callers, !backend.dedicated)
            .await?;
        self.put(BACKEND, backend.name.clone(), backend.clone())
            .await?;
        let answer = backend.to_proto();
        self.state().backends.insert(backend.name.clone(), backend);
        self.publish();
        Ok(answer)
    }

    /// Takes it away again; refused while it carries traffic that others could.
    pub(crate) async fn remove_backend(&self, name: &str) -> Result<v1::Backend, Status> {
        let _acting = self.0.acting.lock().await;
        let found = self.state().backends.get(name).cloned();
        let found =
            found.ok_or_else(|| ModelError::from(SharingError::BackendUnknown(name.to_owned())))?;
        if let Some(member) = found.member(&found.model) {
            self.check_idle(&[(&found.model, member)])?;
        }
        self.delete(BACKEND, name).await?;
        self.state().backends.remove(name);
        self.drop_shares(name).await?;
        self.publish();
        Ok(found.to_proto())
    }

    pub(crate) fn list_backends(&self) -> Vec<v1::Backend> {
        self.state()
            .backends
            .values()
            .map(Backend::to_proto)
            .collect()
    }

    /// Takes in what a gateway says of its requests.
    pub(crate) fn report_demand(&self, report: v1::ReportDemandRequest) -> Result<(), ModelError> {
        self.state().demand.report(report, (self.0.now)())?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// What was taken away has no share any more; a name that nobody else serves needs no decision.
    pub(super) async fn drop_shares(&self, deployment: &str) -> Result<(), ModelError> {
        let touched: Vec<Traffic> = {
            let state = self.state();
            let named = |traffic: &&Traffic| {
                let mut shares = traffic.shares.iter();
                shares.any(|share| share.deployment == deployment)
            };
            state.traffic.values().filter(named).cloned().collect()
        };
        for mut traffic in touched {
            traffic
                .shares
                .retain(|share| share.deployment != deployment);
            traffic.revision = traffic.revision.saturating_add(1);
            traffic.changed_at_ms = (self.0.now)();
            let key = traffic.key();
            if traffic.shares.iter().all(|share| share.weight == 0) {
                self.delete(TRAFFIC, &key).await?;
                self.state().traffic.remove(&key);
            } else {
                self.put(TRAFFIC, key.clone(), traffic.clone()).await?;
                self.state().traffic.insert(key, traffic);
            }
        }
        Ok(())
    }
}

/// A name's shares as they are in force.
fn in_force(
    name: &str,
    callers: &str,
    members: &[Member],
    decided: Option<&Traffic>,
) -> v1::Traffic {
    let told = decided.map(Traffic::to_proto).unwrap_or_default();
    let all = weights(members, decided);
    let shares = members
        .iter()
        .zip(all)
        .map(|(member, weight)| v1::TrafficShare {
            deployment: member.deployment.clone(),
            weight,
        });
    v1::Traffic {
        model: name.to_owned(),
        tenant: callers.to_owned(),
        shares: shares.collect(),
        ..told
    }
}
