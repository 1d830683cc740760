//! Who stands behind a caller's key: asked of the scheduler, remembered by the hash of the secret.

use crate::limits::{Rates, Subject};
use crate::openai::ApiError;
use crate::scheduler::{Scheduler, within};
use axum::http::{HeaderMap, header};
use dashmap::DashMap;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tonic::{Code, Status};
use zhisuan_proto::v1::{self, Key, ResolveKeyRequest};

const KNOWN_FOR: Duration = Duration::from_secs(30);
const UNKNOWN_FOR: Duration = Duration::from_secs(3);
const MAX_REMEMBERED: usize = 10_000;
const MAX_SECRET_BYTES: usize = 256;

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) key_id: String,
    pub(crate) rates: Rates,
    /// Of all keys of the tenant together.
    pub(crate) tenant_rates: Rates,
    /// The tenant's weight in the fair share, where the scheduler told one.
    pub(crate) weight: Option<u32>,
    /// 0 is the most urgent.
    pub(crate) band: u32,
}

impl Caller {
    /// The caller behind a key; `defaults` bind a key and a tenant for which no limits are set.
    fn new(key: &Key, defaults: Defaults) -> Self {
        let rates = |told: Option<&v1::Limits>, default| {
            told.map_or(default, |limits| Rates {
                requests_per_minute: u64::from(limits.requests_per_minute),
                tokens_per_minute: limits.tokens_per_minute,
            })
        };
        let band = |limits: Option<&v1::Limits>| limits.map_or(0, |limits| limits.priority);
        let (own, tenants) = (key.limits.as_ref(), key.tenant_limits.as_ref());
        Self {
            tenant: key.tenant.clone(),
            key_id: key.id.clone(),
            rates: rates(own, defaults.key),
            tenant_rates: rates(tenants, defaults.tenant),
            weight: (key.tenant_weight > 0).then_some(key.tenant_weight),
            band: band(own).max(band(tenants)),
        }
    }

    /// The caller as its limits know it.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            key_id: &self.key_id,
            tenant: &self.tenant,
            key: self.rates,
            of_tenant: self.tenant_rates,
        }
    }
}

/// Limits where the scheduler told none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Defaults {
    pub(crate) key: Rates,
    pub(crate) tenant: Rates,
}

/// Why a key does not open the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unknown,
    Expired,
    Revoked,
    Role,
}

#[derive(Clone)]
struct Entry {
    key: Result<Arc<Key>, Refusal>,
    until: Instant,
}

/// Resolves keys; cheap to clone.
#[derive(Clone)]
pub(crate) struct Keys {
    scheduler: Scheduler,
    // By SHA-256 of the secret: the secret itself is never kept.
    remembered: Arc<DashMap<[u8; 32], Entry>>,
    defaults: Defaults,
}

impl Keys {
    pub(crate) fn new(scheduler: Scheduler, defaults: Defaults) -> Self {
        Self {
            scheduler,
            defaults,
            remembered: Arc::new(DashMap::new()),
        }
    }

    /// The caller named by the request's head, or the 401, 403 or 503 that answers it.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let secret = secret(headers)?;
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let now = Instant::now();
        // The guard of the map is dropped before anything is awaited.
        let known = self.remembered.get(&hash).map(|entry| entry.clone());
        let key = match known.filter(|entry| now < entry.until) {
            Some(entry) => entry.key,
            None => self.resolve(secret, hash).await?,
        };
        let now_ms = unix_ms();
        match key.and_then(|key| judge(&key, now_ms).map(|()| key)) {
            Ok(key) => Ok(Caller::new(&key, self.defaults)),
            Err(refusal) => Err(answer(refusal)),
        }
    }

    async fn resolve(
        &self,
        secret: &str,
        hash: [u8; 32],
    ) -> Result<Result<Arc<Key>, Refusal>, ApiError> {
        let request = within(ResolveKeyRequest {
            secret: secret.to_owned(),
        });
        let key = match self.scheduler.access().resolve_key(request).await {
            Ok(answer) => Ok(Arc::new(answer.into_inner())),
            Err(status) => Err(classify(&status).ok_or_else(|| away(&status))?),
        };
        let life = if key.is_ok() { KNOWN_FOR } else { UNKNOWN_FOR };
        self.make_room();
        self.remembered.insert(
            hash,
            Entry {
                key: key.clone(),
                until: Instant::now() + life,
            },
        );
        Ok(key)
    }

    /// Bounds the memory that strangers with made-up keys can take.
    fn make_room(&self) {
        if self.remembered.len() < MAX_REMEMBERED {
            return;
        }
        let now = Instant::now();
        self.remembered.retain(|_, entry| now < entry.until);
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.retain(|_, entry| entry.key.is_ok());
        }
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.clear();
        }
    }
}

/// The secret in `Authorization: Bearer zs-...` or, as Anthropic's libraries send it, in
/// `x-api-key: zs-...`.
pub(crate) fn secret(headers: &HeaderMap) -> Result<&str, ApiError> {
    let secret = match (headers.get(header::AUTHORIZATION), headers.get("x-api-key")) {
        (Some(value), _) => {
            let text = value.to_str().map_err(|_| answer(Refusal::Unknown))?;
            let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(ApiError::missing_key());
            }
            secret
        }
        (None, Some(value)) => value.to_str().map_err(|_| answer(Refusal::Unknown))?,
        (None, None) => return Err(ApiError::missing_key()),
    };
    let secret = secret.trim();
    if secret.is_empty() {
        return Err(ApiError::missing_key());
    }
    if !secret.starts_with("zs-") || secret.len() > MAX_SECRET_BYTES {
        return Err(answer(Refusal::Unknown));
    }
    Ok(secret)
}

/// What a refusal of the scheduler says about the caller's key; `None` when it says nothing
/// about it (the scheduler is away, or the gateway's own key is refused).
fn classify(status: &Status) -> Option<Refusal> {
    // The scheduler says NOT_FOUND of the caller's key and UNAUTHENTICATED of the gateway's.
    if !matches!(status.code(), Code::NotFound | Code::InvalidArgument) {
        return None;
    }
    let code = zhisuan_proto::detail_of(status).map_or_else(String::new, |detail| detail.code);
    Some(match code.as_str() {
        "ZS-KEY-EXPIRED" => Refusal::Expired,
        "ZS-KEY-REVOKED" => Refusal::Revoked,
        _ => Refusal::Unknown,
    })
}

fn away(status: &Status) -> ApiError {
    tracing::error!(code = ?status.code(), message = status.message(), "cannot resolve a key");
    ApiError::scheduler_away()
}

fn judge(key: &Key, now_ms: i64) -> Result<(), Refusal> {
    if key.revoked_at_ms != 0 {
        return Err(Refusal::Revoked);
    }
    if key.expires_at_ms != 0 && key.expires_at_ms <= now_ms {
        return Err(Refusal::Expired);
    }
    match key.role.as_str() {
        "tenant" | "app" | "operator" => Ok(()),
        _ => Err(Refusal::Role),
    }
}

fn answer(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Unknown => ApiError::invalid_key(
            "Incorrect API key provided. Check the key, or ask the operator for a new one.",
            "API 密钥不正确。请核对密钥，或向运营方申请新的密钥。",
        ),
        Refusal::Expired => ApiError::invalid_key(
            "This API key has expired. Ask the operator for a new one.",
            "该 API 密钥已过期。请向运营方申请新的密钥。",
        ),
        Refusal::Revoked => ApiError::invalid_key(
            "This API key has been revoked. Ask the operator for a new one.",
            "该 API 密钥已被吊销。请向运营方申请新的密钥。",
        ),
        Refusal::Role => ApiError::wrong_role(),
    }
}

fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Refusal, classify, judge};
    use tonic::{Code, Status};
    use zhisuan_proto::v1::{ErrorDetail, Key};

    #[test]
    fn a_refused_gateway_is_not_a_refused_caller() {
        let status = |code, id: &str| {
            let detail = ErrorDetail {
                code: id.to_owned(),
                ..ErrorDetail::default()
            };
            zhisuan_proto::status(code, "", &detail)
        };
        let of = |status: &Status| classify(status);
        assert_eq!(
            of(&status(Code::NotFound, "ZS-KEY-EXPIRED")),
            Some(Refusal::Expired)
        );
        assert_eq!(
            of(&status(Code::NotFound, "ZS-KEY-REVOKED")),
            Some(Refusal::Revoked)
        );
        assert_eq!(
            of(&status(Code::NotFound, "ZS-KEY-UNKNOWN")),
            Some(Refusal::Unknown)
        );
        assert_eq!(of(&status(Code::Unauthenticated, "ZS-KEY-EXPIRED")), None);
        assert_eq!(of(&status(Code::PermissionDenied, "ZS-ROLE")), None);
        assert_eq!(of(&Status::unavailable("")), None);
    }

    #[test]
    fn only_living_keys_of_callers_pass() {
        let key = |role: &str, expires_at_ms, revoked_at_ms| Key {
            role: role.to_owned(),
            expires_at_ms,
            revoked_at_ms,
            ..Key::default()
        };
        for role in ["tenant", "app", "operator"] {
            assert_eq!(judge(&key(role, 0, 0), 50), Ok(()));
            assert_eq!(judge(&key(role, 51, 0), 50), Ok(()));
            assert_eq!(judge(&key(role, 50, 0), 50), Err(Refusal::Expired));
            assert_eq!(judge(&key(role, 0, 1), 50), Err(Refusal::Revoked));
        }
        for role in ["worker", "gateway", "auditor", ""] {
            assert_eq!(judge(&key(role, 0, 0), 50), Err(Refusal::Role));
        }
    }
}
