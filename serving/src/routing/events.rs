//! The events of one answer, from whoever gives it, with what they tell written down.

use super::demand::Wanted;
use crate::metrics::Counted;
use crate::trail::Trail;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tonic::Status;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{GenerateEvent, TokenCount};

/// An answer under way, as whoever gives it tells it. Dropping it cancels the work.
pub(crate) type Events = BoxStream<'static, Result<GenerateEvent, Status>>;

/// Counts the answer as running, and writes its times and its end down.
pub(super) fn watched(events: Events, trail: Trail, running: (Counted, Wanted)) -> Events {
    events
        .inspect(move |message| {
            let _ = &running;
            match message {
                Ok(GenerateEvent { event: Some(event) }) => note(&trail, event),
                Ok(_) => {}
                Err(_) => ended(&trail, "replica_unavailable"),
            }
        })
        .boxed()
}

fn note(trail: &Trail, event: &Event) {
    match event {
        // A replica that hands over is followed by one that goes on: nothing has ended.
        Event::Started(_) | Event::Handover(_) => {}
        Event::Delta(_) => trail.with(|record| {
            if record.first_token.is_none() {
                record.first_token = Some(record.started.elapsed());
            }
        }),
        Event::Done(done) => {
            cached(trail, done.usage);
            ended(trail, &done.finish_reason);
        }
        Event::Failed(failed) => {
            cached(trail, failed.usage);
            ended(trail, &failed.code);
        }
    }
}

fn ended(trail: &Trail, reason: &str) {
    trail.with(|record| reason.clone_into(&mut record.reason));
}

fn cached(trail: &Trail, usage: Option<TokenCount>) {
    if let Some(usage) = usage {
        trail.with(|record| record.cached_tokens = u64::from(usage.cached_tokens));
    }
}
