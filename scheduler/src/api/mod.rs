//! gRPC adapters: wire to domain and back. Only here and in `words` are status codes known.

mod billing;
mod convert;
mod jobs;
mod nodes;
mod page;
mod session;
mod spec;
mod statement;
mod submit;
mod workers;

pub(crate) use billing::BillingService;
pub(crate) use convert::{Simulated, job_message, node_message};
pub(crate) use jobs::JobsService;
pub(crate) use nodes::NodesService;
pub(crate) use spec::normalise;
pub(crate) use statement::{account_message, statement};
pub(crate) use workers::WorkersService;

pub(crate) use crate::access::caller_of as caller;

use crate::access::{Caller, Role};
use crate::actor::Failure;
use crate::store::StoreError;
use crate::words;
use tonic::{Code, Status};
use zhisuan_core::{Refusal, TenantName};
use zhisuan_proto::v1::ErrorDetail;

/// The tenant that a call is about: operators and auditors may name one, others have their own.
pub(crate) fn tenant_of(caller: &Caller, named: &str) -> Result<TenantName, Status> {
    let sees_all = matches!(caller.role, Role::Operator | Role::Auditor | Role::Gateway);
    match named {
        "" if caller.tenant.is_empty() => Err(words::refusal(&Refusal::invalid(
            "tenant",
            "empty",
            "a tenant's name (this key belongs to no tenant)",
        ))),
        "" => Ok(TenantName(caller.tenant.clone())),
        name if sees_all || name == caller.tenant => Ok(TenantName(name.to_owned())),
        // The answer does not tell whether the other tenant exists.
        name => Err(words::refusal(&Refusal::UnknownTenant(name.into()))),
    }
}

/// The tenant to which a listing is limited; `None` is all of them.
pub(crate) fn scope(caller: &Caller, named: &str) -> Result<Option<TenantName>, Status> {
    let sees_all = matches!(caller.role, Role::Operator | Role::Auditor);
    if named.is_empty() && sees_all {
        Ok(None)
    } else {
        tenant_of(caller, named).map(Some)
    }
}

pub(crate) fn failure(failure: &Failure) -> Status {
    match failure {
        Failure::Refused(refusal) => words::refusal(refusal),
        Failure::Stopped(cause) => unavailable(cause),
    }
}

pub(crate) fn unavailable(cause: &str) -> Status {
    let detail = ErrorDetail {
        code: "ZS-STOPPING".to_owned(),
        hint: "try again in a moment".to_owned(),
        message_zh: "调度器正在停止或暂时无法写入，请稍后重试。未确认的请求不会生效。".to_owned(),
        ..ErrorDetail::default()
    };
    let message = format!("the scheduler cannot take this now: {cause}");
    zhisuan_proto::status(Code::Unavailable, message, &detail)
}

fn unreadable() -> Status {
    let detail = ErrorDetail {
        code: "ZS-STORE".to_owned(),
        hint: "ask the operator to look at the scheduler's log".to_owned(),
        message_zh: "调度器的数据库暂时读不出来，请联系运营方查看调度器日志。".to_owned(),
        ..ErrorDetail::default()
    };
    zhisuan_proto::status(
        Code::Internal,
        "the scheduler's store cannot be read",
        &detail,
    )
}

/// Runs a blocking read; a broken store is the server's fault, its details go to the log.
pub(crate) async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Status> {
    let result = tokio::task::spawn_blocking(work).await;
    result
        .map_err(|error| unavailable(&error.to_string()))?
        .map_err(|error| {
            tracing::error!(%error, "a read failed");
            unreadable()
        })
}
