//! Every variant speaks both languages and leaves no placeholder behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::{cores, fit_failure, mib, reason, refusal, verdict, yuan};
use tonic::Code;
use zhisuan_core::{Epoch, FitFailure, JobId, Reason, Refusal, Shortfall, TaskRef, Verdict};
use zhisuan_proto::v1;

const SHORTFALLS: [Shortfall; 8] = [
    Shortfall::NotReady,
    Shortfall::Work,
    Shortfall::Label,
    Shortfall::DeviceKind,
    Shortfall::Devices,
    Shortfall::DeviceMemory,
    Shortfall::Cpu,
    Shortfall::Memory,
];

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

fn check(sentence: &v1::Reason) {
    let v1::Reason {
        code,
        text_zh,
        text_en,
        ..
    } = sentence;
    assert!(!code.is_empty());
    assert!(is_chinese(text_zh), "{text_zh}");
    assert!(!is_chinese(text_en) && text_en.len() > 5, "{text_en}");
    for text in [text_zh, text_en] {
        assert!(
            !text.contains(['{', '}']) && !text.contains("None"),
            "{text}"
        );
    }
}

#[test]
fn every_reason_speaks_both_languages() {
    let mut all = vec![
        Reason::NoNodes { known: 3 },
        Reason::Gang { tasks: 8, fit: 5 },
        Reason::Unplanned,
    ];
    for short in SHORTFALLS {
        for capable_nodes in [0, 2] {
            all.push(Reason::Insufficient {
                short,
                asked: 4000,
                free: 1500,
                most: 8000,
                capable_nodes,
            });
        }
        all.push(Reason::Never {
            short,
            asked: 9000,
            most: 8000,
            tasks: 2,
        });
        check(&fit_failure(&FitFailure {
            short,
            asked: 4000,
            free: 1500,
        }));
    }
    for one in &all {
        let sentence = reason(one);
        assert_eq!(sentence.code, one.code());
        check(&sentence);
    }
}

#[test]
fn numbers_are_in_the_sentence_and_beside_it() {
    let short = reason(&Reason::Insufficient {
        short: Shortfall::Cpu,
        asked: 4000,
        free: 1500,
        most: 8000,
        capable_nodes: 2,
    });
    assert!(
        short.text_zh.contains("需要 4 核，空闲 1.5 核"),
        "{}",
        short.text_zh
    );
    assert!(short.text_en.contains("4 cores") && short.text_en.contains("1.5 are free"));
    assert_eq!(short.numbers["asked"], 4000);
    assert_eq!(short.names["short"], "cpu");
}

#[test]
fn device_memory_is_an_amount_and_not_a_count() {
    let short = Shortfall::DeviceMemory;
    let gap = fit_failure(&FitFailure {
        short,
        asked: 24_576,
        free: 16_384,
    });
    let never = |most| {
        reason(&Reason::Never {
            short,
            asked: 24_576,
            most,
            tasks: 1,
        })
    };
    let (small, few) = (never(16_384), never(24_576));
    for (sentence, wanted) in [
        (&gap, "每张卡需要 24 GiB 显存，最多只有 16 GiB"),
        (&small, "每张卡需要 24 GiB 显存，最多只有 16 GiB"),
        (&few, "每张卡需要 24 GiB 显存，没有节点有足够多"),
    ] {
        check(sentence);
        assert!(sentence.text_zh.contains(wanted), "{}", sentence.text_zh);
        assert!(sentence.text_en.contains("24 GiB"), "{}", sentence.text_en);
        assert!(!sentence.text_zh.contains("24576"), "{}", sentence.text_zh);
    }
}

#[test]
fn a_conflict_reads_well_whatever_is_taken() {
    for what in ["room of job 5 on n1", "node n1 (it runs job 1)"] {
        let status = refusal(&Refusal::Conflict(what.into()));
        let detail = zhisuan_proto::detail_of(&status).unwrap();
        assert_eq!(status.message(), format!("{what} is in use already"));
        assert_eq!(detail.message_zh, format!("{what} 已被占用"));
    }
}

#[test]
fn every_verdict_speaks_both_languages() {
    let failed = |exit_code, message: &str| Verdict::Failed {
        exit_code,
        code: "ZS-COMMAND".into(),
        message: message.into(),
    };
    let silent = Verdict::Failed {
        exit_code: 0,
        code: String::new(),
        message: String::new(),
    };
    for one in [
        Verdict::Succeeded,
        failed(3, "boom"),
        failed(0, "no such model"),
        failed(9, ""),
        silent,
        Verdict::Cancelled,
        Verdict::TimedOut,
        Verdict::Lost { node: "n1".into() },
        Verdict::Returned { node: "n1".into() },
        Verdict::OutOfBalance,
    ] {
        check(&verdict(&one));
    }
}

fn refusals_of_submissions() -> Vec<(Refusal, &'static str, Code)> {
    let never = Reason::Never {
        short: Shortfall::Memory,
        asked: 4096,
        most: 2048,
        tasks: 1,
    };
    vec![
        (
            Refusal::invalid("spec.tasks", 0, "1 to 1024"),
            "ZS-FIELD",
            Code::InvalidArgument,
        ),
        (
            Refusal::UnknownTenant("x1".into()),
            "ZS-TENANT-UNKNOWN",
            Code::NotFound,
        ),
        (
            Refusal::UnknownJob(JobId(5)),
            "ZS-JOB-UNKNOWN",
            Code::NotFound,
        ),
        (
            Refusal::UnknownNode("n".into()),
            "ZS-NODE-UNKNOWN",
            Code::NotFound,
        ),
        (
            Refusal::UnknownRequest("r".into()),
            "ZS-REQUEST-UNKNOWN",
            Code::NotFound,
        ),
        (
            Refusal::Impossible(Box::new(never)),
            "ZS-JOB-NEVER",
            Code::FailedPrecondition,
        ),
        (
            Refusal::Balance {
                tenant: "t1".into(),
                needed_micro: 2_500_000,
                available_micro: 1,
            },
            "ZS-BALANCE",
            Code::FailedPrecondition,
        ),
        (
            Refusal::OverBudget {
                hold_micro: 3_000_000,
                cap_micro: 1_000_000,
            },
            "ZS-BUDGET",
            Code::FailedPrecondition,
        ),
    ]
}

fn refusals() -> Vec<(Refusal, &'static str, Code)> {
    let task = TaskRef {
        job: JobId(7),
        attempt: 2,
        task: 0,
        epoch: Epoch(9),
    };
    let mut all = refusals_of_submissions();
    all.extend([
        (
            Refusal::NoPrice("cpu".into()),
            "ZS-PRICE-MISSING",
            Code::FailedPrecondition,
        ),
        (Refusal::Stale(task), "ZS-STALE", Code::Aborted),
        (
            Refusal::DevicesChanged {
                node: "n".into(),
                was: "2".into(),
                now: "1".into(),
            },
            "ZS-DEVICES-CHANGED",
            Code::FailedPrecondition,
        ),
        (
            Refusal::DeviceTaken {
                uuid: "GPU-1".into(),
                owner: "n".into(),
            },
            "ZS-DEVICE-TAKEN",
            Code::AlreadyExists,
        ),
        (
            Refusal::Conflict("key k".into()),
            "ZS-CONFLICT",
            Code::AlreadyExists,
        ),
    ]);
    all
}

#[test]
fn every_refusal_has_a_code_both_languages_and_a_next_step() {
    for (one, id, code) in refusals() {
        let status = refusal(&one);
        let detail = zhisuan_proto::detail_of(&status).unwrap();
        assert_eq!((detail.code.as_str(), status.code()), (id, code));
        assert!(
            is_chinese(&detail.message_zh) && is_chinese(&detail.hint),
            "{detail:?}"
        );
        assert!(!status.message().contains(['{', '}']) && !is_chinese(status.message()));
        assert!(!detail.message_zh.contains(['{', '}']));
    }
    let balance = Refusal::Balance {
        tenant: "t1".into(),
        needed_micro: 2_500_000,
        available_micro: 1,
    };
    let detail = zhisuan_proto::detail_of(&refusal(&balance)).unwrap();
    assert!(
        detail
            .message_zh
            .contains("需预留 2.50 元，可用 0.000001 元"),
        "{}",
        detail.message_zh
    );
}

#[test]
fn amounts_are_exact() {
    assert_eq!(yuan(12_300_000), "12.30");
    assert_eq!(yuan(-1), "-0.000001");
    assert_eq!(yuan(0), "0.00");
    assert_eq!(yuan(i64::MIN), "-9223372036854.775808");
    assert_eq!((cores(2000).as_str(), cores(500).as_str()), ("2", "0.5"));
    assert_eq!(
        (mib(4096).as_str(), mib(1536).as_str()),
        ("4 GiB", "1536 MiB")
    );
}

#[test]
fn what_a_caller_sent_never_makes_a_status_too_large() {
    let long = "x".repeat(1 << 20);
    let status = refusal(&Refusal::UnknownTenant(long.as_str().into()));
    assert!(status.message().len() < 2000 && status.details().len() < 4000);
}
