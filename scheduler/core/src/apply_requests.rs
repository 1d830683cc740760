//! Inference requests: money is held before the first byte, charged at the end, released if not.

use crate::ledger::{Charge, MAX_BOOKING_MICRO, Source, Unit, token_amount};
use crate::state::RequestHold;
use crate::{Effect, Event, Millis, Refusal, RequestId, State};

const MAX_TOKENS: u64 = 1_000_000_000;
/// How long a settled request is remembered for a repeated settlement.
const SETTLED_MS: u64 = 24 * 3_600_000;
/// How often what is too old is dropped: a look at every record per request would be too dear.
const SWEEP_MS: u64 = 60_000;

impl State {
    pub(crate) fn request_authorized(
        &mut self,
        event: &Event,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        let Event::RequestAuthorized {
            request,
            tenant,
            model,
            priced,
            max_prompt_tokens,
            max_completion_tokens,
        } = event
        else {
            return Ok(Vec::new());
        };
        if request.0.is_empty() || request.0.len() > 96 {
            let accepted = "1 to 96 characters";
            return Err(Refusal::invalid("request_id", &request.0, accepted));
        }
        check_tokens("max_prompt_tokens", *max_prompt_tokens)?;
        check_tokens("max_completion_tokens", *max_completion_tokens)?;
        if self.requests.contains_key(request) || self.settled.contains_key(request) {
            return Err(Refusal::Conflict(format!("request_id {request}")));
        }
        let payer = self.tenant(tenant)?.clone();
        let (price_version, in_price_micro, out_price_micro) =
            self.token_prices(model, *priced, now)?;
        let held_micro = token_amount(in_price_micro, *max_prompt_tokens)
            .zip(token_amount(out_price_micro, *max_completion_tokens))
            .and_then(|(prompt, completion)| prompt.checked_add(completion))
            .filter(|held| *held <= MAX_BOOKING_MICRO)
            .ok_or_else(|| {
                Refusal::invalid("max_completion_tokens", max_completion_tokens, "fewer")
            })?;
        let available_micro = self.ledger.spendable(&payer);
        if *priced && available_micro <= 0 {
            let (tenant, needed_micro) = (tenant.clone(), held_micro);
            return Err(Refusal::Balance {
                tenant,
                needed_micro,
                available_micro,
            });
        }
        let (request, model) = (request.clone(), model.clone());
        let source = Source::Request {
            request: request.clone(),
            model: model.clone(),
        };
        let posted = self.ledger.hold(&payer, held_micro, source, now)?;
        let hold = RequestHold {
            tenant: payer.name,
            model,
            held_micro,
            price_version,
            in_price_micro,
            out_price_micro,
            at: now,
        };
        self.requests.insert(request.clone(), hold);
        let authorized = Effect::Authorized {
            request,
            held_micro,
            price_version,
        };
        Ok(vec![Effect::Posted(Box::new(posted)), authorized])
    }

    /// Version in force and the prices of a million tokens in and out, zero where they are free.
    fn token_prices(
        &self,
        model: &str,
        priced: bool,
        now: Millis,
    ) -> Result<(u64, i64, i64), Refusal> {
        let version = self.prices(now)?;
        if !priced {
            return Ok((version.version, 0, 0));
        }
        let price = |side: &str| version.price(&format!("tokens-{side}:{model}"));
        let (tokens_in, tokens_out) = (price("in")?, price("out")?);
        Ok((
            version.version,
            tokens_in.price_micro,
            tokens_out.price_micro,
        ))
    }

    pub(crate) fn request_settled(
        &mut self,
        request: &RequestId,
        prompt_tokens: u64,
        completion_tokens: u64,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        if let Some((charged_micro, _)) = self.settled.get(request) {
            let (request, charged_micro) = (request.clone(), *charged_micro);
            return Ok(vec![Effect::Settled {
                request,
                charged_micro,
            }]);
        }
        check_tokens("prompt_tokens", prompt_tokens)?;
        check_tokens("completion_tokens", completion_tokens)?;
        let hold = self
            .requests
            .remove(request)
            .ok_or_else(|| Refusal::UnknownRequest(request.clone()))?;
        let mut effects = Vec::new();
        let mut left = hold.held_micro;
        let sides = [
            ("tokens-in", hold.in_price_micro, prompt_tokens),
            ("tokens-out", hold.out_price_micro, completion_tokens),
        ];
        for (side, price_micro, tokens) in sides.into_iter().filter(|(_, _, tokens)| *tokens > 0) {
            let amount = token_amount(price_micro, tokens)
                .unwrap_or(left)
                .clamp(0, left);
            left -= amount;
            let charge = token_charge(side, &hold, price_micro, tokens);
            let source = request_source(request, &hold);
            let posted = self
                .ledger
                .charge(&hold.tenant, amount, source, charge, now);
            effects.push(Effect::Posted(Box::new(posted)));
        }
        effects.extend(self.release_request(request, &hold, left, now));
        let charged_micro = hold.held_micro - left;
        if now.since(self.swept_at) >= SWEEP_MS {
            self.swept_at = now;
            self.settled
                .retain(|_, (_, at)| now.since(*at) < SETTLED_MS);
        }
        self.settled.insert(request.clone(), (charged_micro, now));
        effects.push(Effect::Settled {
            request: request.clone(),
            charged_micro,
        });
        Ok(effects)
    }

    pub(crate) fn request_expired(
        &mut self,
        request: &RequestId,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        let hold = self
            .requests
            .remove(request)
            .ok_or_else(|| Refusal::UnknownRequest(request.clone()))?;
        Ok(self
            .release_request(request, &hold, hold.held_micro, now)
            .into_iter()
            .collect())
    }

    fn release_request(
        &mut self,
        request: &RequestId,
        hold: &RequestHold,
        left: i64,
        now: Millis,
    ) -> Option<Effect> {
        if left == 0 {
            return None;
        }
        let source = request_source(request, hold);
        let posted = self.ledger.release(&hold.tenant, left, source, now);
        Some(Effect::Posted(Box::new(posted)))
    }
}

fn check_tokens(field: &str, tokens: u64) -> Result<(), Refusal> {
    if tokens > MAX_TOKENS {
        let accepted = format!("at most {MAX_TOKENS}");
        return Err(Refusal::invalid(field, tokens, accepted));
    }
    Ok(())
}

fn request_source(request: &RequestId, hold: &RequestHold) -> Source {
    Source::Request {
        request: request.clone(),
        model: hold.model.clone(),
    }
}

fn token_charge(side: &str, hold: &RequestHold, price_micro: i64, tokens: u64) -> Charge {
    Charge {
        sku: format!("{side}:{}", hold.model),
        unit: Unit::MillionTokens,
        quantity: tokens,
        duration_ms: 0,
        quantity_milli: 0,
        price_version: hold.price_version,
        price_micro,
        reverses: None,
    }
}
