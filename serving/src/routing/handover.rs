//! An answer whose replica is stopped goes on at another one: the caller, the guard and the meter
//! see one undisturbed stream.

use super::demand::RouteName;
use super::dispatch::ask;
use super::events::Events;
use super::prefix::Chain;
use crate::app::App;
use crate::backoff::spread;
use crate::openai::{Verdict, trouble};
use crate::replica::{self, Outstanding, ReplicaKey};
use crate::trail::Trail;
use futures::StreamExt as _;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{
    Failed, GenerateEvent, GenerateRequest, Handover, Replica, Resume, Route, TokenCount,
};

/// Between two looks for a replica while those that are there are full.
const PAUSE: Duration = Duration::from_millis(100);

/// What is needed to go on with an answer elsewhere.
pub(super) struct Relay {
    app: App,
    trail: Trail,
    route: Route,
    chain: Chain,
    /// Without its prompt, which the replica hands over as tokens.
    request: GenerateRequest,
    /// Replicas that have handed the answer over, with their epochs.
    left: BTreeSet<(ReplicaKey, u64)>,
}

impl Relay {
    pub(super) fn new(
        app: &App,
        trail: &Trail,
        route: &Route,
        chain: &Chain,
        request: &GenerateRequest,
    ) -> Self {
        Self {
            app: app.clone(),
            trail: trail.clone(),
            // The replicas of now say nothing about those of then.
            route: Route {
                replicas: Vec::new(),
                ..route.clone()
            },
            chain: chain.clone(),
            request: GenerateRequest {
                input: None,
                ..request.clone()
            },
            left: BTreeSet::new(),
        }
    }

    /// Another replica that goes on; `None` when none does.
    async fn go_on(&mut self, resume: &Resume) -> Option<(Replica, Events, Outstanding)> {
        let began = Instant::now();
        loop {
            let route = self.route_now()?;
            let mut others = false;
            for replica in self.app.replicas.ranked(&route, &self.chain, spread()) {
                if self.left.contains(&place(replica)) {
                    continue;
                }
                others = true;
                match self.at(&route, replica, resume).await {
                    Ok((events, outstanding)) => return Some((replica.clone(), events, outstanding)),
                    Err(Verdict::Final(error)) => {
                        tracing::error!(code = error.code, "a handed over answer was refused");
                        return None;
                    }
                    Err(Verdict::Elsewhere(_)) => {}
                }
            }
            if !(others || route.wakes) || began.elapsed() >= self.app.patience {
                return None;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The answer's route as it is now. Other routes of the name run other versions.
    fn route_now(&self) -> Option<Route> {
        let table = self.app.routes.table();
        let tenant = &self.request.tenant;
        let name = RouteName::of(&self.route);
        let mut choices = table.choices(&self.route.model, tenant).into_iter();
        choices.find(|route| RouteName::of(route) == name).cloned()
    }

    async fn at(
        &self,
        route: &Route,
        replica: &Replica,
        resume: &Resume,
    ) -> Result<(Events, Outstanding), Verdict> {
        let refused = |status| trouble::of_replica(&status, route, 1);
        let leased = self.app.replicas.lease(replica);
        let leased = leased.ok_or_else(|| refused(tonic::Status::unavailable("no address")))?;
        let request = GenerateRequest {
            resume: Some(resume.clone()),
            ..self.request.clone()
        };
        ask(leased, &self.trail, request).await.map_err(|status| {
            tracing::warn!(replica = %replica.address, code = ?status.code(), "replica does not go on with an answer");
            refused(status)
        })
    }
}

fn place(replica: &Replica) -> (ReplicaKey, u64) {
    (replica::key(replica), replica.epoch)
}

/// The events of an answer that `replica` begins, without a seam where another one goes on. When
/// nobody does, the answer fails as one whose replica is gone.
pub(super) fn seamless(mut relay: Relay, mut replica: Replica, mut events: Events) -> Events {
    async_stream::stream! {
        // Counts the call at the replica that goes on; the first one is counted by whoever asked.
        let mut _outstanding = None;
        let mut begun = false;
        while let Some(message) = events.next().await {
            match message {
                Ok(GenerateEvent { event: Some(Event::Handover(Handover { resume, usage })) }) => {
                    relay.left.insert(place(&replica));
                    let resume = resume.unwrap_or_default();
                    let next = relay.go_on(&resume).await;
                    relay.app.metrics.handed_over(next.is_some());
                    let Some((next, more, outstanding)) = next else {
                        yield Ok(nobody(usage));
                        return;
                    };
                    relay.trail.with(|record| record.replica.clone_from(&next.address));
                    relay.app.replicas.learn(&relay.chain, &outstanding);
                    (replica, events, _outstanding, begun) = (next, more, Some(outstanding), true);
                }
                // Told once already.
                Ok(GenerateEvent { event: Some(Event::Started(_)) }) if begun => {}
                other => yield other,
            }
        }
    }
    .boxed()
}

/// The end of an answer that nobody goes on with.
fn nobody(usage: Option<TokenCount>) -> GenerateEvent {
    GenerateEvent {
        event: Some(Event::Failed(Failed {
            code: "ZS-ENGINE-ENGINE-STOPPED".to_owned(),
            message: "副本停止，没有其他副本可以接着回答".to_owned(),
            usage,
        })),
    }
}
