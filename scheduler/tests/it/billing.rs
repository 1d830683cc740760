//! Money: prices, accounts, requests, statements that add up.

use crate::scripted::{Script, ScriptedWorker, register};
use crate::support::{Centre, Clients, YUAN, command, refusal, submit, until};
use std::time::Duration;
use zhisuan_proto::v1;
use zhisuan_scheduler::Role;

async fn gateway(centre: &Centre) -> Clients {
    Clients::connect(&centre.url, &centre.handle.internal_key(Role::Gateway)).await
}

fn authorize(request_id: &str, tenant: &str, prompt: u64, completion: u64) -> v1::AuthorizeRequest {
    v1::AuthorizeRequest {
        request_id: request_id.to_owned(),
        tenant: tenant.to_owned(),
        model: "m".to_owned(),
        max_prompt_tokens: prompt,
        max_completion_tokens: completion,
        ..v1::AuthorizeRequest::default()
    }
}

fn settlement(request_id: &str, prompt_tokens: u64, completion_tokens: u64) -> v1::SettleRequest {
    v1::SettleRequest {
        request_id: request_id.to_owned(),
        prompt_tokens,
        completion_tokens,
    }
}

async fn settle(gateway: &mut Clients, settlements: Vec<v1::SettleRequest>) -> Vec<v1::Settled> {
    let request = v1::SettleManyRequest { settlements };
    let answer = gateway.billing.settle_many(request).await.unwrap();
    answer.into_inner().settled
}

async fn account(clients: &mut Clients) -> v1::Account {
    clients
        .billing
        .get_account(v1::GetAccountRequest::default())
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_holds_settles_and_cannot_be_charged_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start(folder.path()).await;
    let mut acme = centre.tenant("acme", 1).await;
    let mut gateway = gateway(&centre).await;
    // Defaults: 1 yuan per million tokens read, 2 yuan per million written.
    let held = gateway
        .billing
        .authorize(authorize("r1", "acme", 1_000, 500))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(held.held_micro, 1_000 + 2 * 500);
    assert_eq!(account(&mut acme).await.held_micro, 2_000);
    let again = gateway
        .billing
        .authorize(authorize("r1", "acme", 1, 1))
        .await
        .unwrap_err();
    assert_eq!(refusal(&again).0, "ZS-CONFLICT");
    for _ in 0..3 {
        let settled = settle(&mut gateway, vec![settlement("r1", 40, 10)]).await;
        assert_eq!(settled[0].charged_micro, 40 + 2 * 10);
    }
    let after = account(&mut acme).await;
    assert_eq!(
        (after.held_micro, after.charged_micro, after.available_micro),
        (0, 60, YUAN - 60)
    );
    let dear = gateway
        .billing
        .authorize(authorize("r2", "acme", 0, 900_000))
        .await
        .unwrap_err();
    assert_eq!(refusal(&dear).0, "ZS-BALANCE");
    let absurd = gateway
        .billing
        .authorize(authorize("r3", "acme", u64::MAX, 1))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&absurd),
        ("ZS-FIELD".to_owned(), "max_prompt_tokens".to_owned())
    );
    assert_eq!(account(&mut acme).await, after);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settlements_sent_together_succeed_and_fail_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start(folder.path()).await;
    let mut acme = centre.tenant("acme", 1).await;
    let mut gateway = gateway(&centre).await;
    for id in ["r1", "r2"] {
        let ask = authorize(id, "acme", 100, 100);
        gateway.billing.authorize(ask).await.unwrap();
    }
    let together = vec![
        settlement("r1", 10, 0),
        settlement("never", 1, 1),
        settlement("r2", 0, 10),
        settlement("r1", 10, 0),
    ];
    let settled = settle(&mut gateway, together).await;
    let charged: Vec<_> = settled.iter().map(|one| one.charged_micro).collect();
    assert_eq!(charged, [10, 0, 20, 10], "the repeated one is told again");
    let refused: Vec<_> = settled.iter().map(|one| one.refusal.is_some()).collect();
    assert_eq!(refused, [false, true, false, false]);
    let detail = settled[1].refusal.clone().unwrap().detail.unwrap();
    assert_eq!(detail.code, "ZS-REQUEST-UNKNOWN");
    let account = account(&mut acme).await;
    assert_eq!((account.held_micro, account.charged_micro), (0, 30));
    let many = v1::SettleManyRequest {
        settlements: vec![settlement("r1", 1, 1); 1_001],
    };
    let refused = gateway.billing.settle_many(many).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        ("ZS-FIELD".to_owned(), "settlements".to_owned())
    );
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_adds_up_to_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start_with(folder.path(), |options| options.slice_ms = 100).await;
    let mut acme = centre.tenant("acme", 5).await;
    let key = centre.handle.internal_key(Role::Worker);
    let _worker = ScriptedWorker::start(centre.url.clone(), key, register("n"), Script::Hold);
    let id = acme
        .jobs
        .submit(submit(vec![command("slices")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids[0];
    until(&mut acme, id, v1::JobState::Running).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    acme.jobs
        .cancel(v1::CancelJobRequest { job_id: id })
        .await
        .unwrap();
    let job = until(&mut acme, id, v1::JobState::Cancelled).await;
    let mut gateway = gateway(&centre).await;
    gateway
        .billing
        .authorize(authorize("r1", "acme", 100, 100))
        .await
        .unwrap();
    settle(&mut gateway, vec![settlement("r1", 70, 30)]).await;
    let (lines, statement) = whole_statement(&mut acme).await;
    assert_eq!(lines.len() as u64, statement.line_count);
    assert!(
        lines.len() >= 5,
        "slices and two token lines, not {}",
        lines.len()
    );
    assert_eq!(
        lines.iter().map(|line| line.amount_micro).sum::<i64>(),
        statement.total_micro
    );
    let work: Vec<_> = lines.iter().filter(|line| line.job_id == id).collect();
    assert_eq!(
        work.iter().map(|line| line.amount_micro).sum::<i64>(),
        job.charged_micro
    );
    assert!(
        work.iter()
            .all(|line| line.attempt == 1 && line.duration_ms > 0 && line.price_version == 1)
    );
    let tokens: Vec<_> = lines
        .iter()
        .filter(|line| line.request_id == "r1")
        .collect();
    assert_eq!(
        tokens.iter().map(|line| line.quantity).collect::<Vec<_>>(),
        [70, 30]
    );
    let account = account(&mut acme).await;
    assert_eq!(
        statement.closing_micro,
        account.available_micro + account.held_micro
    );
    assert_eq!(statement.total_micro, account.charged_micro);
    let usage = acme
        .billing
        .usage(v1::UsageRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(usage.total_micro, statement.total_micro);
    centre.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_have_dates_and_bind_at_acceptance() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start(folder.path()).await;
    let mut acme = centre.tenant("acme", 50).await;
    let before = acme
        .jobs
        .submit(submit(vec![command("before")]))
        .await
        .unwrap()
        .into_inner();
    let price = |sku: &str, unit: &str, price_micro| v1::Price {
        sku: sku.to_owned(),
        unit: unit.to_owned(),
        price_micro,
    };
    let publish = |from, prices| v1::PublishPricesRequest {
        effective_from_ms: from,
        prices,
    };
    let past = publish(1, vec![price("cpu", "core-hour", 1)]);
    let status = centre
        .operator
        .billing
        .publish_prices(past)
        .await
        .unwrap_err();
    assert_eq!(refusal(&status).1, "effective_from_ms");
    let negative = publish(0, vec![price("cpu", "core-hour", -1)]);
    let status = centre
        .operator
        .billing
        .publish_prices(negative)
        .await
        .unwrap_err();
    assert_eq!(refusal(&status).1, "prices[cpu].price_micro");
    let doubled = publish(0, vec![price("cpu", "core-hour", YUAN / 5)]);
    centre
        .operator
        .billing
        .publish_prices(doubled)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let after = acme
        .jobs
        .submit(submit(vec![command("after")]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((before.held_micro, after.held_micro), (1_667, 3_333));
    let job = until(&mut acme, before.job_ids[0], v1::JobState::Queued).await;
    assert_eq!(job.held_micro, 1_667);
    centre.handle.shutdown().await;
}

/// All pages of a statement, two lines at a time, and the last answer.
async fn whole_statement(clients: &mut Clients) -> (Vec<v1::StatementLine>, v1::StatementResponse) {
    let mut lines = Vec::new();
    let mut token = String::new();
    loop {
        let page = Some(v1::Page { limit: 2, token });
        let ask = v1::StatementRequest {
            page,
            ..v1::StatementRequest::default()
        };
        let mut statement = clients.billing.statement(ask).await.unwrap().into_inner();
        lines.append(&mut statement.lines);
        token = statement.next_page_token.clone();
        if token.is_empty() {
            return (lines, statement);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_told_twice_is_booked_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start(folder.path()).await;
    let mut acme = centre.tenant("acme", 0).await;
    let payment = |amount_micro| v1::TopUpRequest {
        tenant: "acme".to_owned(),
        amount_micro,
        reference: "order-7".to_owned(),
    };
    for _ in 0..3 {
        centre.operator.billing.top_up(payment(5)).await.unwrap();
    }
    assert_eq!(account(&mut acme).await.available_micro, 5);
    let other = centre
        .operator
        .billing
        .top_up(payment(6))
        .await
        .unwrap_err();
    assert_eq!(refusal(&other).0, "ZS-CONFLICT");
    for absurd in [0, i64::MIN, i64::MAX] {
        let ask = v1::TopUpRequest {
            reference: format!("r{absurd}"),
            ..payment(absurd)
        };
        let status = centre.operator.billing.top_up(ask).await.unwrap_err();
        assert_eq!(refusal(&status).1, "amount_micro");
    }
    assert_eq!(account(&mut acme).await.available_micro, 5);
    centre.handle.shutdown().await;
}
