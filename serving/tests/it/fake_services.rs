//! The calls of the scheduler that no gateway makes, refused: for fakes of it that answer the others.
//! The gateway's tests and its bench share this file.

/// Implements the three services that a gateway calls by the calls that it makes.
macro_rules! fake_scheduler {
    (@ $fake:ty: $service:ident { $($real:tt)* } absent {
        $($name:ident($ask:ty) -> $answer:ty;)*
    }) => {
        #[tonic::async_trait]
        impl $service for $fake {
            $($real)*
            $(async fn $name(&self, _: Request<$ask>) -> Result<Response<$answer>, Status> {
                Err(Status::unimplemented("absent in the fake"))
            })*
        }
    };
    (
        $fake:ty:
        Access { $($access:tt)* }
        Billing { $($billing:tt)* }
        Models { $($models:tt)* }
    ) => {
        fake_scheduler!(@ $fake: Access { $($access)* } absent {
            create_tenant(CreateTenantRequest) -> Tenant;
            list_tenants(ListTenantsRequest) -> ListTenantsResponse;
            create_key(CreateKeyRequest) -> CreateKeyResponse;
            list_keys(ListKeysRequest) -> ListKeysResponse;
            revoke_key(RevokeKeyRequest) -> Key;
            set_limits(SetLimitsRequest) -> SetLimitsResponse;
            who_am_i(WhoAmIRequest) -> Key;
            create_sign_in_link(CreateSignInLinkRequest) -> CreateSignInLinkResponse;
        });
        fake_scheduler!(@ $fake: Billing { $($billing)* } absent {
            list_prices(ListPricesRequest) -> ListPricesResponse;
            publish_prices(PublishPricesRequest) -> PriceVersion;
            get_account(GetAccountRequest) -> Account;
            list_accounts(ListAccountsRequest) -> ListAccountsResponse;
            top_up(TopUpRequest) -> Account;
            statement(StatementRequest) -> StatementResponse;
            usage(UsageRequest) -> UsageResponse;
            settle(SettleRequest) -> SettleResponse;
        });
        fake_scheduler!(@ $fake: Models { $($models)* } absent {
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
    };
}
