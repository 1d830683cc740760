//! The way in: a bounded number of requests inside, the caller's limits, then a fair place at work.

use crate::app::App;
use crate::fair::{Ask, DEFAULT_WEIGHT, Place};
use crate::keys::Caller;
use crate::limits::{Limits, Unit};
use crate::metrics::Counted;
use crate::openai::ApiError;
use crate::trail::Trail;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use dashmap::DashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zhisuan_proto::v1::AuthorizeRequest;

/// Bounds the requests inside, at work or waiting, and with them the memory that they take.
#[derive(Clone)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    limit: usize,
}

/// One request inside; gives its room back when dropped.
pub(crate) struct Permit {
    _room: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit)),
            limit,
        }
    }

    /// Room for one request more; `None` when there is none.
    pub(crate) fn admit(&self) -> Option<Permit> {
        let room = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Permit { _room: room })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn inflight(&self) -> usize {
        self.limit.saturating_sub(self.permits.available_permits())
    }
}

/// Who asks, the room taken for it, and what is written down about it.
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    pub(crate) permit: Permit,
    pub(crate) trail: Trail,
    /// Tells conversations apart where the caller does so itself.
    pub(crate) session: Option<u64>,
}

/// Every call that does something for a tenant begins so.
impl FromRequestParts<App> for Admitted {
    type Rejection = ApiError;

    async fn from_request_parts(head: &mut Parts, app: &App) -> Result<Self, ApiError> {
        app.admit(head).await
    }
}

/// The right to work: tokens taken from the limits by estimate, and a place. Dropped with the
/// request's meter, it puts the limits right and frees the place.
pub(crate) struct Pass {
    limits: Limits,
    estimates: Estimates,
    caller: Caller,
    model: String,
    estimated: u64,
    actual: Option<(u64, u64)>,
    place: Option<Place>,
    pub(crate) trail: Trail,
}

impl Pass {
    /// What was really used.
    pub(crate) fn used(&mut self, prompt_tokens: u64, completion_tokens: u64) {
        self.actual = Some((prompt_tokens, completion_tokens));
        self.trail.with(|record| {
            record.prompt_tokens = prompt_tokens;
            record.completion_tokens = completion_tokens;
        });
        if completion_tokens > 0 {
            self.estimates.learn(&self.model, completion_tokens);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let (prompt, completion) = self.actual.unwrap_or((0, 0));
        let actual = prompt.saturating_add(completion);
        self.limits
            .correct(self.caller.subject(), Unit::Tokens, self.estimated, actual);
        if let Some(place) = &mut self.place {
            place.used(actual);
        }
    }
}

impl App {
    /// The limits of tokens, then a place at work: at once, or in turn within the queue's patience.
    pub(crate) async fn pass(
        &self,
        admitted: &Admitted,
        hold: &AuthorizeRequest,
    ) -> Result<Pass, ApiError> {
        let caller = admitted.caller.clone();
        let estimated = self.estimates.of(hold);
        admitted
            .trail
            .with(|record| record.model.clone_from(&hold.model));
        let taken = self.limits.take(caller.subject(), Unit::Tokens, estimated);
        admitted
            .trail
            .with(|record| record.standings = self.limits.standings(caller.subject()));
        taken.map_err(|reached| ApiError::rate_limited(&reached, estimated))?;
        let ask = Ask {
            tenant: caller.tenant.as_str().into(),
            weight: caller.weight.unwrap_or(DEFAULT_WEIGHT),
            band: caller.band,
            tokens: estimated,
        };
        // From here on a drop gives the tokens back.
        let mut pass = Pass {
            limits: self.limits.clone(),
            estimates: self.estimates.clone(),
            caller,
            model: hold.model.clone(),
            estimated,
            actual: None,
            place: None,
            trail: admitted.trail.clone(),
        };
        let began = Instant::now();
        let waiting = (
            Counted::new(self.metrics.waiting.with_label_values(&[&hold.model])),
            self.demand
                .waiting(pass.trail.with(|record| record.route.clone())),
        );
        let place = tokio::select! {
            () = self.hard_stop.cancelled() => return Err(ApiError::shutting_down()),
            place = self.places.take(ask, self.patience) => place,
        };
        drop(waiting);
        let queued = began.elapsed();
        self.metrics.queued(&hold.model, queued);
        pass.trail.with(|record| record.queued += queued);
        pass.place = Some(place.map_err(|refused| ApiError::no_place(&refused))?);
        Ok(pass)
    }
}

/// Weight of the newest answer in a model's mean: one eighth.
const LEARNED: u64 = 8;
/// Tokens of an answer before anything is known of a model.
const FIRST_GUESS: u64 = 256;
/// Bytes of text per token, on average over Chinese, English and code.
const BYTES_PER_TOKEN: u64 = 3;

/// How many tokens a request will likely take; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Estimates {
    // By model: an eighth of a token is kept, so that small means do not stick.
    completion: Arc<DashMap<String, u64>>,
}

impl Estimates {
    /// The bound of a prompt is its bytes; an answer is guessed from the model's earlier ones.
    fn of(&self, hold: &AuthorizeRequest) -> u64 {
        let mean = self
            .completion
            .get(&hold.model)
            .map_or(FIRST_GUESS, |mean| *mean / LEARNED);
        hold.max_prompt_tokens
            .div_ceil(BYTES_PER_TOKEN)
            .saturating_add(mean.min(hold.max_completion_tokens))
    }

    fn learn(&self, model: &str, tokens: u64) {
        if let Some(mut mean) = self.completion.get_mut(model) {
            *mean = next_mean(*mean, tokens);
        } else {
            let first = next_mean(FIRST_GUESS * LEARNED, tokens);
            self.completion.insert(model.to_owned(), first);
        }
    }
}

/// Both in eighths of a token but the newest.
fn next_mean(mean: u64, newest: u64) -> u64 {
    (mean - mean.div_ceil(LEARNED)).saturating_add(newest)
}

#[cfg(test)]
mod tests {
    use super::{Admission, Estimates};
    use zhisuan_proto::v1::AuthorizeRequest;

    #[test]
    fn the_limit_holds_and_room_comes_back() {
        let admission = Admission::new(2);
        let (first, second) = (admission.admit(), admission.admit());
        assert!(first.is_some() && second.is_some());
        assert_eq!(admission.inflight(), 2);
        assert!(admission.admit().is_none());
        drop(first);
        assert!(admission.admit().is_some());
    }

    #[test]
    fn estimates_follow_a_models_answers_and_stay_below_the_bound() {
        let hold = AuthorizeRequest {
            model: "m".to_owned(),
            max_prompt_tokens: 300,
            max_completion_tokens: 4_000,
            ..AuthorizeRequest::default()
        };
        let estimates = Estimates::default();
        assert_eq!(estimates.of(&hold), 100 + 256);
        for _ in 0..100 {
            estimates.learn("m", 20);
        }
        assert_eq!(estimates.of(&hold), 120);
        let short = AuthorizeRequest {
            max_completion_tokens: 5,
            ..hold
        };
        assert_eq!(estimates.of(&short), 105);
    }
}
