//! One answer among those of a request: asked of a replica, then followed event by event.

use super::ApiError;
use crate::app::App;
use crate::replica::ReplicaKey;
use crate::routing::{Started, start};
use crate::trail::Trail;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{GenerateRequest, Route, TokenCount};

/// What happened to a strand.
pub(super) enum Happened {
    /// A replica took it, with this many prompt tokens.
    Accepted(u64),
    Event(Event),
    /// The replica went away (with its status), or broke the protocol.
    Lost(Option<Status>),
    /// No replica took it.
    Refused(ApiError),
}

/// Number of the strand and what happened to it.
pub(super) type Item = (usize, Happened);

/// A strand that waits for the first of its group, whose prompt it shares.
pub(super) struct Planned {
    pub(super) index: usize,
    pub(super) request: GenerateRequest,
}

/// What is known of a strand.
pub(super) struct Tally {
    pub(super) count: TokenCount,
    pub(super) ended: bool,
    /// Frees its place at the replica.
    pub(super) cut: CancellationToken,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            count: TokenCount::default(),
            ended: false,
            cut: CancellationToken::new(),
        }
    }
}

/// Follows a strand that a replica has taken. Dropping the stream cancels the work there.
pub(super) fn follow(
    index: usize,
    started: Started,
    cut: CancellationToken,
) -> BoxStream<'static, Item> {
    let Started {
        mut events,
        first,
        prompt_tokens,
        outstanding,
        ..
    } = started;
    async_stream::stream! {
        let _outstanding = outstanding;
        yield (index, Happened::Accepted(prompt_tokens));
        let mut next = Ok(Some(first));
        loop {
            let happened = match next.map(|event| event.and_then(|event| event.event)) {
                Ok(Some(event)) => Happened::Event(event),
                Ok(None) => Happened::Lost(None),
                Err(status) => Happened::Lost(Some(status)),
            };
            let last = !matches!(happened, Happened::Event(Event::Delta(_)));
            yield (index, happened);
            if last {
                break;
            }
            next = tokio::select! {
                () = cut.cancelled() => break,
                message = events.next() => message.transpose(),
            };
        }
    }
    .boxed()
}

/// Asks a replica first, the one that has the prompt in its cache if it can take more.
pub(super) fn begin(
    app: App,
    trail: Trail,
    route: Route,
    planned: Planned,
    prefer: Option<ReplicaKey>,
    cut: CancellationToken,
) -> BoxStream<'static, Item> {
    let Planned { index, request } = planned;
    async_stream::stream! {
        match start(&app, &trail, &route, &request, prefer.as_ref()).await {
            Err(error) => yield (index, Happened::Refused(error)),
            Ok(started) => {
                let mut items = follow(index, started, cut);
                while let Some(item) = items.next().await {
                    yield item;
                }
            }
        }
    }
    .boxed()
}
