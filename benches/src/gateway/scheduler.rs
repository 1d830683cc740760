//! A fake scheduler: one key, no prices, two routes; so that only the gateway is measured.

use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use tonic::{Request, Response, Status};
use zhisuan_proto::v1::access_server::Access;
use zhisuan_proto::v1::billing_server::Billing;
use zhisuan_proto::v1::models_server::Models;
#[cfg_attr(
    not(test),
    expect(
        clippy::wildcard_imports,
        reason = "three whole services name most messages"
    )
)]
use zhisuan_proto::v1::*;

/// Secret of the only caller.
pub(super) const KEY: &str = "zs-bench";

/// Answers every call from memory.
#[derive(Clone)]
pub(super) struct FakeScheduler {
    pub(super) routes: Vec<Route>,
}

fake_scheduler! {
    FakeScheduler:
    Access {
        async fn resolve_key(&self, _: Request<ResolveKeyRequest>) -> Result<Response<Key>, Status> {
            Ok(Response::new(Key {
                id: "bench".to_owned(),
                tenant: "bench".to_owned(),
                role: "tenant".to_owned(),
                ..Key::default()
            }))
        }
    }
    Billing {
        async fn authorize(
            &self,
            _: Request<AuthorizeRequest>,
        ) -> Result<Response<AuthorizeResponse>, Status> {
            Ok(Response::new(AuthorizeResponse::default()))
        }

        async fn settle_many(
            &self,
            request: Request<SettleManyRequest>,
        ) -> Result<Response<SettleManyResponse>, Status> {
            let settled = vec![Settled::default(); request.get_ref().settlements.len()];
            Ok(Response::new(SettleManyResponse { settled }))
        }
    }
    Models {
        type WatchRoutesStream = BoxStream<'static, Result<Routes, Status>>;

        async fn watch_routes(
            &self,
            _: Request<WatchRoutesRequest>,
        ) -> Result<Response<Self::WatchRoutesStream>, Status> {
            let routes = Routes {
                routes: self.routes.clone(),
                revision: 1,
            };
            let once = stream::once(async { Ok(routes) });
            Ok(Response::new(once.chain(stream::pending()).boxed()))
        }

        async fn report_demand(
            &self,
            _: Request<ReportDemandRequest>,
        ) -> Result<Response<ReportDemandResponse>, Status> {
            Ok(Response::new(ReportDemandResponse {}))
        }
    }
}
