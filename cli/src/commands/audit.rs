//! `zhisuan audit verify`: whether a gateway's audit is whole and unchanged.

use super::Context;
use crate::args::{AuditArgs, AuditVerb};
use crate::error::{Exit, Failure, Result};
use crate::output::Document;
use crate::output::table::{Cell, Table};
use crate::words::{say, tr};
use serde_json::json;
use zhisuan_serving::{VerifyError, verify_audit};

/// Reads files only: no server is asked.
pub(super) fn run(context: &Context, args: &AuditArgs) -> Result<Exit> {
    let AuditVerb::Verify(args) = &args.verb;
    let found = verify_audit(&args.path).map_err(|error| refused(&error))?;
    let mut facts = Table::default();
    facts.pair(
        tr("结论", "verdict"),
        tr("完整,未被更改", "whole and unchanged"),
    );
    facts.pair(tr("事件", "events"), Cell::Count(found.events));
    facts.pair(tr("首个编号", "first number"), Cell::Count(found.first));
    facts.pair(tr("末端散列", "last hash"), found.head.clone());
    context.out.document(Document {
        schema: "zhisuan.audit-verification/1",
        value: json!({
            "whole": true, "events": found.events, "first": found.first, "head": found.head,
        }),
        tables: vec![facts],
        name: found.head,
    })?;
    Ok(Exit::Done)
}

fn refused(error: &VerifyError) -> Failure {
    let why = match error {
        VerifyError::Read { path, source } => say!(
            "无法读取 {}:{}",
            "cannot read {}: {}",
            path.display(),
            source
        ),
        VerifyError::Broken { path, line, why } => say!(
            "审计链在 {} 第 {} 行断开({})",
            "the audit chain breaks at {} line {} ({})",
            path.display(),
            line,
            why
        ),
        other => other.to_string(),
    };
    let failure = Failure::new(Exit::Failed, error.code(), why);
    match error {
        VerifyError::Broken { .. } => failure.hint(tr(
            "保全该文件和备份;与另行保存的散列比对",
            "secure the file and its backups; compare with the hash kept elsewhere",
        )),
        _ => failure.hint(tr(
            "给出网关的审计文件夹,或其中一个文件",
            "name the gateway's audit folder, or a file of it",
        )),
    }
}
