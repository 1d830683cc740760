//! A fake scheduler: keys, holds and routes from memory; it writes down what it was asked.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status};
use zhisuan_proto::v1::access_server::Access;
use zhisuan_proto::v1::billing_server::Billing;
use zhisuan_proto::v1::models_server::Models;
use zhisuan_proto::v1::*;

pub(crate) const GATEWAY_KEY: &str = "zs-gateway-secret";

#[derive(Clone)]
pub(crate) struct FakeScheduler {
    pub(crate) keys: Arc<Mutex<HashMap<String, Key>>>,
    pub(crate) authorized: Arc<Mutex<Vec<AuthorizeRequest>>>,
    pub(crate) settled: Arc<Mutex<Vec<SettleRequest>>>,
    /// Settlements that will fail with "unavailable" before one is taken.
    pub(crate) settle_failures: Arc<AtomicU32>,
    /// The holds of all requests have expired.
    pub(crate) holds_expired: Arc<AtomicBool>,
    /// Every call fails while this is set.
    pub(crate) away: Arc<AtomicBool>,
    pub(crate) resolved: Arc<AtomicU32>,
    pub(crate) routes: watch::Sender<Routes>,
    pub(crate) demand: Arc<Mutex<Vec<ReportDemandRequest>>>,
}

impl FakeScheduler {
    pub(crate) fn new() -> Self {
        Self {
            keys: Arc::default(),
            authorized: Arc::default(),
            settled: Arc::default(),
            settle_failures: Arc::default(),
            holds_expired: Arc::default(),
            away: Arc::default(),
            resolved: Arc::default(),
            demand: Arc::default(),
            routes: watch::channel(Routes::default()).0,
        }
    }

    pub(crate) fn key(&self, secret: &str, tenant: &str, role: &str) -> Key {
        let key = Key {
            id: format!("id-{secret}"),
            tenant: tenant.to_owned(),
            role: role.to_owned(),
            ..Key::default()
        };
        self.keys
            .lock()
            .unwrap()
            .insert(secret.to_owned(), key.clone());
        key
    }

    /// Refuses while away, and whoever does not show the gateway's key.
    fn check<T>(&self, request: &Request<T>) -> Result<(), Status> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("fake scheduler is away"));
        }
        let shown = request
            .metadata()
            .get("authorization")
            .and_then(|v| v.to_str().ok());
        if shown == Some(&format!("Bearer {GATEWAY_KEY}")) {
            Ok(())
        } else {
            Err(Status::unauthenticated("not the gateway's key"))
        }
    }
}

fake_scheduler! {
    FakeScheduler:
    Access {
        async fn resolve_key(
            &self,
            request: Request<ResolveKeyRequest>,
        ) -> Result<Response<Key>, Status> {
            self.check(&request)?;
            self.resolved.fetch_add(1, Ordering::SeqCst);
            let key = self.keys.lock().unwrap().get(&request.get_ref().secret).cloned();
            key.map(Response::new).ok_or_else(|| Status::not_found("no such key"))
        }
    }
    Billing {
        async fn authorize(
            &self,
            request: Request<AuthorizeRequest>,
        ) -> Result<Response<AuthorizeResponse>, Status> {
            self.check(&request)?;
            let ask = request.into_inner();
            if ask.tenant == "poor" {
                let detail = ErrorDetail {
                    code: "ZS-BALANCE".to_owned(),
                    message_zh: "余额不足：需要 12 元，可用 3 元。".to_owned(),
                    ..ErrorDetail::default()
                };
                return Err(zhisuan_proto::status(Code::FailedPrecondition, "balance", &detail));
            }
            self.authorized.lock().unwrap().push(ask);
            Ok(Response::new(AuthorizeResponse { held_micro: 1, price_version: 1 }))
        }

        async fn settle_many(
            &self,
            request: Request<SettleManyRequest>,
        ) -> Result<Response<SettleManyResponse>, Status> {
            self.check(&request)?;
            let failing = self.settle_failures.fetch_update(
                Ordering::SeqCst,
                Ordering::SeqCst,
                |left| left.checked_sub(1),
            );
            if failing.is_ok() {
                return Err(Status::unavailable("fake scheduler is away"));
            }
            let expired = self.holds_expired.load(Ordering::SeqCst);
            let refusal = expired.then(|| SettleRefusal {
                status: Code::NotFound.into(),
                message: "no hold of this request".to_owned(),
                detail: None,
            });
            let mut settled = Vec::new();
            for settlement in request.into_inner().settlements {
                if !expired {
                    self.settled.lock().unwrap().push(settlement);
                }
                settled.push(Settled { charged_micro: 1, refusal: refusal.clone() });
            }
            Ok(Response::new(SettleManyResponse { settled }))
        }
    }
    Models {
        type WatchRoutesStream = Pin<Box<dyn Stream<Item = Result<Routes, Status>> + Send>>;

        async fn watch_routes(
            &self,
            request: Request<WatchRoutesRequest>,
        ) -> Result<Response<Self::WatchRoutesStream>, Status> {
            self.check(&request)?;
            let updates = WatchStream::new(self.routes.subscribe()).map(Ok);
            Ok(Response::new(Box::pin(updates)))
        }

        async fn report_demand(
            &self,
            request: Request<ReportDemandRequest>,
        ) -> Result<Response<ReportDemandResponse>, Status> {
            self.check(&request)?;
            self.demand.lock().unwrap().push(request.into_inner());
            Ok(Response::new(ReportDemandResponse {}))
        }
    }
}
