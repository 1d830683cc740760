//! The routes as the scheduler last told them: an actor that watches, a table that answers.

use crate::backoff;
use crate::scheduler::Scheduler;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use zhisuan_proto::v1::{Replica, Route, Routes as Update, WatchRoutesRequest};

/// One state of the routes, by name of the model.
#[derive(Debug, Default)]
pub(crate) struct Table {
    by_model: BTreeMap<String, Vec<Route>>,
    /// Whether the scheduler has ever told the routes.
    pub(crate) known: bool,
    pub(crate) revision: u64,
}

impl Table {
    pub(crate) fn new(update: Update) -> Self {
        let mut by_model: BTreeMap<String, Vec<Route>> = BTreeMap::new();
        for route in update.routes {
            by_model.entry(route.model.clone()).or_default().push(route);
        }
        Self {
            by_model,
            known: true,
            revision: update.revision,
        }
    }

    /// The routes that a request of `tenant` for `model` may take, to be drawn from by weight.
    pub(crate) fn choices(&self, model: &str, tenant: &str) -> Vec<&Route> {
        let routes = self.by_model.get(model).into_iter().flatten();
        zhisuan_proto::choices(routes, model, tenant)
    }

    /// The route that stands for `model` where one is shown to `tenant`; one with replicas first.
    pub(crate) fn find(&self, model: &str, tenant: &str) -> Option<&Route> {
        let choices = self.choices(model, tenant);
        let ready = choices.iter().find(|route| !route.replicas.is_empty());
        ready.or_else(|| choices.first()).copied()
    }

    /// Every model that `tenant` may call, by name.
    pub(crate) fn visible<'a>(&'a self, tenant: &'a str) -> impl Iterator<Item = &'a Route> {
        self.by_model
            .keys()
            .filter_map(move |model| self.find(model, tenant))
    }

    /// Every replica that is in use.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.by_model
            .values()
            .flatten()
            .flat_map(|route| &route.replicas)
    }
}

/// Reads the current table; cheap to clone.
#[derive(Clone)]
pub(crate) struct Routes {
    current: watch::Receiver<Arc<Table>>,
}

impl Routes {
    /// Starts watching; `on_change` runs after every change. Ends when `stop` is cancelled.
    pub(crate) fn start(
        scheduler: Scheduler,
        stop: CancellationToken,
        on_change: impl Fn(&Table) + Send + Sync + 'static,
    ) -> (Self, JoinHandle<()>) {
        let (sender, current) = watch::channel(Arc::new(Table::default()));
        let task = tokio::spawn(async move {
            let publish = |update: Update| {
                let table = Arc::new(Table::new(update));
                on_change(&table);
                sender.send_replace(table);
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = keep_watching(&scheduler, publish) => {}
            }
        });
        (Self { current }, task)
    }

    /// Tells of every new table.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Table>> {
        self.current.clone()
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.current.borrow())
    }
}

/// Watches for ever. A broken watch keeps the last table: replicas go on serving without the
/// scheduler's routes, and what has gone away is found out by the call that fails.
async fn keep_watching(scheduler: &Scheduler, publish: impl Fn(Update) + Sync) {
    let mut attempt = 0;
    loop {
        match watch_once(scheduler, &publish, &mut attempt).await {
            Ok(()) => tracing::info!("the watch of routes ended; it is opened again"),
            Err(status) => tracing::warn!(
                code = ?status.code(), message = status.message(), attempt,
                "cannot watch routes; the last ones stay in use"
            ),
        }
        tokio::time::sleep(backoff::delay(attempt, backoff::spread())).await;
        attempt = attempt.saturating_add(1);
    }
}

async fn watch_once(
    scheduler: &Scheduler,
    publish: impl Fn(Update) + Sync,
    attempt: &mut u32,
) -> Result<(), Status> {
    let answer = scheduler
        .models()
        .watch_routes(WatchRoutesRequest {})
        .await?;
    let mut updates = answer.into_inner();
    while let Some(update) = updates.message().await? {
        *attempt = 0;
        tracing::info!(
            revision = update.revision,
            routes = update.routes.len(),
            "routes"
        );
        publish(update);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Table;
    use zhisuan_proto::v1::{Replica, Route, Routes};

    fn route(model: &str, tenant: &str, ready: bool) -> Route {
        Route {
            model: model.to_owned(),
            tenant: tenant.to_owned(),
            replicas: if ready {
                vec![Replica::default()]
            } else {
                Vec::new()
            },
            ..Route::default()
        }
    }

    #[test]
    fn a_tenants_route_is_its_own_and_comes_first() {
        let table = Table::new(Routes {
            routes: vec![
                route("a", "", true),
                route("a", "hospital", true),
                route("b", "hospital", true),
                route("c", "hospital", false),
                route("c", "", true),
            ],
            revision: 3,
        });
        let tenant_of = |model, tenant| table.find(model, tenant).map(|route| route.tenant.clone());
        assert_eq!(tenant_of("a", "hospital").as_deref(), Some("hospital"));
        assert_eq!(tenant_of("a", "school").as_deref(), Some(""));
        assert_eq!(tenant_of("b", "school"), None);
        assert_eq!(
            tenant_of("c", "hospital").as_deref(),
            Some(""),
            "ready before own"
        );
        let names = |tenant| -> Vec<String> {
            table
                .visible(tenant)
                .map(|route| route.model.clone())
                .collect()
        };
        assert_eq!(names("school"), ["a", "c"]);
        assert_eq!(names("hospital"), ["a", "b", "c"]);
        assert_eq!(table.replicas().count(), 4);
    }
}
