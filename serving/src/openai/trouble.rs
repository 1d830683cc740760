//! Pure: what the scheduler's and the replicas' refusals mean to a caller.

use super::ApiError;
use tonic::{Code, Status};
use zhisuan_proto::v1::{Failed, Route};

/// A wait that a replica predicts is told as no longer than this.
const MAX_RETRY_S: u64 = 600;

/// Whether another replica might do better.
#[derive(Debug)]
pub(crate) enum Verdict {
    Elsewhere(ApiError),
    Final(ApiError),
}

impl Verdict {
    pub(crate) fn into_error(self) -> ApiError {
        match self {
            Self::Elsewhere(error) | Self::Final(error) => error,
        }
    }
}

/// The reasons to finish that the official interface knows; `None` for an answer cut short.
pub(crate) fn reason(finish_reason: &str) -> Option<&'static str> {
    match finish_reason {
        "stop" => Some("stop"),
        "length" => Some("length"),
        "content_filter" => Some("content_filter"),
        _ => None,
    }
}

/// Whether a status says that the scheduler decided, so that no hold exists.
pub(crate) fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::FailedPrecondition
            | Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::ResourceExhausted
            | Code::OutOfRange
            | Code::AlreadyExists
            | Code::Unimplemented
    )
}

/// What a refused hold means.
pub(crate) fn of_authorize(status: &Status) -> ApiError {
    let detail = zhisuan_proto::detail_of(status).unwrap_or_default();
    if status.code() == Code::FailedPrecondition && detail.code == "ZS-BALANCE" {
        return ApiError::insufficient_quota(&detail.message_zh);
    }
    tracing::error!(
        code = ?status.code(), detail = %detail.code, message = status.message(),
        "cannot authorise a request"
    );
    if is_refusal(status.code()) {
        ApiError::not_booked(&detail.code, &detail.message_zh)
    } else {
        ApiError::scheduler_away()
    }
}

/// An error code as the engine names it: workers put it as "ZS-ENGINE-CONTEXT-EXCEEDED".
fn engine_code(code: &str) -> String {
    let code = code.strip_prefix("ZS-ENGINE-").unwrap_or(code);
    code.to_ascii_lowercase().replace('-', "_")
}

/// What a replica says of a refusal or a failure.
struct Told<'a> {
    /// As the engine names it; empty where nobody said one.
    code: String,
    /// The field of the wire at fault; may be empty.
    field: &'a str,
    chinese: &'a str,
    /// Tokens of a prompt that is too long, and how many there may be; 0 where nobody said.
    counted: u64,
    limit: u32,
    /// Seconds until another try may go better.
    retry_after_s: u64,
}

/// What a code of the engine means to a caller; `None` for a code that is not the engine's.
fn of_code(told: &Told<'_>, route: &Route) -> Option<Verdict> {
    let retry = told.retry_after_s;
    let verdict = match told.code.as_str() {
        "overloaded" => Verdict::Elsewhere(ApiError::replicas_full(&route.model, retry)),
        // The caller's own limit has passed: another replica would only add to the wait.
        "deadline_exceeded" => Verdict::Final(ApiError::waited_too_long(retry)),
        "cancelled" | "engine_stopped" => Verdict::Elsewhere(ApiError::generation_cancelled()),
        // The route names an adapter that is still on its way there, or on its way out.
        "adapter_unknown" => Verdict::Elsewhere(ApiError::model_not_ready(&route.model)),
        "context_exceeded" => {
            let limit = match told.limit {
                0 => route.context_length,
                limit => limit,
            };
            Verdict::Final(too_long(told.counted, limit, told.chinese))
        }
        "invalid_request" | "template_failed" | "constraint_failed" => Verdict::Final(
            ApiError::replica_refused(told.field, &told.code, told.chinese),
        ),
        "model_incapable" => Verdict::Final(ApiError::incapable(told.chinese)),
        "model_corrupt"
        | "model_unsupported"
        | "io"
        | "adapter_mismatch"
        | "numeric_fault"
        | "internal"
        | "data_invalid"
        | "checkpoint_mismatch" => {
            Verdict::Final(ApiError::replica_failed(&told.code, told.chinese))
        }
        _ => return None,
    };
    Some(verdict)
}

/// What a failure that a replica reports means.
pub(crate) fn of_failed(failed: &Failed, route: &Route, retry_after_s: u64) -> Verdict {
    let told = Told {
        code: engine_code(&failed.code),
        field: "",
        chinese: &failed.message,
        counted: failed
            .usage
            .as_ref()
            .map_or(0, |usage| u64::from(usage.prompt_tokens)),
        limit: 0,
        retry_after_s,
    };
    of_code(&told, route)
        .unwrap_or_else(|| Verdict::Final(ApiError::replica_failed(&told.code, told.chinese)))
}

/// What a refused or broken call to a replica means. How long to wait it knows better than the
/// gateway, where it says so.
pub(crate) fn of_replica(status: &Status, route: &Route, retry_after_s: u64) -> Verdict {
    let detail = zhisuan_proto::detail_of(status).unwrap_or_default();
    let told = Told {
        code: engine_code(&detail.code),
        field: &detail.field,
        chinese: &detail.message_zh,
        counted: detail.value.parse().unwrap_or(0),
        limit: detail.accepted.parse().unwrap_or(0),
        retry_after_s: match detail.retry_ms {
            0 => retry_after_s,
            ms => ms.div_ceil(1_000).min(MAX_RETRY_S),
        },
    };
    of_code(&told, route).unwrap_or_else(|| of_status(status.code(), &told, route))
}

/// What a status means whose code is not the engine's.
fn of_status(status: Code, told: &Told<'_>, route: &Route) -> Verdict {
    match status {
        Code::ResourceExhausted => {
            Verdict::Elsewhere(ApiError::replicas_full(&route.model, told.retry_after_s))
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => Verdict::Final(
            ApiError::replica_refused(told.field, &told.code, told.chinese),
        ),
        Code::Unimplemented => Verdict::Final(ApiError::incapable("该模型不提供此项功能。")),
        Code::Internal if !told.code.is_empty() => {
            Verdict::Final(ApiError::replica_failed(&told.code, told.chinese))
        }
        _ => Verdict::Elsewhere(ApiError::model_not_ready(&route.model)),
    }
}

/// The refusal of a prompt; where its tokens were not told as a number, the message has them.
fn too_long(counted: u64, limit: u32, message: &str) -> ApiError {
    let tokens = if counted == 0 {
        largest_number(message, limit)
    } else {
        counted
    };
    ApiError::context_exceeded(tokens, limit)
}

/// The largest number of a message that is at least `least`; 0 when it has none.
pub(super) fn largest_number(message: &str, least: u32) -> u64 {
    message
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .filter(|&number| number >= u64::from(least))
        .max()
        .unwrap_or(0)
}
