//! The Billing service.

use super::{Simulated, account_message, caller, failure, read, scope, statement, tenant_of};
use crate::access::{Caller, Role};
use crate::actor::{Answer, Attached, Core};
use crate::models::Deployments;
use crate::store::Reads;
use crate::words;
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use zhisuan_core::ledger::{Price, PriceVersion, Unit};
use zhisuan_core::{Effect, Event, Millis, Refusal, RequestId};
use zhisuan_proto::v1::{self, billing_server::Billing};

/// Settlements in one call: more would hold up everybody else's events.
const MAX_SETTLEMENTS: usize = 1_000;

/// Prices, accounts, statements, and the meter of inference tokens. Cheap to clone: the console
/// asks through it too.
#[derive(Clone)]
pub(crate) struct BillingService {
    pub(crate) core: Core,
    pub(crate) reads: Arc<dyn Reads>,
    pub(crate) deployments: Deployments,
}

fn price_message(version: &PriceVersion) -> v1::PriceVersion {
    let prices = version.prices.iter().map(|(sku, price)| v1::Price {
        sku: sku.clone(),
        unit: price.unit.name().to_owned(),
        price_micro: price.price_micro,
    });
    v1::PriceVersion {
        version: version.version,
        effective_from_ms: version.effective_from.0,
        prices: prices.collect(),
    }
}

fn parse_prices(prices: &[v1::Price]) -> Result<BTreeMap<String, Price>, Refusal> {
    let units = [Unit::CoreHour, Unit::DeviceHour, Unit::MillionTokens];
    let mut parsed = BTreeMap::new();
    for price in prices {
        let unit = units
            .into_iter()
            .find(|unit| unit.name() == price.unit)
            .ok_or_else(|| {
                let field = format!("prices[{}].unit", price.sku);
                Refusal::invalid(
                    field,
                    &price.unit,
                    "core-hour, device-hour or million-tokens",
                )
            })?;
        let entry = Price {
            unit,
            price_micro: price.price_micro,
        };
        if parsed.insert(price.sku.clone(), entry).is_some() {
            return Err(Refusal::invalid("prices.sku", &price.sku, "each SKU once"));
        }
    }
    Ok(parsed)
}

impl BillingService {
    async fn account(&self, tenant: zhisuan_core::TenantName) -> Result<v1::Account, Status> {
        let name = tenant.clone();
        let account = self.core.ask(move |state, _| {
            state
                .tenants()
                .get(&tenant)
                .map(|tenant| account_message(tenant, state.ledger()))
        });
        let account = account.await.map_err(|error| failure(&error))?;
        account.ok_or_else(|| words::refusal(&Refusal::UnknownTenant(name)))
    }

    /// Accounts that the caller may see.
    pub(crate) async fn accounts(&self, caller: &Caller) -> Result<Vec<v1::Account>, Status> {
        let scope = scope(caller, "")?;
        let accounts = self.core.ask(move |state, _| {
            let seen = |tenant: &&zhisuan_core::Tenant| {
                scope.as_ref().is_none_or(|name| *name == tenant.name)
            };
            state
                .tenants()
                .values()
                .filter(seen)
                .map(|tenant| account_message(tenant, state.ledger()))
                .collect()
        });
        accounts.await.map_err(|error| failure(&error))
    }

    pub(crate) async fn statement_for(
        &self,
        caller: &Caller,
        ask: v1::StatementRequest,
    ) -> Result<v1::StatementResponse, Status> {
        let tenant = tenant_of(caller, &ask.tenant)?;
        self.account(tenant.clone()).await?;
        let page = super::page::page(ask.page.as_ref())?;
        let to = if ask.to_ms == 0 {
            self.now().await?.plus(1)
        } else {
            Millis(ask.to_ms)
        };
        let from = Millis(ask.from_ms);
        let simulated = self.core.ask(|state, _| Simulated::of(state)).await;
        statement(
            self.reads.clone(),
            tenant,
            from,
            to,
            page.token.unwrap_or(0),
            page.limit,
            simulated.map_err(|error| failure(&error))?,
        )
        .await
    }

    /// On dedicated deployments the replicas' time is paid for and tokens are only counted. The
    /// route is the one that the gateway says it takes, or one that it may take. A price is
    /// skipped only when no route in question has one.
    fn priced(&self, model: &str, tenant: &str, deployment: &str) -> bool {
        let routes = self.deployments.routes();
        let routes = routes.borrow();
        let free = |route: &v1::Route| route.metering() == v1::Metering::Dedicated;
        let taken = routes.routes.iter().find(|route| {
            route.deployment == deployment
                && route.model == model
                && (route.tenant.is_empty() || route.tenant == tenant)
        });
        if let Some(route) = taken {
            return !free(route);
        }
        let choices = zhisuan_proto::choices(&routes.routes, model, tenant);
        choices.is_empty() || !choices.into_iter().all(free)
    }

    async fn now(&self) -> Result<Millis, Status> {
        self.core
            .ask(|_, now| now)
            .await
            .map_err(|error| failure(&error))
    }
}

#[tonic::async_trait]
impl Billing for BillingService {
    async fn list_prices(
        &self,
        request: Request<v1::ListPricesRequest>,
    ) -> Result<Response<v1::ListPricesResponse>, Status> {
        let all = request.into_inner().all_versions;
        let versions = self.core.ask(move |state, now| {
            let book = &state.ledger().book;
            let current = book.in_force(now).map(|version| version.version);
            let wanted = |version: &&PriceVersion| all || Some(version.version) == current;
            book.versions()
                .iter()
                .filter(wanted)
                .map(price_message)
                .collect()
        });
        let versions = versions.await.map_err(|error| failure(&error))?;
        Ok(Response::new(v1::ListPricesResponse { versions }))
    }

    async fn publish_prices(
        &self,
        request: Request<v1::PublishPricesRequest>,
    ) -> Result<Response<v1::PriceVersion>, Status> {
        let message = request.into_inner();
        let prices = parse_prices(&message.prices).map_err(|refusal| words::refusal(&refusal))?;
        // "Now" is read here and may be a moment old when the event is applied.
        let effective_from = match message.effective_from_ms {
            0 => self.now().await?.plus(1_000),
            from => Millis(from),
        };
        let event = Event::PricesPublished {
            effective_from,
            prices,
        };
        let effects = self
            .core
            .apply(event)
            .await
            .map_err(|error| failure(&error))?;
        let Some(Effect::PricesPublished(number)) = effects.first().cloned() else {
            return Err(Status::internal("a publication was not answered"));
        };
        let version = self.core.ask(move |state, _| {
            state
                .ledger()
                .book
                .version(number)
                .map(price_message)
                .unwrap_or_default()
        });
        Ok(Response::new(
            version.await.map_err(|error| failure(&error))?,
        ))
    }

    async fn get_account(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::Account>, Status> {
        let caller = caller(&request)?;
        let tenant = tenant_of(&caller, &request.into_inner().tenant)?;
        Ok(Response::new(self.account(tenant).await?))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let accounts = self.accounts(&caller(&request)?).await?;
        Ok(Response::new(v1::ListAccountsResponse { accounts }))
    }

    async fn top_up(
        &self,
        request: Request<v1::TopUpRequest>,
    ) -> Result<Response<v1::Account>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let tenant = tenant_of(&caller, &message.tenant)?;
        let (amount_micro, reference) = (message.amount_micro, message.reference);
        let event = Event::ToppedUp {
            tenant: tenant.clone(),
            amount_micro,
            reference,
        };
        self.core
            .apply(event)
            .await
            .map_err(|error| failure(&error))?;
        Ok(Response::new(self.account(tenant).await?))
    }

    async fn statement(
        &self,
        request: Request<v1::StatementRequest>,
    ) -> Result<Response<v1::StatementResponse>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(
            self.statement_for(&caller, request.into_inner()).await?,
        ))
    }

    async fn usage(
        &self,
        request: Request<v1::UsageRequest>,
    ) -> Result<Response<v1::UsageResponse>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let tenant = scope(&caller, &message.tenant)?;
        let to = if message.to_ms == 0 {
            self.now().await?.plus(1)
        } else {
            Millis(message.to_ms)
        };
        let (from, reads) = (Millis(message.from_ms), self.reads.clone());
        let totals =
            read(move || reads.by_sku(tenant.as_ref().map(|name| name.0.as_str()), from, to))
                .await?;
        let lines: Vec<v1::UsageLine> = totals
            .into_iter()
            .map(|total| v1::UsageLine {
                sku: total.sku,
                unit: total.unit,
                quantity: u64::try_from(total.quantity).unwrap_or(0),
                amount_micro: total.amount_micro,
                charges: total.lines,
            })
            .collect();
        let total_micro = lines.iter().map(|line| line.amount_micro).sum();
        Ok(Response::new(v1::UsageResponse { lines, total_micro }))
    }

    async fn authorize(
        &self,
        request: Request<v1::AuthorizeRequest>,
    ) -> Result<Response<v1::AuthorizeResponse>, Status> {
        let caller = caller(&request)?;
        debug_assert!(matches!(caller.role, Role::Gateway | Role::Operator));
        let message = request.into_inner();
        let tenant = tenant_of(&caller, &message.tenant)?;
        let event = Event::RequestAuthorized {
            request: RequestId(message.request_id),
            priced: self.priced(&message.model, &tenant.0, &message.deployment),
            tenant,
            model: message.model,
            max_prompt_tokens: message.max_prompt_tokens,
            max_completion_tokens: message.max_completion_tokens,
        };
        let effects = self
            .core
            .apply(event)
            .await
            .map_err(|error| failure(&error))?;
        match effects.first() {
            Some(Effect::Authorized {
                held_micro,
                price_version,
                ..
            }) => {
                let (held_micro, price_version) = (*held_micro, *price_version);
                Ok(Response::new(v1::AuthorizeResponse {
                    held_micro,
                    price_version,
                }))
            }
            _ => Err(Status::internal("an authorisation was not answered")),
        }
    }

    async fn settle(
        &self,
        request: Request<v1::SettleRequest>,
    ) -> Result<Response<v1::SettleResponse>, Status> {
        let message = request.into_inner();
        let event = Event::RequestSettled {
            request: RequestId(message.request_id),
            prompt_tokens: message.prompt_tokens,
            completion_tokens: message.completion_tokens,
        };
        let answer = self.core.apply(event).await;
        let charged_micro = charged(&answer)?;
        Ok(Response::new(v1::SettleResponse { charged_micro }))
    }

    async fn settle_many(
        &self,
        request: Request<v1::SettleManyRequest>,
    ) -> Result<Response<v1::SettleManyResponse>, Status> {
        let settlements = request.into_inner().settlements;
        if settlements.len() > MAX_SETTLEMENTS {
            let refusal =
                Refusal::invalid("settlements", settlements.len(), "at most 1000 in one call");
            return Err(words::refusal(&refusal));
        }
        // All of them are in line before the first answer is awaited, so one commit takes them.
        let mut answers = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            let event = Event::RequestSettled {
                request: RequestId(settlement.request_id),
                prompt_tokens: settlement.prompt_tokens,
                completion_tokens: settlement.completion_tokens,
            };
            answers.push(self.core.queue(event, Attached::Nothing, None).await);
        }
        let mut settled = Vec::with_capacity(answers.len());
        for answer in answers {
            let answer = match answer {
                Ok(answer) => answer.await,
                Err(failure) => Err(failure),
            };
            settled.push(settled_message(&answer));
        }
        Ok(Response::new(v1::SettleManyResponse { settled }))
    }
}

/// What one settlement charged, or why it is refused.
fn charged(answer: &Answer) -> Result<i64, Status> {
    match answer.as_ref().map(|effects| effects.first()) {
        Ok(Some(Effect::Settled { charged_micro, .. })) => Ok(*charged_micro),
        Ok(_) => Err(Status::internal("a settlement was not answered")),
        Err(error) => Err(failure(error)),
    }
}

/// How one settlement of many ended; a refused one does not touch the others.
fn settled_message(answer: &Answer) -> v1::Settled {
    match charged(answer) {
        Ok(charged_micro) => v1::Settled {
            charged_micro,
            refusal: None,
        },
        Err(status) => v1::Settled {
            charged_micro: 0,
            refusal: Some(v1::SettleRefusal {
                status: status.code().into(),
                message: status.message().to_owned(),
                detail: zhisuan_proto::detail_of(&status),
            }),
        },
    }
}
