//! A fake port with one of everything, and a browser to look at the pages with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use super::port::Answer;
use super::{Console, ConsolePort, router};
use crate::access::testing::{FakeClock, access, key};
use crate::access::{Access, Caller, Role};
use crate::words::refusal;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use futures::FutureExt as _;
use std::sync::Arc;
use tower::ServiceExt as _;
use zhisuan_core::{JobId, Refusal};
use zhisuan_proto::v1;

/// Fake data: one job of tenant `acme`, one of `other`, one node.
pub(super) struct FakePort;

fn done<T: Send + 'static>(value: T) -> Answer<'static, T> {
    async { Ok(value) }.boxed()
}

pub(super) fn job(id: u64, tenant: &str, state: v1::JobState) -> v1::Job {
    v1::Job {
        id,
        tenant: tenant.into(),
        spec: Some(v1::JobSpec {
            name: format!("<job> of {tenant}"),
            ..v1::JobSpec::default()
        }),
        state: state.into(),
        reason: Some(v1::Reason {
            text_zh: "资源不足：需要 4 核".into(),
            ..v1::Reason::default()
        }),
        attempts: vec![v1::Attempt {
            number: 1,
            outcome: "running".into(),
            ..v1::Attempt::default()
        }],
        submitted_at_ms: 1_790_000_000_000,
        charged_micro: 1_230_000,
        outputs: std::iter::once(("adapter".to_owned(), "a".repeat(64))).collect(),
        ..v1::Job::default()
    }
}

impl ConsolePort for FakePort {
    fn list_jobs(
        &self,
        caller: &Caller,
        request: v1::ListJobsRequest,
    ) -> Answer<'_, v1::ListJobsResponse> {
        let all = [
            job(1, "acme", v1::JobState::Running),
            job(2, "other", v1::JobState::Queued),
        ];
        let wanted = |job: &v1::Job| {
            caller.sees(&job.tenant)
                && (request.states.is_empty() || request.states.contains(&job.state))
        };
        let jobs: Vec<v1::Job> = all.into_iter().filter(wanted).collect();
        let total = jobs.len() as u64;
        let next_page_token = if request.page.unwrap().token.is_empty() {
            "t&1".to_owned()
        } else {
            String::new()
        };
        done(v1::ListJobsResponse {
            jobs,
            next_page_token,
            total,
        })
    }

    fn get_job(&self, caller: &Caller, job_id: u64) -> Answer<'_, v1::Job> {
        let found = [
            job(1, "acme", v1::JobState::Running),
            job(2, "other", v1::JobState::Queued),
        ];
        let found = found
            .into_iter()
            .find(|job| job.id == job_id && caller.sees(&job.tenant));
        let found = found.ok_or_else(|| refusal(&Refusal::UnknownJob(JobId(job_id))));
        async { found }.boxed()
    }

    fn log_tail(&self, _: &Caller, _: u64, _: u32) -> Answer<'_, Vec<v1::LogChunk>> {
        done(vec![v1::LogChunk {
            data: b"step 1 <b>\n".to_vec(),
            dropped_bytes: 7,
        }])
    }

    fn list_nodes(&self, _: &Caller) -> Answer<'_, v1::ListNodesResponse> {
        let device = v1::Device {
            kind: "nvidia-h100".into(),
            memory_mib: 81_920,
            ..v1::Device::default()
        };
        let node = |name: &str, state: &str| v1::Node {
            name: name.into(),
            state: state.into(),
            devices: vec![
                device.clone(),
                v1::Device {
                    index: 1,
                    ..device.clone()
                },
            ],
            device_milli_free: vec![500, 1000],
            cpu_milli: 8000,
            cpu_milli_free: 1500,
            ..v1::Node::default()
        };
        done(v1::ListNodesResponse {
            nodes: vec![node("n1", "ready"), node("n2", "lost")],
        })
    }

    fn accounts(&self, caller: &Caller) -> Answer<'_, Vec<v1::Account>> {
        let account = |tenant: &str| v1::Account {
            tenant: tenant.into(),
            available_micro: 5_500_000,
            ..v1::Account::default()
        };
        let mut all = vec![account("acme"), account("other")];
        all.retain(|account| caller.sees(&account.tenant));
        done(all)
    }

    fn statement(
        &self,
        _: &Caller,
        request: v1::StatementRequest,
    ) -> Answer<'_, v1::StatementResponse> {
        let line = v1::StatementLine {
            transaction: 9,
            job_id: 1,
            attempt: 1,
            sku: "cpu".into(),
            quantity_milli: 2000,
            duration_ms: 60_000,
            amount_micro: 33_333,
            ..v1::StatementLine::default()
        };
        done(v1::StatementResponse {
            tenant: request.tenant,
            from_ms: request.from_ms,
            to_ms: request.to_ms,
            lines: vec![line],
            total_micro: 33_333,
            line_count: 1,
            ..v1::StatementResponse::default()
        })
    }

    fn models(&self, _: &Caller) -> Answer<'_, Vec<v1::ModelManifest>> {
        done(vec![v1::ModelManifest {
            name: "m-1".into(),
            version: 1,
            ..v1::ModelManifest::default()
        }])
    }

    fn deployments(&self, _: &Caller) -> Answer<'_, Vec<v1::Deployment>> {
        done(vec![v1::Deployment {
            name: "d-1".into(),
            tenant: "other".into(),
            state: "degraded".into(),
            replicas: 2,
            ready: 1,
            job_ids: vec![77],
            loads: vec![v1::ReplicaLoad {
                job_id: 7,
                running: 3,
                waiting: 1,
                kv_milli: 405,
                tokens_last_minute: 900,
                first_token_p50_ms: 40,
                first_token_p99_ms: 250,
                ..v1::ReplicaLoad::default()
            }],
            ..v1::Deployment::default()
        }])
    }
}

/// The pages and the keys behind them.
pub(super) struct Bench {
    pub(super) router: Router,
    pub(super) access: Access,
    pub(super) clock: FakeClock,
}

/// What came back.
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) head: HeaderMap,
    pub(super) text: String,
}

pub(super) fn bench() -> Bench {
    let access = access();
    let clock = FakeClock::at(1_790_000_100_000);
    let console = Console {
        port: Arc::new(FakePort),
        access: access.clone(),
        now: clock.now(),
        public_url: String::new(),
    };
    Bench {
        router: router(console),
        access,
        clock,
    }
}

impl Bench {
    /// A signed-in browser's cookie line.
    pub(super) fn sign_in(&self, role: Role, tenant: &str) -> String {
        let (_, caller) = key(&self.access, role, tenant);
        let (token, _) = self.access.new_link(&caller, 1_790_000_100_000).unwrap();
        let cookie = self
            .access
            .redeem(&token, 1_790_000_100_000)
            .unwrap()
            .unwrap();
        format!("other=1; zhisuan_session={cookie}")
    }

    pub(super) async fn get(&self, path: &str, cookie: &str) -> Seen {
        let request = Request::get(path)
            .header(header::COOKIE, cookie)
            .body(Body::empty())
            .unwrap();
        self.send(request).await
    }

    pub(super) async fn post(&self, path: &str, cookie: &str, form: &str) -> Seen {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        self.send(request).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Seen {
        let (head, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        Seen {
            status: head.status,
            head: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}
