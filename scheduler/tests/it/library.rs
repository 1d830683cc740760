//! Files by content, models and what is served from them.

use crate::scripted::{Session, ended, register};
use crate::support::{Centre, Clients, refusal};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use zhisuan_proto::v1::{
    self, put_artifact_request::Message as Part, scheduler_message::Message as Order,
    worker_message::Message as Report,
};
use zhisuan_scheduler::Role;

const MODEL: &str = "smollm2-135m-instruct";

fn upload(
    bytes: &[u8],
    sha256: &str,
) -> impl tokio_stream::Stream<Item = v1::PutArtifactRequest> + use<> {
    let header = v1::Artifact {
        sha256: sha256.to_owned(),
        bytes: bytes.len() as u64,
        name: "data.jsonl".to_owned(),
        ..v1::Artifact::default()
    };
    let part = |message| v1::PutArtifactRequest {
        message: Some(message),
    };
    let chunks: Vec<_> = bytes
        .chunks(3)
        .map(|chunk| part(Part::Data(chunk.to_vec())))
        .collect();
    tokio_stream::iter(std::iter::once(part(Part::Header(header))).chain(chunks))
}

async fn download(
    clients: &mut Clients,
    sha256: &str,
    offset: u64,
) -> Result<Vec<u8>, tonic::Status> {
    let ask = v1::GetArtifactRequest {
        sha256: sha256.to_owned(),
        offset,
    };
    let mut stream = clients.artifacts.get(ask).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.message().await? {
        bytes.extend_from_slice(&chunk.data);
    }
    Ok(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_whole_and_only_to_its_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start(folder.path()).await;
    let mut acme = centre.tenant("acme", 1).await;
    let mut other = centre.tenant("other", 1).await;
    let bytes = "一二三four".as_bytes();
    let sha256 = hex::encode(Sha256::digest(bytes));
    let wrong = acme
        .artifacts
        .put(upload(b"tampered", &sha256))
        .await
        .unwrap_err();
    assert_eq!(refusal(&wrong).0, "ZS-ARTIFACT-HASH");
    assert!(
        download(&mut acme, &sha256, 0).await.is_err(),
        "a wrong file keeps nothing"
    );
    let kept = acme
        .artifacts
        .put(upload(bytes, &sha256))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (kept.sha256.as_str(), kept.bytes),
        (sha256.as_str(), bytes.len() as u64)
    );
    assert_eq!(download(&mut acme, &sha256, 0).await.unwrap(), bytes);
    assert_eq!(download(&mut acme, &sha256, 9).await.unwrap(), b"four");
    let hidden = download(&mut other, &sha256, 0).await.unwrap_err();
    assert_eq!(refusal(&hidden).0, "ZS-ARTIFACT-UNKNOWN");
    centre.handle.shutdown().await;
}

async fn deployment(clients: &mut Clients) -> v1::Deployment {
    let all = clients
        .models
        .list_deployments(v1::ListDeploymentsRequest {})
        .await
        .unwrap();
    all.into_inner()
        .deployments
        .into_iter()
        .next()
        .unwrap_or_default()
}

async fn until_state(clients: &mut Clients, state: &str) -> v1::Deployment {
    for _ in 0..200 {
        let found = deployment(clients).await;
        if found.state == state {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!(
        "the deployment never became {state:?}: {:?}",
        deployment(clients).await
    );
}

fn deploy(model: &str) -> v1::DeployRequest {
    v1::DeployRequest {
        model: model.to_owned(),
        ..v1::DeployRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_gets_routes_survives_a_restart_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start(folder.path()).await;
    let unknown = centre
        .operator
        .models
        .deploy(deploy("smollm"))
        .await
        .unwrap_err();
    assert_eq!(refusal(&unknown).0, "ZS-MODEL-UNKNOWN");
    centre.operator.models.deploy(deploy(MODEL)).await.unwrap();
    let twice = centre
        .operator
        .models
        .deploy(deploy(MODEL))
        .await
        .unwrap_err();
    assert_eq!(refusal(&twice).0, "ZS-DEPLOYMENT-EXISTS");
    let mut clients = centre.worker_clients().await;
    let address = v1::Register {
        replica_address: "127.0.0.1:9".to_owned(),
        ..register("node")
    };
    let mut session = Session::open(&mut clients, address.clone()).await.unwrap();
    let assign = session.assignment().await;
    let task = assign.task.unwrap();
    assert!(!assign.replica_token.is_empty() && assign.models.len() == 1);
    let ready = Report::ReplicaReady(v1::ReplicaReady {
        task: Some(task),
        models: vec![MODEL.to_owned()],
        context_length: 2048,
        abilities: vec!["chat".to_owned()],
    });
    session.send(Report::Started(v1::TaskStarted { task: Some(task) }));
    session.send(ready.clone());
    until_state(&mut centre.operator, "ready").await;
    let token = replica_token(&centre).await;
    assert_eq!(token, assign.replica_token);
    centre.handle.shutdown().await;
    // The replica went on while the scheduler was away: nothing is started a second time.
    let mut centre = Centre::start(folder.path()).await;
    let mut clients = centre.worker_clients().await;
    let running = vec![v1::TaskUsage {
        task: Some(task),
        used_ms: 50,
    }];
    let again = v1::Register { running, ..address };
    let mut session = Session::open(&mut clients, again).await.unwrap();
    session.send(ready);
    let found = until_state(&mut centre.operator, "ready").await;
    assert_eq!(found.job_ids, [task.job_id]);
    assert_eq!(replica_token(&centre).await, token);
    let undeploy = v1::UndeployRequest {
        name: MODEL.to_owned(),
    };
    centre.operator.models.undeploy(undeploy).await.unwrap();
    loop {
        match session.order().await {
            Order::Stop(stop) => break assert_eq!(stop.task, Some(task)),
            Order::Assign(assign) => panic!("started a second time: {assign:?}"),
            _ => {}
        }
    }
    session.send(ended(task, "stopped"));
    until_state(&mut centre.operator, "").await;
    centre.handle.shutdown().await;
}

async fn replica_token(centre: &Centre) -> String {
    let key = centre.handle.internal_key(Role::Gateway);
    let mut clients = Clients::connect(&centre.url, &key).await;
    let mut routes = clients
        .models
        .watch_routes(v1::WatchRoutesRequest {})
        .await
        .unwrap()
        .into_inner();
    let first = routes.message().await.unwrap().unwrap();
    let route = first.routes.first().expect("a route");
    assert_eq!((route.model.as_str(), route.context_length), (MODEL, 2048));
    route.replicas.first().expect("a replica").token.clone()
}
