//! `zhisuan audit verify`: whether a gateway's audit chain holds. It needs no server.

use super::Context;
use crate::args::{AuditArgs, AuditVerb};
use crate::error::{Exit, Failure, Result};
use crate::output::Document;
use crate::words::{say, tr};
use serde_json::json;
use std::path::Path;
use zhisuan_serving::{Verified, VerifyError, verify_audit};

pub(super) fn run(context: &Context, args: AuditArgs) -> Result<Exit> {
    let AuditVerb::Verify(args) = args.verb;
    tell(context, "zhisuan.audit/1", verify_audit(&args.path))?;
    Ok(Exit::Done)
}

/// The same for the log of answers.
pub(super) fn answers(context: &Context, path: &Path) -> Result<()> {
    let verified = zhisuan_apps::audit::verify(path);
    tell(context, "zhisuan.kb-audit/1", verified)
}

/// Says whether a chain of events holds.
fn tell(
    context: &Context,
    schema: &'static str,
    verified: std::result::Result<Verified, VerifyError>,
) -> Result<()> {
    let verified =
        verified.map_err(|error| Failure::new(Exit::Failed, error.code(), error.to_string()))?;
    context.out.note(&say!(
        "{} 条记录,链条完整",
        "{} events, and the chain holds",
        verified.events
    ));
    if verified.first > 1 {
        context.out.note(&say!(
            "第一条是第 {} 号:更早的文件不在这里",
            "the first is number {}: older files are not here",
            verified.first
        ));
    }
    context.out.note(tr(
        "另行保存这个散列,以后可以证明没有被截短",
        "keep this hash elsewhere: it proves later that nothing was cut off",
    ));
    context.out.document(Document {
        schema,
        value: json!({
            "events": verified.events, "first": verified.first, "head": verified.head,
        }),
        tables: Vec::new(),
        name: verified.head,
    })
}
