//! `zhisuan key`: keys are shown once, listed by their public part, and revoked.

use super::Context;
use crate::args::{KeyArgs, KeyCreateArgs, KeyLimitArgs, KeyVerb, LimitArgs};
use crate::config::As;
use crate::error::{Exit, Result};
use crate::output::table::Table;
use crate::output::{Document, Format, List};
use crate::times::now_ms;
use crate::units;
use crate::views;
use crate::words::tr;
use serde_json::Value;
use zhisuan_proto::v1::set_limits_request::Of;
use zhisuan_proto::v1::{
    CreateKeyRequest, Limits, ListKeysRequest, RevokeKeyRequest, SetLimitsRequest,
};

pub(super) async fn run(context: &Context, args: KeyArgs) -> Result<Exit> {
    match args.verb {
        KeyVerb::Create(args) => create(context, args).await,
        KeyVerb::Limit(args) => limit(context, args).await,
        KeyVerb::List(args) => {
            let request = ListKeysRequest {
                tenant: args.tenant.unwrap_or_default(),
            };
            let client = context.client(As::Operator)?;
            let keys = client.access().list_keys(request).await?.into_inner().keys;
            context.out.list(&List {
                schema: "zhisuan.key-list/1",
                items: keys.iter().map(views::access::key_json).collect(),
                total: keys.len() as u64,
                next: String::new(),
                table: views::access::keys_table(&keys),
                names: keys.iter().map(|key| key.id.clone()).collect(),
                empty: tr("没有密钥", "no keys").to_owned(),
            })?;
            Ok(Exit::Done)
        }
        KeyVerb::Revoke(args) => {
            let request = RevokeKeyRequest { id: args.id };
            let client = context.client(As::Operator)?;
            let key = client.access().revoke_key(request).await?.into_inner();
            context.out.document(Document {
                schema: "zhisuan.key/1",
                value: views::access::key_json(&key),
                tables: vec![views::access::keys_table(std::slice::from_ref(&key))],
                name: key.id.clone(),
            })?;
            Ok(Exit::Done)
        }
    }
}

/// Limits where any was named; those beside it are off. Without any the gateway's defaults hold.
pub(super) fn limits(args: &LimitArgs) -> Option<Limits> {
    let named = args.requests_per_minute.is_some()
        || args.tokens_per_minute.is_some()
        || args.priority.is_some();
    named.then(|| Limits {
        requests_per_minute: args.requests_per_minute.unwrap_or_default(),
        tokens_per_minute: args.tokens_per_minute.unwrap_or_default(),
        priority: args.priority.unwrap_or_default(),
    })
}

async fn limit(context: &Context, args: KeyLimitArgs) -> Result<Exit> {
    set_limits(context, Of::KeyId(args.id.clone()), args.id, &args.limits).await
}

/// Sets the limits of a key or tenant called `name`.
pub(super) async fn set_limits(
    context: &Context,
    of: Of,
    name: String,
    args: &LimitArgs,
) -> Result<Exit> {
    let request = SetLimitsRequest {
        of: Some(of),
        limits: limits(args),
    };
    let client = context.client(As::Operator)?;
    let set = client.access().set_limits(request).await?.into_inner();
    let set = set.limits.as_ref();
    context.out.document(Document {
        schema: "zhisuan.limits/1",
        value: views::access::limits_json(set),
        tables: vec![views::access::limits_table(set)],
        name,
    })?;
    Ok(Exit::Done)
}

async fn create(context: &Context, args: KeyCreateArgs) -> Result<Exit> {
    let expires_at_ms = match args.expires.as_deref() {
        None => 0,
        Some(text) => {
            let span = units::duration_ms("expires", text)?;
            now_ms().saturating_add(i64::try_from(span).unwrap_or(i64::MAX))
        }
    };
    let request = CreateKeyRequest {
        tenant: args.tenant.unwrap_or_default(),
        role: args.role,
        name: args.name,
        expires_at_ms,
        limits: limits(&args.limits),
    };
    // A tenant makes keys for itself; every other key takes an operator.
    let own = request.tenant.is_empty() && matches!(request.role.as_str(), "tenant" | "app");
    let who = if own { As::Tenant } else { As::Operator };
    let client = context.client(who)?;
    let answer = client.access().create_key(request).await?.into_inner();
    let key = answer.key.unwrap_or_default();
    let out = context.out;
    if matches!(out.format(), Format::Table | Format::Name) {
        // Only the secret on stdout, so that a script can take it.
        out.line(&answer.secret)?;
        out.note(tr(
            "请现在保存:这个密钥不会再显示",
            "save it now: this key is not shown again",
        ));
        return Ok(Exit::Done);
    }
    let mut value = views::access::key_json(&key);
    if let Value::Object(fields) = &mut value {
        fields.insert("secret".to_owned(), answer.secret.into());
    }
    out.document(Document {
        schema: "zhisuan.new-key/1",
        value,
        tables: vec![Table::default()],
        name: key.id,
    })?;
    Ok(Exit::Done)
}
