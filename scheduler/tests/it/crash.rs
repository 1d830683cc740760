//! `kill -9` at random points under load: nothing acknowledged is lost, nothing runs twice, the
//! ledger stays whole. The scheduler is a real process: this test binary, started again.

use crate::scripted::{Script, ScriptedWorker, register};
use crate::support::{Centre, Clients, command};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use zhisuan_core::ledger::Account;
use zhisuan_core::{Event, Limits, State, check};
use zhisuan_proto::v1;
use zhisuan_scheduler::store::{Journal as _, Sqlite};

const FOLDER: &str = "ZHISUAN_CRASH_FOLDER";
const PORT: &str = "ZHISUAN_CRASH_PORT";
const KILLS: u64 = 12;

/// The body of the child process; as an ordinary test it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn child_scheduler() {
    let (Ok(folder), Ok(port)) = (std::env::var(FOLDER), std::env::var(PORT)) else {
        return;
    };
    let port: u16 = port.parse().unwrap();
    let mut centre = Centre::start_with(Path::new(&folder), |options| {
        options.listen.set_port(port);
        options.heartbeat_ms = 200;
    })
    .await;
    let keys = Path::new(&folder).join("keys");
    if !keys.exists() {
        write_keys(&mut centre, &keys).await;
    }
    std::future::pending::<()>().await;
}

/// Stored keys: they outlive the process, unlike the ones inside it.
async fn write_keys(centre: &mut Centre, path: &Path) {
    centre.tenant("acme", 1_000_000).await;
    let mut secrets = Vec::new();
    for (tenant, role) in [("acme", "tenant"), ("", "worker"), ("", "gateway")] {
        let wanted = v1::CreateKeyRequest {
            tenant: tenant.to_owned(),
            role: role.to_owned(),
            ..v1::CreateKeyRequest::default()
        };
        let made = centre
            .operator
            .access
            .create_key(wanted)
            .await
            .unwrap()
            .into_inner();
        secrets.push(made.secret);
    }
    let half = path.with_extension("half");
    std::fs::write(&half, secrets.join("\n")).unwrap();
    std::fs::rename(half, path).unwrap();
}

fn spawn(folder: &Path, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_scheduler", "--nocapture"])
        .env(FOLDER, folder)
        .env(PORT, port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A deterministic sequence of waits, so that a failing run can be repeated with its seed.
struct Waits(u64);

impl Waits {
    fn next(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(least_ms + (self.0 >> 33) % (most_ms - least_ms))
    }
}

#[derive(Default)]
struct Acknowledged {
    jobs: Mutex<BTreeSet<u64>>,
    requests: Mutex<BTreeMap<String, i64>>,
    stop: AtomicBool,
    number: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_random_points_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let mut child = spawn(folder.path(), port);
    let keys = wait_for_keys(&folder.path().join("keys")).await;
    let worker =
        ScriptedWorker::start(url.clone(), keys[1].clone(), register("n1"), Script::Finish);
    let acknowledged = Arc::new(Acknowledged::default());
    let mut load = Vec::new();
    for _ in 0..4 {
        load.push(tokio::spawn(submit_for_ever(
            url.clone(),
            keys[0].clone(),
            acknowledged.clone(),
        )));
    }
    load.push(tokio::spawn(serve_for_ever(
        url.clone(),
        keys[2].clone(),
        acknowledged.clone(),
    )));
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut waits = Waits(seed);
    for _ in 0..KILLS {
        tokio::time::sleep(waits.next(150, 900)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        child = spawn(folder.path(), port);
    }
    acknowledged.stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    let mut acme = Clients::connect(&url, &keys[0]).await;
    everything_ended(&mut acme, &acknowledged).await;
    ran_once(&mut acme, &worker).await;
    child.kill().unwrap();
    child.wait().unwrap();
    ledger_is_whole(folder.path(), &acknowledged);
}

async fn wait_for_keys(path: &Path) -> Vec<String> {
    for _ in 0..400 {
        if let Ok(text) = std::fs::read_to_string(path) {
            return text.lines().map(str::to_owned).collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the scheduler never came up");
}

/// Submits with a key per submission and repeats it until it is acknowledged.
async fn submit_for_ever(url: String, key: String, acknowledged: Arc<Acknowledged>) {
    while !acknowledged.stop.load(Ordering::Relaxed) {
        let number = acknowledged.number.fetch_add(1, Ordering::Relaxed);
        let ask = v1::SubmitRequest {
            specs: vec![
                command(&format!("a {number}")),
                command(&format!("b {number}")),
            ],
            idempotency_key: format!("submission-{number}"),
            tenant: String::new(),
        };
        loop {
            let mut clients = Clients::connect(&url, &key).await;
            if let Ok(answer) = clients.jobs.submit(ask.clone()).await {
                acknowledged
                    .jobs
                    .lock()
                    .unwrap()
                    .extend(answer.into_inner().job_ids);
                break;
            }
        }
    }
}

/// Authorises and settles requests; a settlement is repeated until it is acknowledged.
async fn serve_for_ever(url: String, key: String, acknowledged: Arc<Acknowledged>) {
    let mut number = 0;
    while !acknowledged.stop.load(Ordering::Relaxed) {
        number += 1;
        let request_id = format!("request-{number}");
        let ask = v1::AuthorizeRequest {
            request_id: request_id.clone(),
            tenant: "acme".to_owned(),
            model: "m".to_owned(),
            max_prompt_tokens: 100,
            max_completion_tokens: 100,
            ..v1::AuthorizeRequest::default()
        };
        let mut clients = Clients::connect(&url, &key).await;
        if clients.billing.authorize(ask).await.is_err() {
            continue;
        }
        let settle = v1::SettleManyRequest {
            settlements: vec![v1::SettleRequest {
                request_id: request_id.clone(),
                prompt_tokens: 30,
                completion_tokens: 20,
            }],
        };
        loop {
            if let Ok(answer) = clients.billing.settle_many(settle.clone()).await {
                let settled = &answer.into_inner().settled[0];
                if settled.refusal.is_some() {
                    continue;
                }
                let charged = settled.charged_micro;
                acknowledged
                    .requests
                    .lock()
                    .unwrap()
                    .insert(request_id, charged);
                break;
            }
            clients = Clients::connect(&url, &key).await;
        }
    }
}

async fn everything_ended(acme: &mut Clients, acknowledged: &Acknowledged) {
    let jobs = acknowledged.jobs.lock().unwrap().clone();
    assert!(
        jobs.len() > 50,
        "the load was too small to prove anything: {}",
        jobs.len()
    );
    let deadline = Instant::now() + Duration::from_mins(1);
    for job_id in jobs {
        loop {
            let job = acme
                .jobs
                .get(v1::GetJobRequest { job_id })
                .await
                .expect("an acknowledged job is known");
            let job = job.into_inner();
            if job.state() == v1::JobState::Succeeded {
                break;
            }
            assert!(Instant::now() < deadline, "never ended: {job:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Every task was started under one epoch only, and every job succeeded at its first attempt.
async fn ran_once(acme: &mut Clients, worker: &ScriptedWorker) {
    let mut epochs: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for task in worker.diary.assigned.lock().unwrap().iter() {
        epochs.entry(task.job_id).or_default().insert(task.epoch);
    }
    for (job_id, epochs) in epochs {
        let job = acme
            .jobs
            .get(v1::GetJobRequest { job_id })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(epochs.len(), 1, "ran under {epochs:?}: {job:?}");
        assert_eq!(job.attempts.len(), 1, "{job:?}");
    }
}

/// Replays the journal from the first event with the core's own code and checks every invariant.
fn ledger_is_whole(folder: &Path, acknowledged: &Acknowledged) {
    let database = folder.join("zhisuan.db");
    let mut store = Sqlite::open(&database).unwrap();
    let loaded = store.load().unwrap();
    assert!(
        loaded.snapshot.is_none(),
        "a killed scheduler takes no snapshot"
    );
    let mut state = State::new(Limits::default());
    for entry in loaded.tail {
        let event: Event = serde_json::from_str(&entry.body).unwrap();
        state.apply(&event, entry.at).unwrap();
        check::invariants(&state).unwrap();
    }
    let requests = acknowledged.requests.lock().unwrap();
    assert!(
        requests.len() > 5,
        "too few requests to prove anything: {}",
        requests.len()
    );
    assert!(requests.values().all(|charged| *charged == 30 + 2 * 20));
    let connection = rusqlite::Connection::open(&database).unwrap();
    let charged: i64 = connection
        .query_row(
            "SELECT sum(amount_micro) FROM posting WHERE kind = 'charge'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let doubled: i64 = connection
        .query_row(
            "SELECT count(*) FROM (SELECT sku, json_extract(body, '$.source.request.request') AS request
             FROM posting WHERE kind = 'charge' AND request IS NOT NULL GROUP BY sku, request HAVING count(*) > 1)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(doubled, 0, "a request was charged twice");
    assert_eq!(
        state.ledger().charged(&"acme".into()),
        charged,
        "rows and state agree"
    );
    let funding = state.ledger().balance(&Account::Funding);
    assert_eq!(funding, -1_000_000_000_000);
}
