//! Pure: what the scheduler's and the replicas' refusals mean to a caller.

use super::ApiError;
use tonic::{Code, Status};
use zhisuan_proto::v1::{Failed, Route};

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

/// What a failure that a replica reports means.
pub(crate) fn of_failed(failed: &Failed, route: &Route, retry_after_s: u64) -> Verdict {
    let code = engine_code(&failed.code);
    match code.as_str() {
        "overloaded" => Verdict::Elsewhere(ApiError::replicas_full(&route.model, retry_after_s)),
        "cancelled" | "stopped" | "engine_stopped" => {
            Verdict::Elsewhere(ApiError::generation_cancelled())
        }
        "context_exceeded" => {
            let counted = failed.usage.as_ref().map_or(0, |usage| usage.prompt_tokens);
            Verdict::Final(too_long(
                u64::from(counted),
                route.context_length,
                &failed.message,
            ))
        }
        "invalid_request" | "template_failed" => {
            Verdict::Final(ApiError::replica_refused("", &code, &failed.message))
        }
        other => Verdict::Final(ApiError::replica_failed(other, &failed.message)),
    }
}

/// What a refused or broken call to a replica means.
pub(crate) fn of_replica(status: &Status, route: &Route, retry_after_s: u64) -> Verdict {
    let detail = zhisuan_proto::detail_of(status).unwrap_or_default();
    let code = engine_code(&detail.code);
    match status.code() {
        _ if code == "context_exceeded" => {
            let counted = detail.value.parse().unwrap_or(0);
            let limit = detail.accepted.parse().unwrap_or(route.context_length);
            Verdict::Final(too_long(counted, limit, &detail.message_zh))
        }
        Code::ResourceExhausted => {
            Verdict::Elsewhere(ApiError::replicas_full(&route.model, retry_after_s))
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => Verdict::Final(
            ApiError::replica_refused(&detail.field, &code, &detail.message_zh),
        ),
        Code::Unimplemented => Verdict::Final(ApiError::replica_refused(
            "model",
            "operation_not_offered",
            "该模型不提供此项功能。",
        )),
        Code::Internal if !code.is_empty() => {
            Verdict::Final(ApiError::replica_failed(&code, &detail.message_zh))
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
fn largest_number(message: &str, least: u32) -> u64 {
    message
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .filter(|&number| number >= u64::from(least))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, largest_number, of_failed, of_replica, reason};
    use tonic::{Code, Status};
    use zhisuan_proto::v1::{Failed, Route, TokenCount};

    fn failed(code: &str) -> Failed {
        Failed {
            code: code.to_owned(),
            message: "细节".to_owned(),
            usage: Some(TokenCount {
                prompt_tokens: 900,
                ..TokenCount::default()
            }),
        }
    }

    #[test]
    fn failures_keep_their_meaning() {
        let route = Route {
            model: "m".to_owned(),
            context_length: 512,
            ..Route::default()
        };
        let code = |failed: &Failed| of_failed(failed, &route, 3).into_error().code;
        assert_eq!(code(&failed("context_exceeded")), "context_length_exceeded");
        assert_eq!(
            code(&failed("ZS-ENGINE-CONTEXT-EXCEEDED")),
            "context_length_exceeded"
        );
        assert_eq!(code(&failed("overloaded")), "overloaded");
        assert_eq!(code(&failed("template_failed")), "invalid_value");
        assert_eq!(code(&failed("numeric_fault")), "replica_error");
        assert!(matches!(
            of_failed(&failed("overloaded"), &route, 1),
            Verdict::Elsewhere(_)
        ));
        let english = of_failed(&failed("context_exceeded"), &route, 1)
            .into_error()
            .english;
        assert!(
            english.contains("512") && english.contains("900"),
            "{english}"
        );
        // As workers refuse it: numbers in the Chinese message, the limit as what is accepted.
        let detail = zhisuan_proto::v1::ErrorDetail {
            code: "ZS-ENGINE-CONTEXT-EXCEEDED".to_owned(),
            accepted: "256".to_owned(),
            message_zh: "提示有 700 个词元，上限为 256 个（须为回答至少留 1 个）".to_owned(),
            ..Default::default()
        };
        let status = zhisuan_proto::status(Code::InvalidArgument, "refused", &detail);
        let english = of_replica(&status, &route, 1).into_error().english;
        assert!(
            english.contains("256") && english.contains("700"),
            "{english}"
        );
        for status in [Code::Unavailable, Code::Unknown, Code::Unauthenticated] {
            let verdict = of_replica(&Status::new(status, ""), &route, 1);
            assert!(matches!(verdict, Verdict::Elsewhere(_)), "{status:?}");
        }
    }

    #[test]
    fn numbers_are_found_in_messages() {
        assert_eq!(largest_number("提示有 700 个词元，上限为 512 个", 512), 700);
        assert_eq!(largest_number("no numbers", 512), 0);
        assert_eq!(largest_number("99999999999999999999999", 512), 0);
    }

    #[test]
    fn only_whole_answers_have_a_reason() {
        assert_eq!(reason("stop"), Some("stop"));
        assert_eq!(reason("cancelled"), None);
    }
}
