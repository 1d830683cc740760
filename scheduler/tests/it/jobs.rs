//! Submit, see, explain, price, cancel.

use crate::scripted::{Script, ScriptedWorker, register};
use crate::support::{Centre, command, refusal, submit, until};
use tonic::Code;
use zhisuan_proto::v1;
use zhisuan_scheduler::Role;

async fn centre() -> (tempfile::TempDir, Centre) {
    let folder = tempfile::tempdir().unwrap();
    let centre = Centre::start(folder.path()).await;
    (folder, centre)
}

fn worker(centre: &Centre, script: Script) -> ScriptedWorker {
    let key = centre.handle.internal_key(Role::Worker);
    ScriptedWorker::start(centre.url.clone(), key, register("scripted-1"), script)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_and_is_charged() {
    let (_folder, mut centre) = centre().await;
    let mut acme = centre.tenant("acme", 10).await;
    let _worker = worker(&centre, Script::Finish);
    let answer = acme
        .jobs
        .submit(submit(vec![command("一")]))
        .await
        .unwrap()
        .into_inner();
    // A minute of one core at 0.10 yuan an hour, rounded once.
    assert_eq!(answer.held_micro, 1_667);
    let job = until(&mut acme, answer.job_ids[0], v1::JobState::Succeeded).await;
    assert_eq!(job.tenant, "acme");
    assert_eq!(job.attempts.len(), 1);
    assert_eq!(job.attempts[0].outcome, "succeeded");
    assert_eq!(job.attempts[0].tasks[0].node, "scripted-1");
    assert_eq!(job.held_micro, 0);
    assert!(job.started_at_ms >= job.submitted_at_ms && job.ended_at_ms >= job.started_at_ms);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_says_why_with_numbers() {
    let (_folder, mut centre) = centre().await;
    let mut acme = centre.tenant("acme", 10).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("early")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let explained = acme
        .jobs
        .explain(v1::ExplainRequest { job_id: id })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(explained.job.unwrap().reason.unwrap().code, "no_nodes");
    let _worker = worker(&centre, Script::Hold);
    until(&mut acme, id, v1::JobState::Running).await;
    let mut wide = command("wide");
    wide.resources = Some(v1::Resources {
        cpu_milli: 4_000,
        ..v1::Resources::default()
    });
    let id = acme
        .jobs
        .submit(submit(vec![wide]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    let explained = acme
        .jobs
        .explain(v1::ExplainRequest { job_id: id })
        .await
        .unwrap()
        .into_inner();
    let reason = explained.job.unwrap().reason.unwrap();
    assert_eq!(reason.code, "insufficient");
    assert_eq!(
        (reason.numbers["asked"], reason.numbers["free"]),
        (4_000, 3_000)
    );
    assert!(!reason.text_zh.is_empty() && !reason.text_en.is_empty());
    assert_eq!(explained.nodes.len(), 1);
    assert!(!explained.nodes[0].fits);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_see_each_other() {
    let (_folder, mut centre) = centre().await;
    let mut acme = centre.tenant("acme", 10).await;
    let mut other = centre.tenant("other", 10).await;
    let id = acme
        .jobs
        .submit(submit(vec![command("mine")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    for status in [
        other
            .jobs
            .get(v1::GetJobRequest { job_id: id })
            .await
            .unwrap_err(),
        other
            .jobs
            .cancel(v1::CancelJobRequest { job_id: id })
            .await
            .unwrap_err(),
    ] {
        assert_eq!(
            (status.code(), refusal(&status).0.as_str()),
            (Code::NotFound, "ZS-JOB-UNKNOWN")
        );
    }
    let listed = other
        .jobs
        .list(v1::ListJobsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.total, 0);
    let named = v1::ListJobsRequest {
        tenant: "acme".to_owned(),
        ..v1::ListJobsRequest::default()
    };
    assert!(other.jobs.list(named).await.is_err());
    let drained = acme
        .nodes
        .drain(v1::DrainRequest {
            node: "x".to_owned(),
            drain: true,
        })
        .await
        .unwrap_err();
    assert_eq!(
        (drained.code(), refusal(&drained).0.as_str()),
        (Code::PermissionDenied, "ZS-ROLE")
    );
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_together_and_cancel_works_in_each_state() {
    let (_folder, mut centre) = centre().await;
    let mut acme = centre.tenant("acme", 10).await;
    let specs = (0..7).map(|n| command(&format!("job {n}"))).collect();
    let ids = acme
        .jobs
        .submit(submit(specs))
        .await
        .unwrap()
        .into_inner()
        .job_ids;
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = Some(v1::Page { limit: 3, token });
        let ask = v1::ListJobsRequest {
            page,
            ..v1::ListJobsRequest::default()
        };
        let listed = acme.jobs.list(ask).await.unwrap().into_inner();
        assert_eq!(listed.total, 7);
        seen.extend(listed.jobs.iter().map(|job| job.id));
        token = listed.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let newest_first: Vec<u64> = ids.iter().rev().copied().collect();
    assert_eq!(seen, newest_first);
    let cancel = |job_id| v1::CancelJobRequest { job_id };
    let job = acme.jobs.cancel(cancel(ids[6])).await.unwrap().into_inner();
    assert_eq!(job.state(), v1::JobState::Cancelled);
    let _worker = worker(&centre, Script::Hold);
    until(&mut acme, ids[0], v1::JobState::Running).await;
    acme.jobs.cancel(cancel(ids[0])).await.unwrap();
    let job = until(&mut acme, ids[0], v1::JobState::Cancelled).await;
    assert_eq!(job.held_micro, 0);
    let again = acme.jobs.cancel(cancel(ids[0])).await.unwrap().into_inner();
    assert_eq!(again, job);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_submits_once() {
    let (_folder, mut centre) = centre().await;
    let mut acme = centre.tenant("acme", 10).await;
    let ask = |name: &str| v1::SubmitRequest {
        specs: vec![command(name)],
        idempotency_key: "order-7".to_owned(),
        tenant: String::new(),
    };
    let first = acme.jobs.submit(ask("a")).await.unwrap().into_inner();
    let second = acme.jobs.submit(ask("a")).await.unwrap().into_inner();
    assert_eq!(first, second);
    let other = acme.jobs.submit(ask("b")).await.unwrap_err();
    assert_eq!(refusal(&other).0, "ZS-CONFLICT");
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_what_a_submission_holds() {
    let (_folder, mut centre) = centre().await;
    let mut acme = centre.tenant("acme", 10).await;
    let mut spec = command("priced");
    spec.resources = Some(v1::Resources {
        cpu_milli: 1_500,
        ..v1::Resources::default()
    });
    spec.tasks = 3;
    spec.time_limit_ms = 7_777_777;
    let ask = v1::QuoteRequest {
        spec: Some(spec.clone()),
        tenant: String::new(),
    };
    let quote = acme.jobs.quote(ask).await.unwrap().into_inner();
    assert!(quote.affordable && !quote.starts_now);
    assert_eq!(quote.reason.unwrap().code, "no_nodes");
    assert_eq!(
        quote
            .lines
            .iter()
            .map(|line| line.amount_micro)
            .sum::<i64>(),
        quote.hold_micro
    );
    let held = acme
        .jobs
        .submit(submit(vec![spec]))
        .await
        .unwrap()
        .into_inner()
        .held_micro;
    assert_eq!(held, quote.hold_micro);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_method_answers_without_a_key() {
    let (_folder, centre) = centre().await;
    let mut stranger = crate::support::Clients::connect(&centre.url, "").await;
    let mut forger = crate::support::Clients::connect(&centre.url, "zs-forged").await;
    for clients in [&mut stranger, &mut forger] {
        let list = clients
            .jobs
            .list(v1::ListJobsRequest::default())
            .await
            .unwrap_err();
        assert_eq!(list.code(), Code::Unauthenticated, "{list}");
        let prices = clients
            .billing
            .list_prices(v1::ListPricesRequest::default())
            .await
            .unwrap_err();
        assert_eq!(prices.code(), Code::Unauthenticated);
        let session = clients
            .workers
            .session(tokio_stream::empty())
            .await
            .unwrap_err();
        assert_eq!(session.code(), Code::Unauthenticated);
    }
    centre.handle.shutdown().await;
}
