//! Sessions: leases, epochs, lies.

use crate::scripted::{Script, ScriptedWorker, Session, ended, register};
use crate::support::{Centre, Clients, command, submit, until};
use std::time::Duration;
use zhisuan_proto::v1::{
    self, scheduler_message::Message as Order, worker_message::Message as Report,
};
use zhisuan_scheduler::Role;

async fn centre_with(lease_ms: u32) -> (tempfile::TempDir, Centre, Clients) {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start_with(folder.path(), |options| {
        options.lease_ms = lease_ms;
        options.heartbeat_ms = 100;
    })
    .await;
    let acme = centre.tenant("acme", 10).await;
    (folder, centre, acme)
}

fn started(task: v1::TaskRef) -> Report {
    Report::Started(v1::TaskStarted { task: Some(task) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_worker_loses_its_task_and_its_old_epoch_is_refused() {
    let (_folder, centre, mut acme) = centre_with(600).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("moved")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let mut clients = centre.worker_clients().await;
    let mut silent = Session::open(&mut clients, register("silent"))
        .await
        .unwrap();
    let old = silent.assignment().await.task.unwrap();
    silent.send(started(old));
    until(&mut acme, id, v1::JobState::Running).await;
    // No heartbeat: the lease runs out and the job waits again, at no cost.
    let job = until(&mut acme, id, v1::JobState::Queued).await;
    assert_eq!(job.charged_micro, 0);
    assert_eq!(job.attempts[0].outcome, "lost");
    let key = centre.handle.internal_key(Role::Worker);
    let other = ScriptedWorker::start(centre.url.clone(), key, register("other"), Script::Hold);
    let job = until(&mut acme, id, v1::JobState::Running).await;
    assert_eq!(job.attempts.len(), 2);
    let new = other.diary.assigned.lock().unwrap()[0];
    assert!(new.epoch > old.epoch && new.attempt == 2);
    // Late reports of the old epoch are refused: the job goes on, and the worker is told to stop.
    silent.send(ended(old, "succeeded"));
    silent.send(started(old));
    match silent.order().await {
        Order::Stop(stop) => assert_eq!((stop.task, stop.reason.as_str()), (Some(old), "stale")),
        other => panic!("expected a stop, got {other:?}"),
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    until(&mut acme, id, v1::JobState::Running).await;
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_back_keeps_what_it_runs() {
    let (_folder, centre, mut acme) = centre_with(5_000).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("kept")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let mut clients = centre.worker_clients().await;
    let mut first = Session::open(&mut clients, register("node")).await.unwrap();
    let task = first.assignment().await.task.unwrap();
    first.send(started(task));
    until(&mut acme, id, v1::JobState::Running).await;
    drop(first);
    let running = vec![v1::TaskUsage {
        task: Some(task),
        used_ms: 10,
    }];
    let again = v1::Register {
        running,
        ..register("node")
    };
    let second = Session::open(&mut clients, again).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    until(&mut acme, id, v1::JobState::Running).await;
    second.send(ended(task, "succeeded"));
    let job = until(&mut acme, id, v1::JobState::Succeeded).await;
    assert_eq!(job.attempts.len(), 1);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_worker_has_lost_what_it_ran() {
    let (_folder, centre, mut acme) = centre_with(5_000).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("again")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let mut clients = centre.worker_clients().await;
    let mut first = Session::open(&mut clients, register("node")).await.unwrap();
    let task = first.assignment().await.task.unwrap();
    first.send(started(task));
    until(&mut acme, id, v1::JobState::Running).await;
    drop(first);
    let mut second = Session::open(&mut clients, register("node")).await.unwrap();
    let next = second.assignment().await.task.unwrap();
    assert_eq!((next.job_id, next.attempt), (id, 2));
    centre.handle.shutdown().await;
}

fn device(uuid: &str, memory_mib: u64) -> v1::Device {
    v1::Device {
        index: 0,
        uuid: uuid.to_owned(),
        kind: "nvidia-h100".to_owned(),
        memory_mib,
        simulated: false,
    }
}

fn with(node: &str, devices: Vec<v1::Device>) -> v1::Register {
    v1::Register {
        devices,
        ..register(node)
    }
}

/// What no honest worker says once node `a` has come with device `gpu-1`, and how it is refused.
fn lies() -> Vec<(v1::Register, &'static str)> {
    let twice = vec![device("gpu-3", 80_000), device("gpu-3", 80_000)];
    let more = vec![device("gpu-1", 80_000), device("gpu-2", 80_000)];
    let no_cores = v1::Register {
        cpu_milli: 0,
        ..register("c")
    };
    vec![
        (with("a", more), "ZS-DEVICES-CHANGED"),
        (
            with("a", vec![device("gpu-1", 160_000)]),
            "ZS-DEVICES-CHANGED",
        ),
        (with("b", vec![device("gpu-1", 80_000)]), "ZS-DEVICE-TAKEN"),
        (with("c", vec![device("gpu-3", 0)]), "ZS-FIELD"),
        (with("c", twice), "ZS-FIELD"),
        (no_cores, "ZS-FIELD"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_devices_are_refused() {
    let (_folder, mut centre, _acme) = centre_with(5_000).await;
    let mut clients = centre.worker_clients().await;
    let honest = with("a", vec![device("gpu-1", 80_000)]);
    let mut session = Session::open(&mut clients, honest.clone()).await.unwrap();
    assert!(matches!(session.order().await, Order::Registered(_)));
    for (lie, code) in lies() {
        let mut liar = Session::open(&mut clients, lie).await.unwrap();
        match liar.order().await {
            Order::Refused(refused) => assert_eq!(refused.error.unwrap().code, code),
            other => panic!("expected {code}, got {other:?}"),
        }
    }
    // The honest session outlived the impostors.
    session.send(Report::Heartbeat(v1::Heartbeat {
        sequence: 7,
        ..v1::Heartbeat::default()
    }));
    let next = tokio::time::timeout(Duration::from_secs(2), session.orders.message())
        .await
        .unwrap();
    assert!(next.unwrap().is_some());
    let nodes = centre
        .operator
        .nodes
        .list(v1::ListNodesRequest {})
        .await
        .unwrap()
        .into_inner()
        .nodes;
    assert_eq!(
        nodes
            .iter()
            .map(|node| node.name.as_str())
            .collect::<Vec<_>>(),
        ["a"]
    );
    // An operator may accept the change once nothing runs there.
    let accept = v1::AcceptDevicesRequest {
        node: "a".to_owned(),
    };
    centre.operator.nodes.accept_devices(accept).await.unwrap();
    let changed = with("a", vec![device("gpu-9", 80_000)]);
    let mut session = Session::open(&mut clients, changed).await.unwrap();
    assert!(matches!(session.order().await, Order::Registered(_)));
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_cannot_speak_of_another_nodes_task() {
    let (_folder, centre, mut acme) = centre_with(5_000).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("mine")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let mut clients = centre.worker_clients().await;
    let mut owner = Session::open(&mut clients, register("owner"))
        .await
        .unwrap();
    let task = owner.assignment().await.task.unwrap();
    owner.send(started(task));
    until(&mut acme, id, v1::JobState::Running).await;
    let mut stranger = Session::open(&mut clients, register("stranger"))
        .await
        .unwrap();
    assert!(matches!(stranger.order().await, Order::Registered(_)));
    stranger.send(ended(task, "succeeded"));
    stranger.send(started(task));
    assert!(matches!(stranger.order().await, Order::Stop(_)));
    until(&mut acme, id, v1::JobState::Running).await;
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_beyond_the_clock_is_not_charged() {
    let (_folder, centre, mut acme) = centre_with(5_000).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("greedy")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let mut clients = centre.worker_clients().await;
    let mut session = Session::open(&mut clients, register("liar")).await.unwrap();
    let task = session.assignment().await.task.unwrap();
    session.send(started(task));
    until(&mut acme, id, v1::JobState::Running).await;
    let report = v1::TaskEnded {
        task: Some(task),
        outcome: "succeeded".to_owned(),
        used_ms: 59_000,
        ..v1::TaskEnded::default()
    };
    session.send(Report::Ended(report));
    let job = until(&mut acme, id, v1::JobState::Succeeded).await;
    // Less than five seconds have passed: 0.10 yuan an hour is at most 139 micro-yuan.
    assert!(job.charged_micro < 139, "{}", job.charged_micro);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_kept_followed_and_end() {
    let (_folder, centre, mut acme) = centre_with(5_000).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("talks")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let ask = v1::LogsRequest {
        job_id: id,
        follow: true,
        ..v1::LogsRequest::default()
    };
    let mut follower = acme.jobs.clone();
    let mut clients = centre.worker_clients().await;
    let worker = async {
        let mut session = Session::open(&mut clients, register("talker"))
            .await
            .unwrap();
        let task = session.assignment().await.task.unwrap();
        session.send(started(task));
        for (offset, text) in [(0, "first\n"), (6, "二\n"), (6, "二\n")] {
            let data = text.as_bytes().to_vec();
            session.send(Report::Log(v1::TaskLog {
                task: Some(task),
                offset,
                data,
            }));
        }
        session.send(ended(task, "succeeded"));
        session
    };
    let (stream, _session) = tokio::join!(follower.logs(ask), worker);
    let mut stream = stream.unwrap().into_inner();
    let mut text = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        text.extend_from_slice(&chunk.data);
    }
    assert_eq!(String::from_utf8(text).unwrap(), "first\n二\n");
    centre.handle.shutdown().await;
}
