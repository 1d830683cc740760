//! Names that several serve, replicas that follow demand, and changes while it runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::Deployments;
use super::testing::{Bench, QWEN, acme, ask, bench, boss, news, ready};
use crate::access::testing::{code, request};
use tonic::Status;
use zhisuan_core::JobState;
use zhisuan_proto::v1::models_server::Models as _;
use zhisuan_proto::v1::{self, DeployRequest, TrafficShare};

fn second() -> DeployRequest {
    DeployRequest {
        name: "v2".into(),
        serve_as: QWEN.into(),
        ..ask(1)
    }
}

async fn set(bench: &Bench, shares: &[(&str, u32)], revision: u64) -> Result<v1::Traffic, Status> {
    let share = |(deployment, weight): &(&str, u32)| TrafficShare {
        deployment: (*deployment).into(),
        weight: *weight,
    };
    let wanted = v1::SetTrafficRequest {
        model: QWEN.into(),
        shares: shares.iter().map(share).collect(),
        expected_revision: revision,
    };
    let answer = bench.service.set_traffic(request(wanted, &boss())).await;
    answer.map(tonic::Response::into_inner)
}

fn weights(deployments: &Deployments) -> Vec<(String, u32)> {
    let routes = deployments.routes();
    let routes = routes.borrow();
    let weight = |route: &v1::Route| (route.deployment.clone(), route.weight);
    routes.routes.iter().map(weight).collect()
}

fn shares(pairs: &[(&str, u32)]) -> Vec<(String, u32)> {
    let pair = |(name, weight): &(&str, u32)| ((*name).to_owned(), *weight);
    pairs.iter().map(pair).collect()
}

#[tokio::test]
async fn a_canary_gets_its_share_and_is_rolled_back() {
    let bench = bench();
    let service = &bench.service;
    service.deploy(request(ask(1), &boss())).await.unwrap();
    bench.clock.set(2_000_000);
    service.deploy(request(second(), &boss())).await.unwrap();
    let first = [(QWEN, 1), ("v2", 0)];
    assert_eq!(
        weights(&bench.deployments),
        shares(&first),
        "nothing for the new one before somebody says so"
    );

    let unknown = set(&bench, &[("v3", 1)], 0).await.unwrap_err();
    let detail = zhisuan_proto::detail_of(&unknown).unwrap();
    assert_eq!(detail.field, "shares[0].deployment");
    let nothing = set(&bench, &[(QWEN, 0), ("v2", 0)], 0).await.unwrap_err();
    let detail = zhisuan_proto::detail_of(&nothing).unwrap();
    assert_eq!(detail.field, "shares[].weight");

    let canary = [(QWEN, 95), ("v2", 5)];
    let told = set(&bench, &canary, 0).await.unwrap();
    assert_eq!(told.revision, 1);
    assert_eq!(weights(&bench.deployments), shares(&canary));
    let late = set(&bench, &canary, 7).await.unwrap_err();
    assert_eq!(code(&late), "ZS-TRAFFIC-REVISION");

    // After a restart the division is the same, and it knows the way back.
    let records = bench.records.clone();
    let again = Deployments::open(records, bench.jobs.clone(), bench.clock.now()).unwrap();
    assert_eq!(weights(&again), shares(&canary));
    let listed = again.list_traffic(None);
    let back: Vec<(String, u32)> = listed[0]
        .previous
        .iter()
        .map(|share| (share.deployment.clone(), share.weight))
        .collect();
    assert_eq!(back, shares(&first));

    let undeploy = |name: &str| v1::UndeployRequest { name: name.into() };
    let busy = service.undeploy(request(undeploy("v2"), &boss())).await;
    assert_eq!(code(&busy.unwrap_err()), "ZS-DEPLOYMENT-TRAFFIC");
    set(&bench, &first, 1).await.unwrap();
    let gone = service.undeploy(request(undeploy("v2"), &boss())).await;
    gone.unwrap();
    assert_eq!(weights(&bench.deployments), shares(&[(QWEN, 1)]));
}

#[tokio::test]
async fn tenants_divide_what_is_theirs_only() {
    let bench = bench();
    bench
        .service
        .deploy(request(ask(1), &boss()))
        .await
        .unwrap();
    let wanted = v1::SetTrafficRequest {
        model: QWEN.into(),
        shares: vec![TrafficShare {
            deployment: QWEN.into(),
            weight: 1,
        }],
        expected_revision: 0,
    };
    let foreign = bench.service.set_traffic(request(wanted, &acme())).await;
    assert_eq!(code(&foreign.unwrap_err()), "ZS-FIELD");
}

fn backend(name: &str, model: &str, url: &str) -> v1::AddBackendRequest {
    v1::AddBackendRequest {
        backend: Some(v1::Backend {
            name: name.into(),
            model: model.into(),
            url: url.into(),
            ..v1::Backend::default()
        }),
        api_key: "sk-very-secret".into(),
    }
}

#[tokio::test]
async fn a_back_end_is_a_route_and_its_key_is_shown_to_gateways_only() {
    let bench = bench();
    let add = |wanted| bench.service.add_backend(request(wanted, &boss()));
    for bad in [
        "ftp://far/v1",
        "https://user:pw@far/v1",
        "https://far/v1?key=1",
        "https://far",
        "far/v1",
        "https:///v1",
    ] {
        let refused = add(backend("far", "glm", bad)).await.unwrap_err();
        let detail = zhisuan_proto::detail_of(&refused).unwrap();
        assert_eq!(detail.field, "backend.url", "{bad}");
        assert!(!detail.message_zh.contains("user:pw"));
    }
    let refused = add(backend("far", "unpriced", "https://far/v1")).await;
    assert_eq!(code(&refused.unwrap_err()), "ZS-PRICE-MISSING");
    let added = add(backend("far", "glm", "https://far:8443/api/v1/")).await;
    let added = added.unwrap().into_inner();
    assert_eq!(added.url, "https://far:8443/api/v1");
    let twice = add(backend("far", "other", "https://far/v1")).await;
    assert_eq!(code(&twice.unwrap_err()), "ZS-BACKEND-EXISTS");

    let routes = bench.deployments.routes().borrow().clone();
    let external = routes.routes[0].external.clone().unwrap();
    assert_eq!(external.api_key, "sk-very-secret");
    assert_eq!(
        (routes.routes[0].weight, external.model.as_str()),
        (1, "glm")
    );
    let listed = format!("{:?}", bench.deployments.list_backends());
    let stored = format!("{:?}", bench.deployments.state().backends);
    assert!(!listed.contains("secret") && !stored.contains("secret"));

    let remove = |name: &str| {
        let wanted = v1::RemoveBackendRequest { name: name.into() };
        bench.service.remove_backend(request(wanted, &boss()))
    };
    assert_eq!(
        code(&remove("near").await.unwrap_err()),
        "ZS-BACKEND-UNKNOWN"
    );
    remove("far").await.unwrap();
    assert!(bench.deployments.routes().borrow().routes.is_empty());
}

fn demand(waiting: u32) -> v1::ReportDemandRequest {
    v1::ReportDemandRequest {
        gateway: "g".into(),
        demand: vec![v1::RouteDemand {
            model: QWEN.into(),
            waiting,
            ..v1::RouteDemand::default()
        }],
        valid_ms: 5_000,
    }
}

#[tokio::test]
async fn replicas_follow_demand_to_nothing_and_back() {
    let bench = bench();
    let follow = DeployRequest {
        autoscale: Some(v1::Autoscale {
            floor: 0,
            ceiling: 3,
            target_inflight: 4,
            idle_s: 60,
        }),
        ..ask(0)
    };
    let (service, all) = (&bench.service, &bench.deployments);
    service.deploy(request(follow, &boss())).await.unwrap();
    all.seen(news(1, JobState::Running, 1));
    all.ready(1, ready(1));
    let state = |all: &Deployments| all.list(None)[0].clone();
    assert_eq!(state(all).state, "ready");

    let report = |waiting| service.report_demand(request(demand(waiting), &boss()));
    report(12).await.unwrap();
    all.reconcile_once().await;
    assert_eq!(bench.jobs.submitted.lock().unwrap().len(), 3);
    let now = state(all);
    let text = now.reason.unwrap().text_en;
    assert_eq!((now.state.as_str(), now.replicas), ("scaling", 3));
    assert!(
        text.contains("12 requests under way, one replica is meant for 4"),
        "{text}"
    );

    // The report is too old; a minute later the replicas go: out of the routes, then stopped.
    bench.clock.set(1_061_000);
    all.reconcile_once().await;
    assert!(
        bench.deployments.routes().borrow().routes[0]
            .replicas
            .is_empty()
    );
    assert_eq!(
        *bench.jobs.cancelled.lock().unwrap(),
        [2, 3],
        "those that never answered go at once"
    );
    bench.clock.set(1_062_000);
    all.reconcile_once().await;
    assert!(bench.jobs.cancelled.lock().unwrap().contains(&1));
    for job in [1, 2, 3] {
        all.seen(news(job, JobState::Cancelled, 1));
    }
    let asleep = state(all);
    assert_eq!((asleep.state.as_str(), asleep.replicas), ("asleep", 0));
    assert!(bench.deployments.routes().borrow().routes[0].wakes);

    report(1).await.unwrap();
    all.reconcile_once().await;
    assert_eq!(bench.jobs.submitted.lock().unwrap().len(), 4, "woken");
    assert_eq!(state(all).state, "scaling");
}

#[tokio::test]
async fn a_change_reaches_replicas_that_run() {
    let bench = bench();
    let service = &bench.service;
    let named = DeployRequest {
        serve_as: "assistant".into(),
        ..ask(1)
    };
    service.deploy(request(named, &boss())).await.unwrap();
    bench.deployments.seen(news(1, JobState::Running, 1));
    bench.deployments.ready(1, ready(1));
    bench.clock.set(2_000_000);
    bench.deployments.reconcile_once().await;
    let told = bench.jobs.told.lock().unwrap().clone();
    assert_eq!(told[0].1.served_as[QWEN], "assistant");
    assert_eq!(
        bench.deployments.list(None)[0].reason.clone().unwrap().code,
        "adapters_changing"
    );

    let update = |wanted| service.update_deployment(request(wanted, &boss()));
    let both = v1::UpdateDeploymentRequest {
        name: QWEN.into(),
        replicas: 2,
        autoscale: Some(v1::Autoscale::default()),
        ..v1::UpdateDeploymentRequest::default()
    };
    assert_eq!(code(&update(both).await.unwrap_err()), "ZS-FIELD");
    let two = v1::UpdateDeploymentRequest {
        name: QWEN.into(),
        replicas: 2,
        ..v1::UpdateDeploymentRequest::default()
    };
    assert_eq!(update(two).await.unwrap().into_inner().replicas, 2);
    bench.deployments.reconcile_once().await;
    assert_eq!(bench.jobs.submitted.lock().unwrap().len(), 2);
}
