//! The events of one answer, from whoever gives it, with what they tell written down.

use crate::metrics::{Counted, Metrics};
use crate::replica::Outstanding;
use crate::trail::Trail;
use tonic::{Status, Streaming};
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{GenerateEvent, TokenCount};

/// An answer under way. Dropping it cancels the work.
pub(crate) struct Events {
    source: Source,
    trail: Trail,
    _running: Counted,
}

pub(super) enum Source {
    Replica(Streaming<GenerateEvent>),
}

impl Events {
    pub(super) fn new(source: Source, trail: Trail, metrics: &Metrics, model: &str) -> Self {
        Self {
            source,
            trail,
            _running: Counted::new(metrics.running.with_label_values(&[model])),
        }
    }

    /// The next event; `None` when the stream ended, which it only may after its last event.
    pub(crate) async fn message(&mut self) -> Result<Option<GenerateEvent>, Status> {
        let message = match &mut self.source {
            Source::Replica(stream) => stream.message().await,
        };
        match &message {
            Ok(Some(GenerateEvent { event: Some(event) })) => note(&self.trail, event),
            Ok(_) | Err(_) => self
                .trail
                .with(|record| "replica_unavailable".clone_into(&mut record.reason)),
        }
        message
    }
}

fn note(trail: &Trail, event: &Event) {
    trail.with(|record| {
        let count =
            |usage: Option<TokenCount>| usage.map_or(0, |usage| u64::from(usage.cached_tokens));
        match event {
            Event::Started(_) => {}
            Event::Delta(_) => {
                if record.first_token.is_none() {
                    record.first_token = Some(record.started.elapsed());
                }
            }
            Event::Done(done) => {
                record.reason.clone_from(&done.finish_reason);
                record.cached_tokens = count(done.usage);
            }
            Event::Failed(failed) => {
                record.reason.clone_from(&failed.code);
                record.cached_tokens = count(failed.usage);
            }
        }
    });
}

/// A request that somebody took.
pub(crate) struct Started {
    pub(crate) events: Events,
    pub(crate) first: GenerateEvent,
    pub(crate) prompt_tokens: u64,
    pub(crate) outstanding: Outstanding,
}
