//! Keys, their rules and sign-in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::handle::NewKey;
use super::roles::{METHODS, Role, Who};
use super::testing::{FakeClock, FakeRecords, FakeTenants, access, code, key, request};
use super::{Access, AccessService, Caller, Denied};
use prost::Message as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use zhisuan_proto::v1::access_server::Access as _;
use zhisuan_proto::v1::set_limits_request::Of;
use zhisuan_proto::v1::{
    self, CreateKeyRequest, CreateSignInLinkRequest, CreateTenantRequest, ListKeysRequest,
    ResolveKeyRequest, RevokeKeyRequest, Tenant,
};

#[test]
fn every_method_is_in_the_table_once_and_nothing_else() {
    let set = prost_types::FileDescriptorSet::decode(zhisuan_proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut wanted = BTreeSet::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                wanted.insert(format!(
                    "/{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    assert!(wanted.len() > 30, "{wanted:?}");
    let ours: Vec<&str> = METHODS.iter().map(|(path, _)| *path).collect();
    let unique: BTreeSet<String> = ours
        .iter()
        .filter(|path| !path.starts_with("/grpc."))
        .map(ToString::to_string)
        .collect();
    assert_eq!(unique, wanted);
    assert_eq!(
        ours.iter().collect::<BTreeSet<_>>().len(),
        ours.len(),
        "a method twice"
    );
}

#[test]
fn a_secret_is_shown_once_and_only_its_hash_is_kept() {
    let records = Arc::new(FakeRecords::default());
    let access = Access::open(records.clone()).unwrap();
    let (secret, caller) = key(&access, Role::Tenant, "acme");
    assert!(secret.starts_with("zs-") && secret.len() == 46, "{secret}");
    let stored = crate::store::Records::all(&*records, "key").unwrap();
    assert_eq!(stored.len(), 1);
    assert!(!stored[0].1.contains(&secret[3..]));
    // A restart knows the key again.
    let again = Access::open(records).unwrap();
    assert_eq!(again.caller(&secret, 5).unwrap(), caller);
    assert_eq!(caller.tenant, "acme");
}

#[test]
fn dead_keys_are_told_apart() {
    let access = access();
    let new = NewKey {
        tenant: "acme".into(),
        role: Role::App,
        name: "a".into(),
        expires_at_ms: 100,
        limits: None,
    };
    let (record, secret) = access.create(&new, 1).unwrap();
    assert!(access.caller(&secret, 99).is_ok());
    assert_eq!(access.caller(&secret, 100), Err(Denied::Expired));
    access.revoke(&record.id, 50).unwrap();
    assert_eq!(access.revoke(&record.id, 60).unwrap().revoked_at_ms, 50);
    assert_eq!(access.caller(&secret, 55), Err(Denied::Revoked));
    assert_eq!(access.caller("", 1), Err(Denied::Missing));
    for wrong in ["zs-nothing", "sk-123", &"zs-".repeat(5000)] {
        assert_eq!(access.caller(wrong, 1), Err(Denied::Unknown));
    }
    let late = NewKey {
        expires_at_ms: 5,
        ..new
    };
    assert!(
        access.create(&late, 9).is_err(),
        "a key that has ended already"
    );
}

#[test]
fn keys_inside_the_process_are_not_stored() {
    let records = Arc::new(FakeRecords::default());
    let access = Access::open(records.clone()).unwrap();
    let secret = access.internal_key(Role::Gateway, "").unwrap();
    let caller = access.caller(&secret, 1).unwrap();
    assert_eq!(
        (caller.role, caller.tenant.as_str()),
        (Role::Gateway, "centre")
    );
    assert!(
        crate::store::Records::all(&*records, "key")
            .unwrap()
            .is_empty()
    );
    assert!(access.list(None).is_empty());
}

#[test]
fn a_link_works_once_and_a_session_ends_with_its_key() {
    let access = access();
    let (_, caller) = key(&access, Role::Operator, "");
    let (token, until) = access.new_link(&caller, 1000).unwrap();
    assert_eq!(until, 1000 + 600_000);
    let cookie = access.redeem(&token, 2000).unwrap().unwrap();
    assert_eq!(access.redeem(&token, 2000).unwrap(), None, "one use");
    assert_eq!(access.session(&cookie, 3000).unwrap(), caller);
    assert_eq!(access.session(&cookie, 2000 + 12 * 3_600_000), None);
    let (late, _) = access.new_link(&caller, 1000).unwrap();
    assert_eq!(access.redeem(&late, until).unwrap(), None, "ten minutes");
    access.revoke(&caller.key_id, 4000).unwrap();
    assert_eq!(access.session(&cookie, 5000), None);
}

#[test]
fn a_key_that_asks_for_many_links_drops_its_own_oldest_only() {
    let access = access();
    let (_, acme) = key(&access, Role::Tenant, "acme");
    let (_, other) = key(&access, Role::Tenant, "other");
    let (kept, _) = access.new_link(&other, 1).unwrap();
    let links: Vec<String> = (2..11_000)
        .map(|now_ms| access.new_link(&acme, now_ms).unwrap().0)
        .collect();
    let works = |token: &str| access.redeem(token, 11_000).unwrap().is_some();
    assert!(works(&kept), "another key's link stays");
    let (dropped, last) = links.split_at(links.len() - 8);
    assert!(!dropped.iter().any(|token| works(token)));
    assert!(last.iter().all(|token| works(token)));
}

fn service(access: &Access) -> AccessService {
    let tenants = Arc::new(FakeTenants::with(&["acme", "other"]));
    AccessService::new(
        access.clone(),
        tenants,
        FakeClock::at(1000).now(),
        "http://c:1/",
    )
}

#[test]
fn a_clerk_may_only_ask_who_it_is() {
    let allowed: Vec<&str> = METHODS
        .iter()
        .filter(|(_, who)| matches!(who, Who::Roles(roles) if roles.contains(&Role::Clerk)))
        .map(|(path, _)| *path)
        .collect();
    assert_eq!(allowed, ["/zhisuan.v1.Access/WhoAmI"]);
    assert!(!Role::Clerk.sees_all() && !Role::Clerk.of_tenant());
    assert_eq!(Role::parse("clerk"), Some(Role::Clerk));
}

fn wanted(tenant: &str, role: &str) -> CreateKeyRequest {
    CreateKeyRequest {
        tenant: tenant.into(),
        role: role.into(),
        ..CreateKeyRequest::default()
    }
}

#[tokio::test]
async fn tenants_make_keys_of_their_own_only() {
    let access = access();
    let service = service(&access);
    let (_, acme) = key(&access, Role::Tenant, "acme");
    let made = service
        .create_key(request(wanted("", "app"), &acme))
        .await
        .unwrap()
        .into_inner();
    let made_key = made.key.unwrap();
    assert_eq!(
        (made_key.tenant.as_str(), made_key.role.as_str()),
        ("acme", "app")
    );
    let refused = service
        .create_key(request(wanted("other", "app"), &acme))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-TENANT-UNKNOWN");
    for role in ["operator", "worker", "gateway", "auditor", "clerk", "king"] {
        let refused = service
            .create_key(request(wanted("", role), &acme))
            .await
            .unwrap_err();
        assert_eq!(code(&refused), "ZS-FIELD", "{role}");
    }
    // Other tenants neither see nor revoke it.
    let (_, other) = key(&access, Role::Tenant, "other");
    let seen = service
        .list_keys(request(ListKeysRequest::default(), &other))
        .await
        .unwrap();
    assert!(
        seen.into_inner()
            .keys
            .iter()
            .all(|key| key.tenant == "other")
    );
    let revoke = RevokeKeyRequest { id: made_key.id };
    let refused = service
        .revoke_key(request(revoke.clone(), &other))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-KEY-ID-UNKNOWN");
    let revoked = service
        .revoke_key(request(revoke, &acme))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(revoked.revoked_at_ms, 1000);
}

#[tokio::test]
async fn operators_make_tenants_and_any_key() {
    let access = access();
    let service = service(&access);
    let (_, boss) = key(&access, Role::Operator, "");
    let tenant = |name: &str, account_kind: &str| CreateTenantRequest {
        tenant: Some(Tenant {
            name: name.into(),
            account_kind: account_kind.into(),
            ..Tenant::default()
        }),
    };
    let made = service
        .create_tenant(request(tenant("new-one", ""), &boss))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((made.account_kind.as_str(), made.weight), ("prepaid", 100));
    for (name, kind) in [("Bad Name", ""), ("good", "free")] {
        let refused = service
            .create_tenant(request(tenant(name, kind), &boss))
            .await
            .unwrap_err();
        assert_eq!(code(&refused), "ZS-FIELD");
    }
    assert!(
        service
            .create_key(request(wanted("new-one", "tenant"), &boss))
            .await
            .is_ok()
    );
    assert!(
        service
            .create_key(request(wanted("", "worker"), &boss))
            .await
            .is_ok()
    );
    let refused = service
        .create_key(request(wanted("nobody", "tenant"), &boss))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-TENANT-UNKNOWN");
    let refused = service
        .create_key(request(wanted("", "tenant"), &boss))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-FIELD");
    let link = service
        .create_sign_in_link(request(CreateSignInLinkRequest {}, &boss))
        .await
        .unwrap();
    assert!(
        link.into_inner()
            .url
            .starts_with("http://c:1/signin?token=")
    );
}

#[tokio::test]
async fn a_gateway_learns_who_stands_behind_a_key() {
    let access = access();
    let service = service(&access);
    let (secret, acme) = key(&access, Role::App, "acme");
    let gateway = Caller {
        tenant: "centre".into(),
        role: Role::Gateway,
        key_id: "g".into(),
    };
    let ask = |secret: &str| {
        request(
            ResolveKeyRequest {
                secret: secret.into(),
            },
            &gateway,
        )
    };
    let found = service
        .resolve_key(ask(&secret))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (found.id.as_str(), found.tenant.as_str()),
        (acme.key_id.as_str(), "acme")
    );
    access.revoke(&acme.key_id, 5).unwrap();
    let refused = service.resolve_key(ask(&secret)).await.unwrap_err();
    assert_eq!(
        (refused.code(), code(&refused).as_str()),
        (tonic::Code::NotFound, "ZS-KEY-REVOKED")
    );
    let refused = service.resolve_key(ask("zs-unknown")).await.unwrap_err();
    assert_eq!(code(&refused), "ZS-KEY-UNKNOWN");
}

#[tokio::test]
async fn limits_are_set_by_owners_and_told_to_gateways() {
    let access = access();
    let service = service(&access);
    let (secret, acme) = key(&access, Role::App, "acme");
    let (_, person) = key(&access, Role::Tenant, "acme");
    let (_, other) = key(&access, Role::Tenant, "other");
    let (_, boss) = key(&access, Role::Operator, "");
    let limits = |requests_per_minute, priority| v1::Limits {
        requests_per_minute,
        tokens_per_minute: 5_000,
        priority,
    };
    let set = |of, limits, caller: &Caller| {
        let wanted = v1::SetLimitsRequest {
            of: Some(of),
            limits: Some(limits),
        };
        service.set_limits(request(wanted, caller))
    };
    let mine = Of::KeyId(acme.key_id.clone());
    let hidden = set(mine.clone(), limits(9, 0), &other).await.unwrap_err();
    assert_eq!(code(&hidden), "ZS-KEY-ID-UNKNOWN");
    let late = set(mine.clone(), limits(9, 4), &person).await.unwrap_err();
    let field = zhisuan_proto::detail_of(&late).unwrap().field;
    assert_eq!(field, "limits.priority");
    set(mine, limits(9, 2), &person).await.unwrap();
    let all = Of::Tenant("acme".into());
    let refused = set(all.clone(), limits(100, 1), &person).await;
    assert_eq!(code(&refused.unwrap_err()), "ZS-FIELD");
    set(all, limits(100, 1), &boss).await.unwrap();

    let ask = ResolveKeyRequest { secret };
    let known = service.resolve_key(request(ask, &boss)).await.unwrap();
    let known = known.into_inner();
    assert_eq!(known.limits, Some(limits(9, 2)));
    assert_eq!(known.tenant_limits, Some(limits(100, 1)));
    assert_eq!(known.tenant_weight, 100);
}
