//! How a gateway is run, as a TOML file: limits, queue, filter, labels, audit, traces. Strict: an
//! unknown key is an error. Paths are counted from the file's folder.

use crate::error::{Failure, Result};
use crate::units;
use crate::words::say;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zhisuan_serving::{
    AuditOptions, Decision, Decisions, GuardOptions, GuardPolicy, LabelOptions, Operations, Rates,
};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    access_log: Option<PathBuf>,
    /// "http://host:port" of an OpenTelemetry collector.
    traces: Option<String>,
    /// Tenants named on the page of metrics.
    metrics_tenants: usize,
    reader_stall: Option<String>,
    limits: Limits,
    queue: Queue,
    guard: Guard,
    label: Label,
    audit: Option<Audit>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    key: PerMinute,
    tenant: PerMinute,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PerMinute {
    requests_per_minute: u64,
    tokens_per_minute: u64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Queue {
    waiting: Option<usize>,
    waiting_per_tenant: Option<usize>,
    patience: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Guard {
    /// A term a line.
    terms_file: Option<PathBuf>,
    prompt: Finds,
    answer: Finds,
    /// Of tenants that have a policy of their own.
    tenants: BTreeMap<String, Both>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Both {
    prompt: Finds,
    answer: Finds,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Finds {
    personal: Word,
    secrecy: Word,
    terms: Word,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    #[default]
    Ignore,
    Allow,
    Mask,
    Refuse,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Label {
    producer: Option<String>,
    explicit: bool,
    /// Only for a service that nobody else uses.
    off: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Audit {
    folder: PathBuf,
    /// Requests are refused while events cannot be written.
    #[serde(default = "yes")]
    required: bool,
}

fn yes() -> bool {
    true
}

/// The settings of a file, or the defaults where none was named.
pub(crate) fn operations(path: Option<&Path>) -> Result<Operations> {
    let Some(path) = path else {
        return Ok(Operations::default());
    };
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::usage(
            "ZS-GATEWAY-SETTINGS",
            say!(
                "网关设置 {} 有误:{}",
                "the gateway's settings {} are wrong: {}",
                path.display(),
                why
            ),
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let document: Document = toml::from_str(&text).map_err(|error| wrong(&error))?;
    of(document, path.parent().unwrap_or_else(|| Path::new("")))
}

fn of(document: Document, folder: &Path) -> Result<Operations> {
    let mut settings = Operations {
        key_limits: rates(document.limits.key),
        tenant_limits: rates(document.limits.tenant),
        metrics_tenants: document.metrics_tenants,
        access_log: document.access_log.map(|path| folder.join(path)),
        guard: GuardOptions {
            policy: policy(document.guard.prompt, document.guard.answer),
            tenants: document
                .guard
                .tenants
                .into_iter()
                .map(|(tenant, both)| (tenant, policy(both.prompt, both.answer)))
                .collect(),
            terms: document.guard.terms_file.map(|path| folder.join(path)),
        },
        label: label(document.label),
        audit: document.audit.map(|audit| AuditOptions {
            required: audit.required,
            ..AuditOptions::in_folder(folder.join(audit.folder))
        }),
        otlp_endpoint: document.traces,
        ..Operations::default()
    };
    let Queue {
        waiting,
        waiting_per_tenant,
        patience,
    } = document.queue;
    let queue = &mut settings.queue;
    queue.waiting = waiting.unwrap_or(queue.waiting);
    queue.waiting_per_tenant = waiting_per_tenant.unwrap_or(queue.waiting_per_tenant);
    if let Some(text) = patience {
        queue.patience = Duration::from_millis(units::duration_ms("queue.patience", &text)?);
    }
    if let Some(text) = document.reader_stall {
        settings.reader_stall = Duration::from_millis(units::duration_ms("reader_stall", &text)?);
    }
    Ok(settings)
}

fn rates(wire: PerMinute) -> Rates {
    Rates {
        requests_per_minute: wire.requests_per_minute,
        tokens_per_minute: wire.tokens_per_minute,
    }
}

fn policy(prompt: Finds, answer: Finds) -> GuardPolicy {
    let decision = |word| match word {
        Word::Ignore => Decision::Ignore,
        Word::Allow => Decision::Allow,
        Word::Mask => Decision::Mask,
        Word::Refuse => Decision::Refuse,
    };
    let decisions = |finds: Finds| Decisions {
        personal: decision(finds.personal),
        secrecy: decision(finds.secrecy),
        terms: decision(finds.terms),
    };
    GuardPolicy {
        prompt: decisions(prompt),
        answer: decisions(answer),
    }
}

fn label(wire: Label) -> Option<LabelOptions> {
    let usual = LabelOptions::default();
    (!wire.off).then(|| LabelOptions {
        producer: wire.producer.unwrap_or(usual.producer),
        explicit: wire.explicit,
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests fail by panicking"
    )]

    use super::operations;
    use std::time::Duration;
    use zhisuan_serving::{Decision, Operations};

    #[test]
    fn a_file_sets_what_it_names_and_an_unknown_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            operations(Some(&path))
        };
        let settings = read(
            "access_log = \"access.jsonl\"\n[limits.key]\nrequests_per_minute = 60\n\
             [queue]\npatience = \"5s\"\n[guard.prompt]\npersonal = \"mask\"\n\
             [guard.tenants.hospital.answer]\nterms = \"refuse\"\n[audit]\nfolder = \"audit\"\n",
        )
        .unwrap();
        assert_eq!(settings.key_limits.requests_per_minute, 60);
        assert_eq!(settings.queue.patience, Duration::from_secs(5));
        assert_eq!(settings.guard.policy.prompt.personal, Decision::Mask);
        let hospital = settings.guard.tenants["hospital"];
        assert_eq!(hospital.answer.terms, Decision::Refuse);
        let audit = settings.audit.unwrap();
        assert!(audit.required && audit.folder == folder.path().join("audit"));
        assert_eq!(read("").unwrap(), Operations::default());
        let refused = read("acess_log = \"x\"").unwrap_err();
        assert_eq!(refused.code(), "ZS-GATEWAY-SETTINGS");
        assert!(operations(None).is_ok());
    }
}
