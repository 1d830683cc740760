//! A clean stop and a second start on the same folder.

use crate::support::{Centre, Clients, command, submit, until};
use zhisuan_proto::v1;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_goes_on_where_the_first_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Centre::start(folder.path()).await;
    let mut acme = first.tenant("acme", 10).await;
    let wanted = v1::CreateKeyRequest {
        tenant: "acme".to_owned(),
        role: "tenant".to_owned(),
        ..v1::CreateKeyRequest::default()
    };
    let secret = first
        .operator
        .access
        .create_key(wanted)
        .await
        .unwrap()
        .into_inner()
        .secret;
    let ids = acme
        .jobs
        .submit(submit(vec![command("one"), command("two")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids;
    let before = acme
        .billing
        .get_account(v1::GetAccountRequest::default())
        .await
        .unwrap()
        .into_inner();
    first.handle.shutdown().await;
    let second = Centre::start(folder.path()).await;
    // The stored key still works; keys inside the first process do not.
    let mut acme = Clients::connect(&second.url, &secret).await;
    let after = acme
        .billing
        .get_account(v1::GetAccountRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(before, after);
    for id in ids {
        until(&mut acme, id, v1::JobState::Queued).await;
    }
    let next = acme
        .jobs
        .submit(submit(vec![command("three")]))
        .await
        .unwrap()
        .into_inner()
        .job_ids;
    assert_eq!(next, [3]);
    second.handle.shutdown().await;
}
