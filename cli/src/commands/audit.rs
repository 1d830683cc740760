//! `zhisuan audit verify`: whether a gateway's audit chain holds. It needs no server.

use super::Context;
use crate::args::{AuditArgs, AuditVerb};
use crate::error::{Exit, Failure, Result};
use crate::output::Document;
use crate::words::{say, tr};
use serde_json::json;
use zhisuan_serving::verify_audit;

pub(super) fn run(context: &Context, args: AuditArgs) -> Result<Exit> {
    let AuditVerb::Verify(args) = args.verb;
    let verified = verify_audit(&args.path)
        .map_err(|error| Failure::new(Exit::Failed, error.code(), error.to_string()))?;
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
        schema: "zhisuan.audit/1",
        value: json!({
            "events": verified.events, "first": verified.first, "head": verified.head,
        }),
        tables: Vec::new(),
        name: verified.head.clone(),
    })?;
    Ok(Exit::Done)
}
