//! The keys of the centre: one handle, cheap to clone. Writes block on the store.

use super::error::{AccessError, Denied};
use super::keys::{self, KeyRecord};
use super::limits::Limits;
use super::roles::{CENTRE, Role};
use super::sessions::Sessions;
use crate::store::Records;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Kind of the side records.
const KIND: &str = "key";

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) role: Role,
    pub(crate) key_id: String,
}

impl Caller {
    /// Whether the caller may see records of `tenant`.
    pub(crate) fn sees(&self, tenant: &str) -> bool {
        self.role.sees_all() || self.tenant == tenant
    }
}

/// What a new key shall be.
#[derive(Clone, Debug)]
pub(crate) struct NewKey {
    /// Empty for keys of the centre.
    pub(crate) tenant: String,
    pub(crate) role: Role,
    pub(crate) name: String,
    /// 0 means never.
    pub(crate) expires_at_ms: i64,
    pub(crate) limits: Option<Limits>,
}

#[derive(Default)]
struct Book {
    by_id: BTreeMap<String, KeyRecord>,
    /// From the hash of the secret to the id.
    by_hash: HashMap<String, String>,
}

impl Book {
    fn insert(&mut self, record: KeyRecord) {
        self.by_hash
            .insert(record.sha256.clone(), record.id.clone());
        self.by_id.insert(record.id.clone(), record);
    }
}

struct Inner {
    records: Arc<dyn Records>,
    book: RwLock<Book>,
    sessions: Sessions,
}

/// Handle to keys, sign-in links and console sessions.
#[derive(Clone)]
pub(crate) struct Access(Arc<Inner>);

impl Access {
    /// Loads the keys. Blocks.
    pub(crate) fn open(records: Arc<dyn Records>) -> Result<Self, AccessError> {
        let mut book = Book::default();
        for (id, json) in records.all(KIND)? {
            let record =
                serde_json::from_str(&json).map_err(|cause| AccessError::Damaged { id, cause })?;
            book.insert(record);
        }
        Ok(Self(Arc::new(Inner {
            records,
            book: RwLock::new(book),
            sessions: Sessions::default(),
        })))
    }

    /// Who stands behind a secret.
    pub(crate) fn caller(&self, secret: &str, now_ms: i64) -> Result<Caller, Denied> {
        let record = self.resolve(secret, now_ms)?;
        caller_of(&record, now_ms)
    }

    /// The living key of a secret.
    pub(crate) fn resolve(&self, secret: &str, now_ms: i64) -> Result<KeyRecord, Denied> {
        if secret.is_empty() {
            return Err(Denied::Missing);
        }
        if !keys::plausible(secret) {
            return Err(Denied::Unknown);
        }
        let book = self.read();
        let record = book
            .by_hash
            .get(&keys::digest(secret))
            .and_then(|id| book.by_id.get(id))
            .ok_or(Denied::Unknown)?;
        record.alive(now_ms).map(|_| record.clone())
    }

    /// A key that lives as long as the process, for roles inside it; it is never stored.
    pub(crate) fn internal_key(&self, role: Role, tenant: &str) -> Result<String, AccessError> {
        let new = NewKey {
            tenant: tenant.to_owned(),
            role,
            name: "internal".to_owned(),
            expires_at_ms: 0,
            limits: None,
        };
        let (record, secret) = make(&new, 0)?;
        self.write().insert(record);
        Ok(secret)
    }

    /// Makes a key and returns it with its secret, which is kept nowhere. Blocks.
    pub(crate) fn create(
        &self,
        new: &NewKey,
        now_ms: i64,
    ) -> Result<(KeyRecord, String), AccessError> {
        check(new, now_ms)?;
        let (record, secret) = make(new, now_ms)?;
        self.store(&record)?;
        self.write().insert(record.clone());
        Ok((record, secret))
    }

    /// Stored keys, of one tenant or of all; keys inside the process are left out.
    pub(crate) fn list(&self, tenant: Option<&str>) -> Vec<KeyRecord> {
        let wanted = |record: &&KeyRecord| {
            record.created_at_ms != 0 && tenant.is_none_or(|tenant| tenant == record.tenant)
        };
        let mut found: Vec<KeyRecord> =
            self.read().by_id.values().filter(wanted).cloned().collect();
        found.sort_by(|a, b| (b.created_at_ms, &a.id).cmp(&(a.created_at_ms, &b.id)));
        found
    }

    pub(crate) fn get(&self, id: &str) -> Option<KeyRecord> {
        self.read().by_id.get(id).cloned()
    }

    /// Revokes a key; a second time changes nothing. Blocks.
    pub(crate) fn revoke(&self, id: &str, now_ms: i64) -> Result<KeyRecord, AccessError> {
        let mut record = self
            .get(id)
            .ok_or_else(|| AccessError::UnknownId(id.to_owned()))?;
        if record.revoked_at_ms == 0 {
            record.revoked_at_ms = now_ms.max(1);
            self.store(&record)?;
            self.write().insert(record.clone());
        }
        Ok(record)
    }

    /// Sets what a key may ask for. Blocks.
    pub(crate) fn limit(&self, id: &str, limits: Option<Limits>) -> Result<KeyRecord, AccessError> {
        let mut record = self
            .get(id)
            .ok_or_else(|| AccessError::UnknownId(id.to_owned()))?;
        record.limits = limits;
        self.store(&record)?;
        self.write().insert(record.clone());
        Ok(record)
    }

    /// A token that signs its bearer in once, and when it ends.
    pub(crate) fn new_link(
        &self,
        caller: &Caller,
        now_ms: i64,
    ) -> Result<(String, i64), AccessError> {
        self.0.sessions.new_link(&caller.key_id, now_ms)
    }

    /// Uses a link up and opens a session; `None` when the link is not good (any more).
    pub(crate) fn redeem(&self, token: &str, now_ms: i64) -> Result<Option<String>, AccessError> {
        self.0.sessions.redeem(token, now_ms)
    }

    /// Who a console session belongs to; it ends with the key that opened it.
    pub(crate) fn session(&self, cookie: &str, now_ms: i64) -> Option<Caller> {
        let id = self.0.sessions.key_of(cookie, now_ms)?;
        caller_of(&self.get(&id)?, now_ms).ok()
    }

    pub(crate) fn sign_out(&self, cookie: &str) {
        self.0.sessions.end(cookie);
    }

    fn store(&self, record: &KeyRecord) -> Result<(), AccessError> {
        let json = serde_json::to_string(record).map_err(|cause| AccessError::Damaged {
            id: record.id.clone(),
            cause,
        })?;
        Ok(self.0.records.put(KIND, &record.id, &json)?)
    }

    // A panic elsewhere cannot leave the book half changed: it is changed by single inserts.
    fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.0.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Book> {
        self.0.book.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn caller_of(record: &KeyRecord, now_ms: i64) -> Result<Caller, Denied> {
    Ok(Caller {
        role: record.alive(now_ms)?,
        tenant: record.tenant.clone(),
        key_id: record.id.clone(),
    })
}

fn make(new: &NewKey, now_ms: i64) -> Result<(KeyRecord, String), AccessError> {
    let secret = keys::new_secret()?;
    let tenant = if new.tenant.is_empty() {
        CENTRE
    } else {
        &new.tenant
    };
    let record = KeyRecord {
        id: keys::new_id()?,
        tenant: tenant.to_owned(),
        role: new.role.name().to_owned(),
        name: new.name.clone(),
        sha256: keys::digest(&secret),
        created_at_ms: now_ms,
        expires_at_ms: new.expires_at_ms,
        revoked_at_ms: 0,
        limits: new.limits,
    };
    Ok((record, secret))
}

fn check(new: &NewKey, now_ms: i64) -> Result<(), AccessError> {
    let refuse = |field, value: String, zh, accepted| {
        Err(AccessError::Field {
            field,
            value,
            zh,
            accepted,
        })
    };
    if new.name.chars().count() > 128 || new.name.chars().any(char::is_control) {
        return refuse(
            "name",
            new.name.clone(),
            "最多 128 个可见字符",
            "at most 128 printable characters",
        );
    }
    if new.expires_at_ms != 0 && new.expires_at_ms <= now_ms {
        let value = new.expires_at_ms.to_string();
        return refuse(
            "expires_at_ms",
            value,
            "将来的时刻，或 0（永不过期）",
            "a time in the future, or 0 for never",
        );
    }
    if new.role.of_tenant() && new.tenant.is_empty() {
        return refuse("tenant", String::new(), "租户名", "the name of a tenant");
    }
    Ok(())
}
