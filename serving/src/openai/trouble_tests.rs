//! What refusals mean to a caller: every code of the engine, numbers in messages.

use super::trouble::{Verdict, largest_number, of_failed, of_replica, reason};
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

/// Every code that the page of the engine's errors lists, as a refusal before the first event.
/// Code, gRPC status, HTTP status, code for callers, whether another replica is asked.
const CODES: &[(&str, Code, u16, &str, bool)] = &[
    ("MODEL-CORRUPT", Code::Internal, 500, "replica_error", false),
    (
        "MODEL-UNSUPPORTED",
        Code::Internal,
        500,
        "replica_error",
        false,
    ),
    (
        "MODEL-INCAPABLE",
        Code::InvalidArgument,
        400,
        "operation_not_offered",
        false,
    ),
    ("IO", Code::Internal, 500, "replica_error", false),
    (
        "CONTEXT-EXCEEDED",
        Code::InvalidArgument,
        400,
        "context_length_exceeded",
        false,
    ),
    (
        "INVALID-REQUEST",
        Code::InvalidArgument,
        400,
        "invalid_value",
        false,
    ),
    (
        "ADAPTER-MISMATCH",
        Code::Internal,
        500,
        "replica_error",
        false,
    ),
    (
        "ADAPTER-UNKNOWN",
        Code::NotFound,
        503,
        "model_not_ready",
        true,
    ),
    (
        "TEMPLATE-FAILED",
        Code::InvalidArgument,
        400,
        "invalid_value",
        false,
    ),
    (
        "CONSTRAINT-FAILED",
        Code::InvalidArgument,
        400,
        "invalid_value",
        false,
    ),
    ("NUMERIC-FAULT", Code::Internal, 500, "replica_error", false),
    ("INTERNAL", Code::Internal, 500, "replica_error", false),
    (
        "OVERLOADED",
        Code::ResourceExhausted,
        429,
        "overloaded",
        true,
    ),
    (
        "DEADLINE-EXCEEDED",
        Code::DeadlineExceeded,
        504,
        "queue_timeout",
        false,
    ),
    (
        "ENGINE-STOPPED",
        Code::Unavailable,
        503,
        "generation_cancelled",
        true,
    ),
    (
        "CANCELLED",
        Code::Cancelled,
        503,
        "generation_cancelled",
        true,
    ),
    ("DATA-INVALID", Code::Internal, 500, "replica_error", false),
    (
        "CHECKPOINT-MISMATCH",
        Code::Internal,
        500,
        "replica_error",
        false,
    ),
];

#[test]
fn every_code_of_the_engine_has_its_status() {
    let page = include_str!("../../../docs/errors/ZS-ENGINE.md");
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `ZS-ENGINE-")?.split('`').next())
        .collect();
    let mut known: Vec<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    let mut told = listed;
    known.sort_unstable();
    told.sort_unstable();
    assert_eq!(known, told, "the page and the table");
    let route = Route::default();
    for (code, grpc, status, name, elsewhere) in CODES {
        let detail = zhisuan_proto::v1::ErrorDetail {
            code: format!("ZS-ENGINE-{code}"),
            retry_ms: 2_500,
            ..Default::default()
        };
        let refused = of_replica(
            &zhisuan_proto::status(*grpc, "refused", &detail),
            &route,
            77,
        );
        let broken = of_failed(&failed(&detail.code), &route, 77);
        for (verdict, retry) in [(refused, 3), (broken, 77)] {
            assert_eq!(
                matches!(verdict, Verdict::Elsewhere(_)),
                *elsewhere,
                "{code}"
            );
            let error = verdict.into_error();
            assert_eq!(
                (error.status.as_u16(), error.code),
                (*status, *name),
                "{code}"
            );
            if matches!(status, 429 | 504) {
                assert_eq!(error.retry_after_s, Some(retry), "{code}");
            }
        }
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
