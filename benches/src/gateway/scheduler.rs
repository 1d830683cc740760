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

/// Implements a service by the calls that a gateway makes; the others are refused.
macro_rules! fake_service {
    ($service:ident { $($real:tt)* } absent { $($name:ident($ask:ty) -> $answer:ty;)* }) => {
        #[tonic::async_trait]
        impl $service for FakeScheduler {
            $($real)*
            $(async fn $name(&self, _: Request<$ask>) -> Result<Response<$answer>, Status> {
                Err(Status::unimplemented("absent in the fake"))
            })*
        }
    };
}

fake_service!(Access {
    async fn resolve_key(&self, _: Request<ResolveKeyRequest>) -> Result<Response<Key>, Status> {
        Ok(Response::new(Key {
            id: "bench".to_owned(),
            tenant: "bench".to_owned(),
            role: "tenant".to_owned(),
            ..Key::default()
        }))
    }
} absent {
    create_tenant(CreateTenantRequest) -> Tenant;
    list_tenants(ListTenantsRequest) -> ListTenantsResponse;
    create_key(CreateKeyRequest) -> CreateKeyResponse;
    list_keys(ListKeysRequest) -> ListKeysResponse;
    revoke_key(RevokeKeyRequest) -> Key;
    set_limits(SetLimitsRequest) -> SetLimitsResponse;
    who_am_i(WhoAmIRequest) -> Key;
    create_sign_in_link(CreateSignInLinkRequest) -> CreateSignInLinkResponse;
});

fake_service!(Billing {
    async fn authorize(
        &self,
        _: Request<AuthorizeRequest>,
    ) -> Result<Response<AuthorizeResponse>, Status> {
        Ok(Response::new(AuthorizeResponse::default()))
    }

    async fn settle(
        &self,
        request: Request<SettleRequest>,
    ) -> Result<Response<SettleResponse>, Status> {
        let settled = vec![Settled::default(); request.get_ref().settlements.len()];
        Ok(Response::new(SettleResponse { settled }))
    }
} absent {
    list_prices(ListPricesRequest) -> ListPricesResponse;
    publish_prices(PublishPricesRequest) -> PriceVersion;
    get_account(GetAccountRequest) -> Account;
    list_accounts(ListAccountsRequest) -> ListAccountsResponse;
    top_up(TopUpRequest) -> Account;
    statement(StatementRequest) -> StatementResponse;
    usage(UsageRequest) -> UsageResponse;
});

fake_service!(Models {
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
} absent {
    set_traffic(SetTrafficRequest) -> Traffic;
    list_traffic(ListTrafficRequest) -> ListTrafficResponse;
    add_backend(AddBackendRequest) -> Backend;
    remove_backend(RemoveBackendRequest) -> Backend;
    list_backends(ListBackendsRequest) -> ListBackendsResponse;
    register(RegisterModelRequest) -> ModelManifest;
    list(ListModelsRequest) -> ListModelsResponse;
    get(GetModelRequest) -> ModelManifest;
    deploy(DeployRequest) -> Deployment;
    undeploy(UndeployRequest) -> Deployment;
    update_deployment(UpdateDeploymentRequest) -> Deployment;
    list_deployments(ListDeploymentsRequest) -> ListDeploymentsResponse;
});
