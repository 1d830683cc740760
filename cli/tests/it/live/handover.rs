//! Replicas are stopped under load, with real processes' parts and a real model: no answer is lost,
//! none is changed, and each is paid for once.

use super::demo::{SMALL, cache_with};
use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use zhisuan_proto::v1;
use zhisuan_scheduler::Role;

const MODEL: &str = "smollm2-135m-instruct";
const PATIENCE: Duration = Duration::from_mins(4);

/// A centre with two workers that hold one replica each.
struct Centre {
    scheduler: zhisuan_scheduler::Handle,
    workers: Vec<zhisuan_worker::Handle>,
    gateway: zhisuan_serving::Handle,
    http: reqwest::Client,
    key: String,
    folder: tempfile::TempDir,
}

/// A call to the scheduler with a key.
fn with_key<T>(key: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = MetadataValue::try_from(format!("Bearer {key}")).unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

async fn worker(
    scheduler: &zhisuan_scheduler::Handle,
    cache: &Path,
    folder: &Path,
    name: &str,
) -> zhisuan_worker::Handle {
    let options = zhisuan_worker::Options {
        scheduler_url: format!("http://{}", scheduler.address()),
        key: scheduler.internal_key(Role::Worker),
        node: name.to_owned(),
        data_dir: folder.join(name),
        cache_dir: cache.to_owned(),
        cpu_milli: Some(1000),
        memory_mib: Some(2048),
        ..zhisuan_worker::Options::default()
    };
    Box::pin(zhisuan_worker::start(options)).await.unwrap()
}

impl Centre {
    async fn start(cache: &Path) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let local = "127.0.0.1:0".parse().unwrap();
        let mut options = zhisuan_scheduler::Options::new(folder.path().join("scheduler"), local);
        options.stop_grace_ms = 400;
        let scheduler = zhisuan_scheduler::start(options).await.unwrap();
        let mut workers = Vec::new();
        for name in ["one", "two"] {
            workers.push(worker(&scheduler, cache, folder.path(), name).await);
        }
        let audit = zhisuan_serving::AuditOptions::in_folder(folder.path().join("audit"));
        let gateway = zhisuan_serving::start(zhisuan_serving::Options {
            listen: local,
            scheduler_url: format!("http://{}", scheduler.address()),
            key: scheduler.internal_key(Role::Gateway),
            max_inflight: 64,
            extra: None,
            operations: zhisuan_serving::Operations {
                audit: Some(audit),
                ..zhisuan_serving::Operations::default()
            },
        })
        .await
        .unwrap();
        let mut centre = Self {
            scheduler,
            workers,
            gateway,
            http: reqwest::Client::new(),
            key: String::new(),
            folder,
        };
        centre.key = centre.open_tenant().await;
        centre
    }

    async fn channel(&self) -> Channel {
        let url = format!("http://{}", self.scheduler.address());
        Channel::from_shared(url).unwrap().connect().await.unwrap()
    }

    fn operator<T>(&self, message: T) -> tonic::Request<T> {
        with_key(&self.scheduler.internal_key(Role::Operator), message)
    }

    async fn models(&self) -> v1::models_client::ModelsClient<Channel> {
        v1::models_client::ModelsClient::new(self.channel().await)
    }

    async fn open_tenant(&self) -> String {
        let mut access = v1::access_client::AccessClient::new(self.channel().await);
        let tenant = Some(v1::Tenant {
            name: "city".to_owned(),
            account_kind: "prepaid".to_owned(),
            ..v1::Tenant::default()
        });
        let created = self.operator(v1::CreateTenantRequest { tenant });
        access.create_tenant(created).await.unwrap();
        let paid = self.operator(v1::TopUpRequest {
            tenant: "city".to_owned(),
            amount_micro: 1_000_000_000,
            reference: "test".to_owned(),
        });
        let mut billing = v1::billing_client::BillingClient::new(self.channel().await);
        billing.top_up(paid).await.unwrap();
        let wanted = self.operator(v1::CreateKeyRequest {
            tenant: "city".to_owned(),
            role: "tenant".to_owned(),
            name: "test".to_owned(),
            ..v1::CreateKeyRequest::default()
        });
        access.create_key(wanted).await.unwrap().into_inner().secret
    }

    async fn deploy(&self, name: &str, serve_as: &str, replicas: u32) {
        let request = v1::DeployRequest {
            model: MODEL.to_owned(),
            name: name.to_owned(),
            serve_as: serve_as.to_owned(),
            replicas,
            resources: Some(v1::Resources {
                cpu_milli: 1000,
                memory_mib: 1500,
                ..v1::Resources::default()
            }),
            ..v1::DeployRequest::default()
        };
        let mut models = self.models().await;
        models.deploy(self.operator(request)).await.unwrap();
        let began = Instant::now();
        loop {
            let all = models.list_deployments(self.operator(v1::ListDeploymentsRequest {}));
            let all = all.await.unwrap().into_inner().deployments;
            if all
                .iter()
                .any(|one| one.name == name && one.ready == replicas)
            {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{all:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.gateway.address());
        let page = self.http.get(url).send().await.unwrap();
        page.text().await.unwrap()
    }

    /// Asks for a stream; the first pieces have come when this returns.
    async fn ask(&self, body: &Value) -> Answer {
        let url = format!("http://{}/v1/chat/completions", self.gateway.address());
        let began = Instant::now();
        let response = loop {
            let sent = self.http.post(&url).bearer_auth(&self.key).json(body);
            let response = sent.send().await.unwrap();
            // Routes reach the gateway a moment after the deployment is ready.
            if response.status() == 200 || began.elapsed() > Duration::from_secs(10) {
                break response;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        let mut answer = Answer {
            pieces: Box::pin(response.bytes_stream()),
            body: String::new(),
        };
        while answer.body.matches("data:").count() < 4 && answer.more().await {}
        answer
    }

    /// Tokens in and out on the tenant's bill, once it says so many.
    async fn billed(&self, wanted: (u64, u64)) -> (u64, u64) {
        let mut billing = v1::billing_client::BillingClient::new(self.channel().await);
        let began = Instant::now();
        loop {
            let ask = v1::StatementRequest {
                tenant: "city".to_owned(),
                ..v1::StatementRequest::default()
            };
            let statement = billing.statement(self.operator(ask)).await.unwrap();
            let lines = statement.into_inner().lines;
            let of = |kind: &str| -> u64 {
                let mine = lines.iter().filter(|line| line.sku.starts_with(kind));
                mine.map(|line| line.quantity).sum()
            };
            let billed = (of("tokens-in:"), of("tokens-out:"));
            if billed == wanted || began.elapsed() > Duration::from_secs(20) {
                return billed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn audit_events(&self) -> usize {
        let folder = self.folder.path().join("audit");
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .map(|text| text.matches("\"outcome\"").count())
            .sum()
    }
}

type Pieces = futures::stream::BoxStream<'static, reqwest::Result<axum::body::Bytes>>;

/// A stream under way.
struct Answer {
    pieces: Pieces,
    body: String,
}

/// What an answer said: text, every token's log-probability, why it ended, prompt and answer tokens.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    text: String,
    logprobs: Vec<Value>,
    reason: String,
    tokens: (u64, u64),
}

impl Answer {
    async fn more(&mut self) -> bool {
        let Some(piece) = self.pieces.next().await else {
            return false;
        };
        self.body
            .push_str(&String::from_utf8_lossy(&piece.unwrap()));
        true
    }

    async fn whole(mut self) -> Said {
        while self.more().await {}
        assert!(self.body.trim_end().ends_with("[DONE]"), "{}", self.body);
        let mut said = Said {
            text: String::new(),
            logprobs: Vec::new(),
            reason: String::new(),
            tokens: (0, 0),
        };
        for line in self.body.lines().filter_map(|l| l.strip_prefix("data: ")) {
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let choice = &event["choices"][0];
            said.text += choice["delta"]["content"].as_str().unwrap_or_default();
            let likely = choice["logprobs"]["content"].as_array();
            said.logprobs.extend(likely.into_iter().flatten().cloned());
            if let Some(reason) = choice["finish_reason"].as_str() {
                reason.clone_into(&mut said.reason);
            }
            if let Some(tokens) = event["usage"]["completion_tokens"].as_u64() {
                said.tokens = (event["usage"]["prompt_tokens"].as_u64().unwrap(), tokens);
            }
        }
        said
    }
}

fn bodies(model: &str, tokens: usize) -> Vec<Value> {
    let body = |index: usize, more: Value| {
        let text = format!("Question {index}: tell a long story about a river and its city.");
        let mut body = json!({
            "model": model, "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": text}],
            "max_tokens": tokens, "ignore_eos": true, "temperature": 0,
        });
        let (all, more) = (body.as_object_mut().unwrap(), more.as_object().unwrap());
        all.extend(more.clone());
        body
    };
    vec![
        body(0, json!({})),
        body(1, json!({"temperature": 0.9, "seed": 7})),
        body(2, json!({"logprobs": true, "top_logprobs": 2})),
        body(
            3,
            json!({"temperature": 1.1, "top_p": 0.9, "seed": 3, "frequency_penalty": 0.4}),
        ),
        body(
            4,
            json!({"response_format": {"type": "json_object"}, "ignore_eos": false}),
        ),
        body(5, json!({"stop": ["the river is gone", "\n\n\n"]})),
    ]
}

async fn whole(centre: &Centre, bodies: &[Value]) -> Vec<Said> {
    let one = async |body| centre.ask(body).await.whole().await;
    join_all(bodies.iter().map(one)).await
}

fn sum(said: &[Said]) -> (u64, u64) {
    let add = |sum: (u64, u64), said: &Said| (sum.0 + said.tokens.0, sum.1 + said.tokens.1);
    said.iter().fold((0, 0), add)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_hands_its_answers_over() {
    let Some(cache) = cache_with(SMALL) else {
        return;
    };
    let mut centre = Centre::start(&cache).await;
    centre.deploy(MODEL, "", 2).await;
    let bodies = bodies(MODEL, 250);
    let undisturbed = whole(&centre, &bodies).await;
    let begun = join_all(bodies.iter().map(|body| centre.ask(body))).await;
    // The one that answers, or one of both.
    let busy = |worker: &zhisuan_worker::Handle| {
        let families = worker.metrics().gather();
        let running = families
            .iter()
            .find(|family| family.name() == "zhisuan_replica_requests_running");
        running.is_some_and(|family| family.get_metric()[0].get_gauge().get_value() > 0.0)
    };
    let at = centre.workers.iter().position(busy).unwrap();
    let leaving = centre.workers.remove(at);
    let grace = Duration::from_millis(400);
    let reading = join_all(begun.into_iter().map(Answer::whole));
    let (told, ()) = tokio::join!(reading, leaving.shutdown(grace));
    for (told, undisturbed) in told.iter().zip(&undisturbed) {
        assert_eq!(told, undisturbed);
    }
    let metrics = centre.metrics().await;
    let continued = "zhisuan_gateway_handovers_total{outcome=\"continued\"}";
    assert!(metrics.contains(continued), "nothing was handed over");
    assert!(!metrics.contains("handovers_total{outcome=\"broken\"}"));
    let (one, two) = (sum(&undisturbed), sum(&told));
    let wanted = (one.0 + two.0, one.1 + two.1);
    assert_eq!(centre.billed(wanted).await, wanted, "each paid once");
    assert_eq!(centre.audit_events(), 2 * bodies.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_under_load_loses_no_request() {
    let Some(cache) = cache_with(SMALL) else {
        return;
    };
    let centre = Centre::start(&cache).await;
    let name = MODEL;
    centre.deploy("old", name, 1).await;
    centre.deploy("new", name, 1).await;
    let shares = async |old, new| {
        let share = |deployment: &str, weight| v1::TrafficShare {
            deployment: deployment.to_owned(),
            weight,
        };
        let request = v1::SetTrafficRequest {
            model: name.to_owned(),
            shares: vec![share("old", old), share("new", new)],
            expected_revision: 0,
        };
        let mut models = centre.models().await;
        models.set_traffic(centre.operator(request)).await.unwrap();
    };
    shares(0, 1).await;
    let bodies = bodies(name, 60);
    let load = async {
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(whole(&centre, &bodies).await);
        }
        told
    };
    let rollback = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        shares(1, 0).await;
        let gone = centre.operator(v1::UndeployRequest {
            name: "new".to_owned(),
        });
        centre.models().await.undeploy(gone).await.unwrap();
    };
    let (told, ()) = tokio::join!(load, rollback);
    let total = told
        .iter()
        .map(|round| sum(round))
        .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    for round in &told {
        assert_eq!(round, &told[0], "every round says the same");
    }
    assert_eq!(centre.billed(total).await, total);
}
