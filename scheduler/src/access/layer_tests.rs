//! The door, through a real server and a real client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::testing::{FakeClock, FakeTenants, access, code, key};
use super::{Access, AccessService, Role, protect};
use std::sync::Arc;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::{Code, Request};
use zhisuan_proto::v1::access_client::AccessClient;
use zhisuan_proto::v1::access_server::AccessServer;
use zhisuan_proto::v1::jobs_client::JobsClient;
use zhisuan_proto::v1::{GetJobRequest, ListTenantsRequest, ResolveKeyRequest, WhoAmIRequest};

async fn serve(access: &Access, clock: &FakeClock) -> String {
    let tenants = Arc::new(FakeTenants::with(&["acme"]));
    let service = AccessService::new(access.clone(), tenants, clock.now(), "http://c");
    let routes = Routes::new(AccessServer::new(service));
    let router = protect(routes, access.clone(), clock.now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tonic::transport::Server::builder().add_routes(router.into());
    tokio::spawn(server.serve_with_incoming(incoming));
    url
}

fn with<T>(message: T, secret: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {secret}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn the_door_lets_in_by_key_and_role() {
    let access = access();
    let clock = FakeClock::at(10);
    let url = serve(&access, &clock).await;
    let mut client = AccessClient::connect(url.clone()).await.unwrap();

    let refused = client.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(
        (refused.code(), code(&refused).as_str()),
        (Code::Unauthenticated, "ZS-KEY-MISSING")
    );
    let refused = client
        .who_am_i(with(WhoAmIRequest {}, "zs-guess"))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-KEY-UNKNOWN");

    let (secret, acme) = key(&access, Role::Tenant, "acme");
    let me = client
        .who_am_i(with(WhoAmIRequest {}, &secret))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(me.id, acme.key_id);
    let refused = client
        .list_tenants(with(ListTenantsRequest {}, &secret))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), code(&refused).as_str()),
        (Code::PermissionDenied, "ZS-ROLE")
    );
    let resolve = ResolveKeyRequest {
        secret: secret.clone(),
    };
    let (boss, _) = key(&access, Role::Operator, "");
    let refused = client.resolve_key(with(resolve, &boss)).await.unwrap_err();
    assert_eq!(code(&refused), "ZS-ROLE", "not even operators read keys");
    assert_eq!(
        client
            .list_tenants(with(ListTenantsRequest {}, &boss))
            .await
            .unwrap()
            .into_inner()
            .tenants
            .len(),
        1
    );

    // A known method that this server does not carry is still behind the door.
    let mut jobs = JobsClient::connect(url).await.unwrap();
    let refused = jobs.get(GetJobRequest { job_id: 1 }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    access.revoke(&acme.key_id, 20).unwrap();
    let refused = client
        .who_am_i(with(WhoAmIRequest {}, &secret))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-KEY-REVOKED");
}
