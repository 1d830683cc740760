//! Tenants, payments and keys.

use super::server::shared;
use crate::run::User;
use serde_json::Value;

#[test]
fn keys_are_shown_once_listed_and_revoked() {
    let (_, user) = shared().tenant("0");
    let created = user.run(&[
        "key",
        "create",
        "--name",
        "办公室",
        "--role",
        "app",
        "--json",
    ]);
    let created: Value = serde_json::from_str(&created.stdout).expect("JSON");
    assert_eq!(created["schema"], "zhisuan.new-key/1");
    let (id, secret) = (
        created["id"].as_str().expect("id"),
        created["secret"].as_str().expect("secret"),
    );
    let list = user.run(&["key", "list", "--json"]);
    assert!(list.stdout.contains(id), "{}", list.whole());
    assert!(!list.stdout.contains(secret), "a list never shows a secret");
    let revoked = user.run(&["key", "revoke", id]);
    assert_eq!(revoked.exit, 0, "{}", revoked.whole());
    let unknown = user.run(&["key", "revoke", "no-such-key"]);
    assert_eq!(unknown.exit, 3, "{}", unknown.whole());
}

#[test]
fn strangers_and_tenants_are_kept_out() {
    let stranger = User::new()
        .var("ZHISUAN_SCHEDULER", shared().text("scheduler"))
        .var("ZHISUAN_KEY", "zs-not-a-key");
    let outcome = stranger.run(&["list"]);
    assert_eq!(outcome.exit, 4, "{}", outcome.whole());
    let (_, tenant) = shared().tenant("0");
    for line in [
        &["tenant", "list"][..],
        &["nodes"],
        &["topup", "local", "1", "--reference", "x"],
    ] {
        let outcome = tenant.run(line);
        assert_eq!(outcome.exit, 4, "{}", outcome.whole());
    }
}

#[test]
fn a_payment_is_booked_once_per_reference() {
    let (name, _) = shared().tenant("0");
    let operator = shared().operator();
    let line = ["topup", &name, "12.5", "--reference", "order-1", "--json"];
    let paid = operator.run(&line);
    let account: Value = serde_json::from_str(&paid.stdout).expect("JSON");
    assert_eq!(account["available_micro"], 12_500_000, "{}", paid.whole());
    let again = operator.run(&line);
    assert!(
        again.exit == 0 || again.stderr.contains("ZS-CONFLICT"),
        "{}",
        again.whole()
    );
    let unknown = operator.run(&["topup", "no-such-tenant", "1", "--reference", "x"]);
    assert_eq!(unknown.exit, 3, "{}", unknown.whole());
    let tenants = operator.run(&["tenant", "list", "--json"]);
    let tenants: Value = serde_json::from_str(&tenants.stdout).expect("JSON");
    let found = tenants["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|item| item["name"] == name.as_str());
    assert_eq!(
        found.expect("the tenant")["account"]["available_micro"],
        12_500_000
    );
}

#[test]
fn wrong_tenants_are_refused() {
    let operator = shared().operator();
    let bad = operator.run(&["tenant", "create", "Bad Name"]);
    assert_eq!(bad.exit, 2, "{}", bad.whole());
}
