//! Keys: made from system randomness, shown once, kept as a hash.

use super::error::{AccessError, Denied};
use super::limits::Limits;
use super::roles::Role;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zhisuan_proto::v1;

/// Longest secret that is looked at, bytes.
const MAX_SECRET: usize = 128;

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub(crate) id: String,
    pub(crate) tenant: String,
    pub(crate) role: String,
    pub(crate) name: String,
    /// SHA-256 of the secret, hexadecimal. The secret has 256 random bits, so a plain hash is
    /// enough: there is nothing to guess from.
    pub(crate) sha256: String,
    pub(crate) created_at_ms: i64,
    /// 0 means never.
    pub(crate) expires_at_ms: i64,
    /// 0 means not revoked.
    pub(crate) revoked_at_ms: i64,
    #[serde(default)]
    pub(crate) limits: Option<Limits>,
}

impl KeyRecord {
    /// The role, when the key is alive.
    pub(crate) fn alive(&self, now_ms: i64) -> Result<Role, Denied> {
        if self.revoked_at_ms != 0 {
            return Err(Denied::Revoked);
        }
        if self.expires_at_ms != 0 && self.expires_at_ms <= now_ms {
            return Err(Denied::Expired);
        }
        Role::parse(&self.role).ok_or(Denied::Unknown)
    }

    pub(crate) fn to_proto(&self) -> v1::Key {
        v1::Key {
            id: self.id.clone(),
            tenant: self.tenant.clone(),
            role: self.role.clone(),
            name: self.name.clone(),
            created_at_ms: self.created_at_ms,
            expires_at_ms: self.expires_at_ms,
            revoked_at_ms: self.revoked_at_ms,
            limits: self.limits.map(Limits::to_proto),
            ..v1::Key::default()
        }
    }
}

/// A new secret: "zs-" and 43 characters that carry 256 random bits.
pub(crate) fn new_secret() -> Result<String, AccessError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(AccessError::Random)?;
    Ok(format!("zs-{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// A new public id.
pub(crate) fn new_id() -> Result<String, AccessError> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(AccessError::Random)?;
    Ok(format!("key-{}", hex::encode(bytes)))
}

/// Lookup is by this hash: how long it takes says nothing about a stored secret.
pub(crate) fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Whether a text can be a secret at all.
pub(crate) fn plausible(secret: &str) -> bool {
    secret.starts_with("zs-") && secret.len() <= MAX_SECRET
}
