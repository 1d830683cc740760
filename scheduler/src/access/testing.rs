//! Fakes for tests: side records in memory, a clock that is set by hand, tenants in a list.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::handle::NewKey;
use super::{Access, Caller, Limits, NowMs, Role, TenantPort, TenantRow};
use crate::store::{Records, StoreError};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tonic::Status;
use zhisuan_core::{AccountKind, Amounts, Tenant};

/// Fake store in memory.
#[derive(Default)]
pub(crate) struct FakeRecords(Mutex<BTreeMap<(&'static str, String), String>>);

impl Records for FakeRecords {
    fn put(&self, kind: &'static str, id: &str, json: &str) -> Result<(), StoreError> {
        let key = (kind, id.to_owned());
        self.0.lock().unwrap().insert(key, json.to_owned());
        Ok(())
    }

    fn all(&self, kind: &'static str) -> Result<Vec<(String, String)>, StoreError> {
        let all = self.0.lock().unwrap();
        let of_kind = all.iter().filter(|((of, _), _)| *of == kind);
        Ok(of_kind
            .map(|((_, id), json)| (id.clone(), json.clone()))
            .collect())
    }

    fn delete(&self, kind: &'static str, id: &str) -> Result<(), StoreError> {
        self.0.lock().unwrap().remove(&(kind, id.to_owned()));
        Ok(())
    }
}

/// Fake clock.
#[derive(Clone, Default)]
pub(crate) struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    pub(crate) fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    pub(crate) fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> NowMs {
        let at = Arc::clone(&self.0);
        Arc::new(move || at.load(Ordering::SeqCst))
    }
}

/// Fake tenants.
#[derive(Default)]
pub(crate) struct FakeTenants(Mutex<Vec<TenantRow>>);

impl FakeTenants {
    pub(crate) fn with(names: &[&str]) -> Self {
        let row = |name: &&str| TenantRow {
            tenant: Tenant {
                name: (*name).into(),
                account: AccountKind::Prepaid,
                credit_limit_micro: 0,
                weight: 100,
                used: Amounts::default(),
            },
            title: String::new(),
            created_at_ms: 1,
            limits: None,
        };
        Self(Mutex::new(names.iter().map(row).collect()))
    }
}

impl TenantPort for FakeTenants {
    fn add(
        &self,
        tenant: Tenant,
        title: String,
        limits: Option<Limits>,
    ) -> BoxFuture<'_, Result<(), Status>> {
        let created_at_ms = 1;
        self.0.lock().unwrap().push(TenantRow {
            tenant,
            title,
            created_at_ms,
            limits,
        });
        async { Ok(()) }.boxed()
    }

    fn limit(&self, tenant: String, limits: Option<Limits>) -> BoxFuture<'_, Result<(), Status>> {
        let mut rows = self.0.lock().unwrap();
        for row in rows.iter_mut().filter(|row| row.tenant.name.0 == tenant) {
            row.limits = limits;
        }
        async { Ok(()) }.boxed()
    }

    fn terms(&self, tenant: String) -> BoxFuture<'_, Result<(Option<Limits>, u32), Status>> {
        let rows = self.0.lock().unwrap();
        let found = rows.iter().find(|row| row.tenant.name.0 == tenant);
        let terms = found.map(|row| (row.limits, row.tenant.weight));
        let terms = terms.unwrap_or((None, 100));
        async move { Ok(terms) }.boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantRow>, Status>> {
        let rows = self.0.lock().unwrap().clone();
        async { Ok(rows) }.boxed()
    }
}

/// Keys on a fake store.
pub(crate) fn access() -> Access {
    Access::open(Arc::new(FakeRecords::default())).unwrap()
}

/// A key of `role` and its caller.
pub(crate) fn key(access: &Access, role: Role, tenant: &str) -> (String, Caller) {
    let new = NewKey {
        tenant: tenant.to_owned(),
        role,
        name: "test".to_owned(),
        expires_at_ms: 0,
        limits: None,
    };
    let (_, secret) = access.create(&new, 1).unwrap();
    let caller = access.caller(&secret, 1).unwrap();
    (secret, caller)
}

/// A request as it arrives behind the door.
pub(crate) fn request<T>(message: T, caller: &Caller) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request
}

/// The stable code of a refusal.
pub(crate) fn code(status: &Status) -> String {
    zhisuan_proto::detail_of(status).map_or_else(String::new, |detail| detail.code)
}
