//! Servers of somebody else's behind a name of ours. Pure.

use super::error::ModelError;
use super::shape::is_name;
use super::traffic::Member;
use crate::access::CENTRE;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use zhisuan_proto::v1;

const MAX_URL: usize = 2048;
const MAX_KEY: usize = 4096;
const MAX_REMOTE: usize = 256;

/// A text that no log and no `{:?}` shows.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(String);

impl Hidden {
    /// The text itself, for the one who must send it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// An OpenAI-compatible server of somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Backend {
    pub(crate) name: String,
    /// Name that callers use.
    pub(crate) model: String,
    /// Up to and with "/v1", no slash at the end.
    pub(crate) url: String,
    /// The name that the server knows the model by.
    pub(crate) remote_model: String,
    /// Who may call it; empty is everybody.
    pub(crate) callers: String,
    pub(crate) context_length: u32,
    /// Tokens are counted at no price.
    pub(crate) dedicated: bool,
    pub(crate) created_at_ms: i64,
    /// Kept in the store, which only the centre's own account can read; gateways must send it.
    pub(crate) api_key: Hidden,
}

impl Backend {
    /// Checks what was asked for as a whole.
    pub(crate) fn plan(request: v1::AddBackendRequest, now_ms: i64) -> Result<Self, ModelError> {
        let wire = request.backend.unwrap_or_default();
        let (zh, en) = (
            "小写字母、数字、'.'、'-'、'_'，最多 96 个",
            "at most 96 lower-case letters, digits, '.', '-', '_'",
        );
        for (field, name) in [("backend.name", &wire.name), ("backend.model", &wire.model)] {
            if !is_name(name) {
                return Err(ModelError::field(field, name, zh, en));
            }
        }
        let dedicated = wire.metering() == v1::Metering::Dedicated;
        let remote_model = if wire.remote_model.is_empty() {
            wire.model.clone()
        } else {
            wire.remote_model
        };
        if remote_model.len() > MAX_REMOTE || remote_model.chars().any(char::is_control) {
            let accepted = format!("at most {MAX_REMOTE} printable bytes");
            let field = "backend.remote_model";
            return Err(ModelError::field(
                field,
                &remote_model,
                &accepted,
                &accepted,
            ));
        }
        let printable = |b: u8| (0x21..0x7f).contains(&b);
        let key = request.api_key;
        if key.len() > MAX_KEY || !key.bytes().all(printable) {
            // The value is a secret: it is not repeated.
            let accepted = format!("at most {MAX_KEY} printable ASCII characters, no spaces");
            return Err(ModelError::field("api_key", "…", &accepted, &accepted));
        }
        Ok(Self {
            url: checked_url(&wire.url)?,
            name: wire.name,
            model: wire.model,
            remote_model,
            callers: wire.tenant,
            context_length: wire.context_length,
            dedicated,
            created_at_ms: now_ms,
            api_key: Hidden(key),
        })
    }

    pub(crate) fn metering(&self) -> v1::Metering {
        if self.dedicated {
            v1::Metering::Dedicated
        } else {
            v1::Metering::Tokens
        }
    }

    /// How it stands to a name: every back end is ready to share its name.
    pub(crate) fn member(&self, name: &str) -> Option<Member> {
        (self.model == name).then(|| Member {
            deployment: self.name.clone(),
            callers: self.callers.clone(),
            owner: CENTRE.to_owned(),
            created_at_ms: self.created_at_ms,
            shares: true,
        })
    }

    /// Without its key.
    pub(crate) fn to_proto(&self) -> v1::Backend {
        v1::Backend {
            name: self.name.clone(),
            model: self.model.clone(),
            url: self.url.clone(),
            remote_model: self.remote_model.clone(),
            tenant: self.callers.clone(),
            context_length: self.context_length,
            created_at_ms: self.created_at_ms,
            metering: self.metering().into(),
        }
    }
}

/// An absolute http(s) address without credentials, query or fragment, with "/v1" at its end. What
/// it does not show is not repeated: addresses with passwords in them end up in logs.
fn checked_url(url: &str) -> Result<String, ModelError> {
    let refuse = || {
        let (zh, en) = (
            "http(s)://主机[:端口]/…/v1，不带用户名、密码、查询参数",
            "http(s)://host[:port]/…/v1, without user, password or query",
        );
        let shown = url.rsplit('@').next().unwrap_or_default();
        Err(ModelError::field("backend.url", shown, zh, en))
    };
    let trimmed = url.trim_end_matches('/');
    if trimmed.len() > MAX_URL || trimmed.contains(['#', '@']) {
        return refuse();
    }
    let Ok(parsed) = trimmed.parse::<Uri>() else {
        return refuse();
    };
    let scheme = matches!(parsed.scheme_str(), Some("http" | "https"));
    let host = parsed.host().is_some_and(|host| !host.is_empty());
    if !scheme || !host || parsed.query().is_some() || !parsed.path().ends_with("/v1") {
        return refuse();
    }
    Ok(trimmed.to_owned())
}
