//! How much may be asked of models through gateways: by one key, and by all keys of a tenant.

use super::error::AccessError;
use serde::{Deserialize, Serialize};
use zhisuan_proto::v1;

/// Bands of urgency: 0 to this.
const LAST_BAND: u64 = 3;
const MOST_REQUESTS: u64 = 10_000_000;
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    requests_per_minute: u32,
    tokens_per_minute: u64,
    /// Band of urgency, 0 is served first.
    priority: u32,
}

impl Limits {
    /// Checks what was asked for; nothing leaves it to gateways.
    pub(crate) fn of(wire: Option<v1::Limits>) -> Result<Option<Self>, AccessError> {
        let Some(wire) = wire else {
            return Ok(None);
        };
        let within = |field, value: u64, most: u64, accepted| {
            if value <= most {
                return Ok(());
            }
            Err(AccessError::Field {
                field,
                value: value.to_string(),
                zh: accepted,
                accepted,
            })
        };
        let requests = u64::from(wire.requests_per_minute);
        let field = "limits.requests_per_minute";
        within(field, requests, MOST_REQUESTS, "0 to 10000000")?;
        let (field, tokens) = ("limits.tokens_per_minute", wire.tokens_per_minute);
        within(field, tokens, MOST_TOKENS, "0 to 1000000000000")?;
        let band = u64::from(wire.priority);
        within("limits.priority", band, LAST_BAND, "0 to 3")?;
        Ok(Some(Self {
            requests_per_minute: wire.requests_per_minute,
            tokens_per_minute: wire.tokens_per_minute,
            priority: wire.priority,
        }))
    }

    pub(crate) fn to_proto(self) -> v1::Limits {
        v1::Limits {
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
            priority: self.priority,
        }
    }
}
