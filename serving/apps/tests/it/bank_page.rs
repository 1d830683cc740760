//! The page of the question bank as clerks use it: what it offers, where it leads, what it says.

use axum::http::StatusCode;
use serde_json::json;

use crate::questions::{ANNA, BORIS, deed, kite, site};

#[tokio::test(flavor = "multi_thread")]
async fn a_number_sent_twice_is_one_question() {
    let folder = tempfile::tempdir().unwrap();
    let (library, _, site) = site(&folder, &[]);
    let (_, done) = deed(&site, ANNA, "propose_questions", kite(&["贵不贵"])).await;
    let id = &done["waiting"][0];
    let twice = json!({"ids": format!("{id},{id}"), "accept": true});
    let (status, told) = deed(&site, BORIS, "settle_questions", twice).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(library.bank_counts("gov").unwrap().in_force, 1);
}
