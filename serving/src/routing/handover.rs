//! An answer whose replica is stopped goes on at another one: the caller, the guard and the meter
//! see one undisturbed stream.

use super::dispatch::ask;
use super::events::Events;
use super::prefix::Chain;
use crate::app::App;
use crate::backoff::{self, spread};
use crate::replica::{self, Outstanding, ReplicaKey};
use crate::trail::Trail;
use futures::StreamExt as _;
use std::collections::BTreeSet;
use std::time::Instant;
use tonic::Code;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{
    Failed, GenerateEvent, GenerateRequest, Handover, Replica, Resume, Route, TokenCount,
};

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

    /// Another replica that goes on; `None` when none does. Those of the answer's own route come
    /// first; a sibling's replica goes on when it runs the same weights.
    async fn go_on(&mut self, resume: &Resume) -> Option<(Replica, Events, Outstanding)> {
        let began = Instant::now();
        for attempt in 1.. {
            let targets = self.app.targets(&self.route, &self.request.tenant);
            let mut may_come = targets.first().is_some_and(|own| own.wakes);
            for target in &targets {
                for replica in self.app.replicas.ranked(target, &self.chain, spread()) {
                    if self.left.contains(&place(replica)) {
                        continue;
                    }
                    match self.at(replica, resume).await {
                        Ok((events, outstanding)) => {
                            return Some((replica.clone(), events, outstanding));
                        }
                        // Of other weights, or gone.
                        Err(Code::NotFound | Code::Unauthenticated) => {
                            self.left.insert(place(replica));
                        }
                        Err(Code::InvalidArgument | Code::Internal) => return None,
                        Err(_) => may_come = true,
                    }
                }
            }
            if !may_come || began.elapsed() >= self.app.patience {
                return None;
            }
            // Every try sends the whole answer so far: full replicas are asked less and less often.
            tokio::time::sleep(backoff::delay(attempt, spread())).await;
        }
        None
    }

    async fn at(&self, replica: &Replica, resume: &Resume) -> Result<(Events, Outstanding), Code> {
        let leased = self.app.replicas.lease(replica).ok_or(Code::NotFound)?;
        let request = GenerateRequest {
            resume: Some(resume.clone()),
            ..self.request.clone()
        };
        let asked = ask(leased, &self.trail, request).await;
        asked.map_err(|status| {
            tracing::warn!(
                replica = %replica.address, code = ?status.code(), message = status.message(),
                "a replica does not go on with an answer"
            );
            status.code()
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
