//! Wire messages as JSON objects (stable keys) and as rows for people.

pub(crate) mod access;
pub(crate) mod job;
pub(crate) mod model;
pub(crate) mod money;
pub(crate) mod node;

use serde_json::{Value, json};
use std::collections::HashMap;
use std::hash::BuildHasher;
use zhisuan_proto::v1::{Reason, Resources};

/// A map in the order of its keys, so that the same answer prints the same.
pub(crate) fn sorted<V: serde::Serialize, S: BuildHasher>(map: &HashMap<String, V, S>) -> Value {
    let ordered: std::collections::BTreeMap<&String, &V> = map.iter().collect();
    json!(ordered)
}

/// A reason, or null.
pub(crate) fn reason(reason: Option<&Reason>) -> Value {
    match reason {
        None => Value::Null,
        Some(reason) => json!({
            "code": reason.code,
            "numbers": sorted(&reason.numbers),
            "names": sorted(&reason.names),
            "text_zh": reason.text_zh,
            "text_en": reason.text_en,
        }),
    }
}

/// The sentence of a reason in the user's language.
pub(crate) fn reason_text(reason: Option<&Reason>) -> String {
    reason.map_or_else(String::new, |reason| {
        crate::words::either(&reason.text_zh, &reason.text_en).to_owned()
    })
}

/// Resources of one task.
pub(crate) fn resources(resources: Option<&Resources>) -> Value {
    let resources = resources.cloned().unwrap_or_default();
    json!({
        "devices": resources.devices,
        "device_kind": resources.device_kind,
        "device_milli": resources.device_milli,
        "device_memory_mib": resources.device_memory_mib,
        "cpu_milli": resources.cpu_milli,
        "memory_mib": resources.memory_mib,
    })
}

/// Resources in a few words: "2 核 4GiB 1×nvidia-h100".
pub(crate) fn resources_text(resources: Option<&Resources>) -> String {
    let Some(resources) = resources else {
        return String::new();
    };
    let mut parts = Vec::new();
    if resources.cpu_milli > 0 {
        let cores = crate::units::from_milli(u64::from(resources.cpu_milli));
        parts.push(crate::words::say!("{} 核", "{} cores", cores));
    }
    if resources.memory_mib > 0 {
        parts.push(crate::units::mib(resources.memory_mib));
    }
    if resources.devices > 0 {
        let kind = match resources.device_kind.as_str() {
            "" => crate::words::tr("任意加速卡", "any device"),
            kind => kind,
        };
        parts.push(format!("{}×{kind}", resources.devices));
    }
    parts.join(" ")
}
