//! One request for text from its route to the first event of a replica, then event by event.
//! A request may ask for several answers; they run side by side under one hold and one meter.

use super::ApiError;
use super::ability::{self, Manner};
use super::asks;
use super::open::authorize;
use super::pieces::{Plan, Talk};
use super::sampling::Wish;
use super::strands::{self, Happened, Item, Planned, Tally};
use super::stream::{self, Shape};
use super::trouble;
use crate::admit::{Admitted, Permit};
use crate::app::App;
use crate::call::Call;
use crate::metrics::Metrics;
use crate::replica::ReplicaKey;
use crate::routing::{Started, start};
use crate::trail::Trail;
use crate::usage::Meter;
use axum::response::Response;
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{Delta, Done, Route, TokenCount};

/// The answers of one request under way. Dropping it cancels the work and settles what was
/// counted.
pub(crate) struct Generation {
    app: App,
    strands: SelectAll<BoxStream<'static, Item>>,
    tallies: Vec<Tally>,
    /// By prompt: strands that wait until the first of theirs has filled the prompt cache.
    waiting: Vec<Vec<Planned>>,
    /// Strands of one prompt.
    group: usize,
    /// The field that the prompts came in.
    prompt_field: &'static str,
    /// Where the first strand runs.
    replica: ReplicaKey,
    meter: Meter,
    pace: Pace,
    ended: bool,
    route: Route,
    stop: CancellationToken,
    trail: Trail,
    _permit: Permit,
}

/// What happened next.
pub(crate) enum Step {
    Delta {
        strand: usize,
        delta: Delta,
    },
    /// A strand is whole.
    Ended {
        strand: usize,
        reason: &'static str,
        /// The stop string that ended it.
        stop: Option<String>,
    },
    /// Every strand is whole.
    Done(TokenCount),
    Failed(ApiError),
}

/// The whole way of one request for text.
pub(crate) async fn answer<S: Shape>(
    app: &App,
    call: &Call,
    admitted: Admitted,
    mut shape: S,
    wish: Wish,
    ability: &str,
) -> Result<Response, ApiError> {
    let is_stream = wish.stream;
    let (plan, toolbox) = (Plan::of(&wish), wish.toolbox.clone());
    let (generation, manner) = open(app, call, admitted, wish, ability).await?;
    shape.opened(&generation.route);
    let talk = Talk::new(generation, plan, manner, toolbox, &call.id);
    if is_stream {
        Ok(stream::events(talk, shape, call.language))
    } else {
        stream::whole(talk, shape).await
    }
}

async fn open(
    app: &App,
    call: &Call,
    admitted: Admitted,
    mut wish: Wish,
    ability: &str,
) -> Result<(Generation, Manner), ApiError> {
    let tenant = admitted.caller.tenant.clone();
    let route = app
        .route(&wish.model, &admitted, wish.request.input.as_ref())
        .await?;
    ability::check(&route, ability)?;
    wish.look_up(app, &admitted.trail, &route).await?;
    let manner = ability::manner(&route, wish.request.input.as_ref());
    if let Some(constraint) = wish.toolbox.constraint(manner)? {
        wish.request.constraint = Some(constraint);
        wish.constraint_field = "tools";
    }
    wish.request.priority = wish.request.priority.max(admitted.caller.band);
    let max_tokens = asks::completion_bound(&wish, route.context_length)?;
    let prompts = 1 + wish.more_prompts.len();
    let group = wish.best_of as usize;
    let hold = asks::hold(&wish, &route, &call.id, &tenant, max_tokens);
    let mut meter = authorize(app, &admitted, hold).await?;
    let (field, constraint_field) = (wish.prompt_field, wish.constraint_field);
    let model = wish.model.clone();
    let mut waiting = asks::strands(wish, &call.id, &tenant, max_tokens);
    let Some(first) = waiting.first_mut().map(|group| group.remove(0)) else {
        return Err(ApiError::internal());
    };
    let started = tokio::select! {
        () = app.hard_stop.cancelled() => Err(ApiError::shutting_down()),
        started = start(app, &admitted.trail, &route, &first.request, None) => started,
    };
    let started = started.map_err(|error| {
        meter.refused();
        error.prompt_is(field).constraint_is(constraint_field)
    })?;
    tracing::info!(
        request_id = %call.id, key = %admitted.caller.key_id, model = %model,
        "answering"
    );
    if started.prompt_tokens == 0 {
        tracing::warn!(
            request_id = %call.id,
            "the replica did not tell the prompt's tokens; if this answer breaks off, they stay uncharged"
        );
    }
    meter.prompt(started.prompt_tokens);
    let mut generation = Generation {
        app: app.clone(),
        strands: SelectAll::new(),
        tallies: (0..prompts * group).map(|_| Tally::new()).collect(),
        waiting,
        group,
        prompt_field: field,
        replica: started.replica.clone(),
        meter,
        pace: Pace::new(app.metrics.clone(), model, call.started),
        ended: false,
        route,
        stop: app.hard_stop.clone(),
        trail: admitted.trail,
        _permit: admitted.permit,
    };
    generation.begin_with(started);
    Ok((generation, manner))
}

impl Generation {
    /// The next step; `None` after `Done` or `Failed`.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        while !self.ended {
            if self.tallies.iter().all(|tally| tally.ended) {
                self.ended = true;
                return Some(Step::Done(self.total()));
            }
            let item = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Some(self.fail(ApiError::shutting_down())),
                item = self.strands.next() => item,
            };
            let Some((strand, happened)) = item else {
                return Some(self.fail(ApiError::replica_lost()));
            };
            if let Some(step) = self.take(strand, happened) {
                return Some(step);
            }
        }
        None
    }

    /// Of the first prompt, as its replica told when it took the request.
    pub(crate) fn prompt_tokens(&self) -> u32 {
        self.tallies[0].count.prompt_tokens
    }

    /// The caller will get nothing of what was generated.
    pub(crate) fn nothing_delivered(&mut self) {
        self.meter.refused();
    }

    /// Ends one strand as it is: the caller has all of it that it wants.
    pub(crate) fn cut(&mut self, strand: usize) {
        let tally = &mut self.tallies[strand];
        tally.ended = true;
        tally.cut.cancel();
        self.meter.counted(self.total());
    }

    fn take(&mut self, strand: usize, happened: Happened) -> Option<Step> {
        if self.tallies[strand].ended {
            return None;
        }
        match happened {
            Happened::Accepted(tokens) => {
                self.tallies[strand].count.prompt_tokens =
                    u32::try_from(tokens).unwrap_or(u32::MAX);
                self.meter.prompt(u64::from(self.total().prompt_tokens));
                return None;
            }
            Happened::Event(Event::Delta(delta)) => {
                self.begin_rest(strand);
                let count = &mut self.tallies[strand].count;
                count.completion_tokens = count.completion_tokens.saturating_add(1);
                self.meter.token();
                if strand == 0 {
                    self.pace.token();
                }
                return Some(Step::Delta { strand, delta });
            }
            Happened::Event(Event::Done(done)) => {
                self.begin_rest(strand);
                return Some(self.strand_done(strand, done));
            }
            Happened::Event(Event::Failed(failed)) => {
                if let Some(usage) = failed.usage {
                    self.tallies[strand].count = usage;
                    self.meter.counted(self.total());
                }
                return Some(self.fail(trouble::of_failed(&failed, &self.route, 1).into_error()));
            }
            Happened::Refused(error) => {
                let error = error.prompt_is(self.prompt_field);
                return Some(self.fail(error));
            }
            // The start is said once, before the first event, and replicas hand over among
            // themselves: either here breaks the protocol.
            Happened::Event(Event::Started(_) | Event::Handover(_)) | Happened::Lost(None) => {}
            Happened::Lost(Some(status)) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "replica lost");
            }
        }
        Some(self.fail(ApiError::replica_lost()))
    }

    /// Follows the first strand, which a replica has taken, and starts the first of every other
    /// prompt.
    fn begin_with(&mut self, started: Started) {
        let first = &mut self.tallies[0];
        first.count.prompt_tokens = u32::try_from(started.prompt_tokens).unwrap_or(u32::MAX);
        let cut = first.cut.clone();
        self.strands.push(strands::follow(0, started, cut));
        for prompt in 1..self.waiting.len() {
            if !self.waiting[prompt].is_empty() {
                let first = self.waiting[prompt].remove(0);
                self.begin(first);
            }
        }
    }

    /// Starts the strands that share the prompt of one that has begun to answer.
    fn begin_rest(&mut self, strand: usize) {
        for planned in std::mem::take(&mut self.waiting[strand / self.group]) {
            self.begin(planned);
        }
    }

    fn begin(&mut self, planned: Planned) {
        let cut = self.tallies[planned.index].cut.clone();
        let prefer = Some(self.replica.clone());
        let (app, route) = (self.app.clone(), self.route.clone());
        let trail = self.trail.clone();
        self.strands
            .push(strands::begin(app, trail, route, planned, prefer, cut));
    }

    /// What the caller is told and the ledger charges: each prompt once, every answer.
    fn total(&self) -> TokenCount {
        let mut total = TokenCount::default();
        for (index, tally) in self.tallies.iter().enumerate() {
            let count = tally.count;
            if index.is_multiple_of(self.group) {
                total.prompt_tokens = total.prompt_tokens.saturating_add(count.prompt_tokens);
                total.cached_tokens = total.cached_tokens.saturating_add(count.cached_tokens);
            }
            total.completion_tokens = total
                .completion_tokens
                .saturating_add(count.completion_tokens);
        }
        total
    }

    fn strand_done(&mut self, strand: usize, done: Done) -> Step {
        self.tallies[strand].count = done.usage.unwrap_or_default();
        self.meter.counted(self.total());
        let Some(reason) = trouble::reason(&done.finish_reason) else {
            return self.fail(ApiError::generation_cancelled());
        };
        self.tallies[strand].ended = true;
        let stop = Some(done.stop_sequence).filter(|stop| !stop.is_empty());
        Step::Ended {
            strand,
            reason,
            stop,
        }
    }

    fn fail(&mut self, error: ApiError) -> Step {
        self.ended = true;
        self.app.metrics.streams_broken.inc();
        // Nobody waits for the other answers.
        self.strands.clear();
        Step::Failed(error)
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if !self.ended {
            self.app.metrics.clients_vanished.inc();
        }
    }
}

/// Times of the tokens of one answer.
struct Pace {
    metrics: Metrics,
    model: String,
    started: Instant,
    last: Option<Instant>,
}

impl Pace {
    fn new(metrics: Metrics, model: String, started: Instant) -> Self {
        Self {
            metrics,
            model,
            started,
            last: None,
        }
    }

    fn token(&mut self) {
        let now = Instant::now();
        match self.last.replace(now) {
            None => self.metrics.first_token(&self.model, now - self.started),
            Some(last) => self.metrics.next_token(&self.model, now - last),
        }
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.metrics.finished(&self.model, self.started.elapsed());
    }
}
