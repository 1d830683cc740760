//! How many requests run and wait for each route, told to the scheduler: deployments that follow
//! demand are woken and let go by it.

use crate::scheduler::{Scheduler, within};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use zhisuan_proto::v1::{ReportDemandRequest, Route, RouteDemand};

/// A report is sent so often, and sooner after a change.
const EVERY: Duration = Duration::from_secs(1);
/// Changes within this time go into one report.
const GATHER: Duration = Duration::from_millis(100);
/// A gateway that is gone is forgotten after so long.
const VALID_MS: u32 = 5_000;

/// What a route is told apart by.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteName {
    pub(crate) model: String,
    pub(crate) tenant: String,
    pub(crate) deployment: String,
}

impl RouteName {
    pub(crate) fn of(route: &Route) -> Self {
        Self {
            model: route.model.clone(),
            tenant: route.tenant.clone(),
            deployment: route.deployment.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Waiting,
}

#[derive(Default)]
struct Inner {
    // (running, waiting); routes without either are absent.
    counts: Mutex<BTreeMap<RouteName, (u32, u32)>>,
    changed: Notify,
}

/// Counts demand; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Demand(Arc<Inner>);

/// One request that runs or waits; uncounted when dropped.
pub(crate) struct Wanted {
    demand: Demand,
    name: RouteName,
    state: State,
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.demand.count(&self.name, self.state, -1);
    }
}

impl Demand {
    /// A request at work.
    pub(crate) fn running(&self, name: RouteName) -> Wanted {
        self.wanted(name, State::Running)
    }

    /// A request that waits for a place or a replica.
    pub(crate) fn waiting(&self, name: RouteName) -> Wanted {
        self.wanted(name, State::Waiting)
    }

    fn wanted(&self, name: RouteName, state: State) -> Wanted {
        self.count(&name, state, 1);
        Wanted {
            demand: self.clone(),
            name,
            state,
        }
    }

    fn count(&self, name: &RouteName, state: State, by: i32) {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counts.entry(name.clone()).or_default();
        let number = match state {
            State::Running => &mut entry.0,
            State::Waiting => &mut entry.1,
        };
        *number = number.saturating_add_signed(by);
        if *entry == (0, 0) {
            counts.remove(name);
        }
        drop(counts);
        self.0.changed.notify_one();
    }

    fn report(&self, gateway: &str) -> ReportDemandRequest {
        let counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let demand = counts
            .iter()
            .map(|(name, &(running, waiting))| RouteDemand {
                model: name.model.clone(),
                tenant: name.tenant.clone(),
                deployment: name.deployment.clone(),
                running,
                waiting,
            });
        ReportDemandRequest {
            gateway: gateway.to_owned(),
            demand: demand.collect(),
            valid_ms: VALID_MS,
        }
    }

    /// Reports until `stop` is cancelled.
    pub(crate) fn start(
        &self,
        scheduler: Scheduler,
        gateway: String,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        let demand = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = demand.keep_reporting(&scheduler, &gateway) => {}
            }
        })
    }

    async fn keep_reporting(&self, scheduler: &Scheduler, gateway: &str) {
        let mut told = None;
        loop {
            let report = self.report(gateway);
            // Nothing is news only after it was told once.
            if !report.demand.is_empty() || told != Some(Vec::new()) {
                match scheduler
                    .models()
                    .report_demand(within(report.clone()))
                    .await
                {
                    Ok(_) => told = Some(report.demand),
                    Err(status) if status.code() == Code::Unimplemented => {
                        tracing::info!("the scheduler does not follow demand");
                        return;
                    }
                    Err(status) => {
                        told = None;
                        tracing::debug!(code = ?status.code(), "demand not reported");
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.0.changed.notified() => tokio::time::sleep(GATHER).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, RouteName};

    #[test]
    fn a_report_names_what_runs_and_waits_and_forgets_what_ended() {
        let demand = Demand::default();
        let name = |deployment: &str| RouteName {
            model: "m".to_owned(),
            deployment: deployment.to_owned(),
            ..RouteName::default()
        };
        let (first, second) = (demand.running(name("a")), demand.running(name("a")));
        let waits = demand.waiting(name("b"));
        let numbers = || -> Vec<(String, u32, u32)> {
            let demand = demand.report("g").demand;
            demand
                .into_iter()
                .map(|route| (route.deployment, route.running, route.waiting))
                .collect()
        };
        assert_eq!(numbers(), [("a".to_owned(), 2, 0), ("b".to_owned(), 0, 1)]);
        drop((first, waits));
        assert_eq!(numbers(), [("a".to_owned(), 1, 0)]);
        drop(second);
        assert!(numbers().is_empty());
    }
}
