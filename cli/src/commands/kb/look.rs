//! What was done to the base, what changed between versions, and the files as they came in.

use super::{list, named, show, text};
use crate::args::{KbDiffArgs, KbHistoryArgs, KbRawArgs};
use crate::commands::Context;
use crate::error::Result;
use crate::gateway::Gateway;

pub(super) async fn history(
    context: &Context,
    gateway: &Gateway,
    args: KbHistoryArgs,
) -> Result<()> {
    let object = args.object.unwrap_or_default();
    let query = [("object", object.as_str())];
    let query = if object.is_empty() { &[] } else { &query[..] };
    let found = gateway.get_json("/api/kb/history", query).await?;
    list(context, "zhisuan.kb-history-list/1", &found, show::history)
}

pub(super) async fn diff(context: &Context, gateway: &Gateway, args: KbDiffArgs) -> Result<()> {
    let (from, to) = (args.from.to_string(), args.to.to_string());
    let query = [
        ("document", args.document.as_str()),
        ("from", from.as_str()),
        ("to", to.as_str()),
    ];
    let found = gateway.get_json("/api/kb/diff", &query).await?;
    list(context, "zhisuan.kb-diff-list/1", &found, show::diff)
}

pub(super) async fn raw(context: &Context, gateway: &Gateway, args: KbRawArgs) -> Result<()> {
    let version = named(gateway, &args.version).await?;
    let number = match &version["number"] {
        serde_json::Value::Number(number) => number.to_string(),
        other => text(other).to_owned(),
    };
    let query = [
        ("document", text(&version["document"])),
        ("number", &number),
    ];
    let bytes = gateway.get_bytes("/api/kb/raw", &query).await?;
    match args.to {
        Some(path) => Ok(std::fs::write(path, bytes)?),
        None => context.out.raw(&bytes),
    }
}
