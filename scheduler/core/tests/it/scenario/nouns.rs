//! Tenants, nodes, jobs and requests as the scenario language writes them.

use super::parse::{Words, duration, labels, work};
use crate::make;
use zhisuan_core::{AccountKind, Event, JobSpec, NodeSpec, RequestId, TenantName};

pub(super) fn tenant(words: &mut Words<'_>) -> Result<Vec<Event>, String> {
    let name = words.next("a tenant")?;
    let credit = words.number("credit", 0)?;
    let kind = match words.optional() {
        Some("contract") => AccountKind::Contract,
        _ => AccountKind::Prepaid,
    };
    let mut events = vec![make::tenant(
        name,
        kind,
        credit,
        words.number("weight", 100)?,
    )];
    let pays = words.number("pays", 0)?;
    if pays != 0 {
        events.push(make::pay(name, pays, "first"));
    }
    Ok(events)
}

pub(super) fn node_spec(words: &mut Words<'_>) -> Result<NodeSpec, String> {
    let name = words.next("a node")?;
    let mut devices = Vec::new();
    if let Some(list) = words.text("dev") {
        for part in list.split(',') {
            let mut parts = part.split([':', 'x']);
            let (kind, memory, count) = (parts.next(), parts.next(), parts.next());
            let memory = memory.and_then(|m| m.parse().ok()).ok_or("no memory")?;
            let count = count.map_or(Ok(1), str::parse).map_err(|_| "no count")?;
            devices.extend(std::iter::repeat_n((kind.unwrap_or(""), memory), count));
        }
    }
    let (cpu, memory) = (words.number("cpu", 8000)?, words.number("mem", 65_536)?);
    let mut spec = make::node(name, cpu, memory, &devices);
    if let Some(kinds) = words.text("work") {
        spec.work = kinds.split(',').map(work).collect::<Result<_, _>>()?;
    }
    spec.labels = words
        .text("label")
        .map(labels)
        .transpose()?
        .unwrap_or_default();
    Ok(spec)
}

pub(super) fn job_spec(name: &str, words: &mut Words<'_>) -> Result<JobSpec, String> {
    let mut spec = make::spec(name);
    let ask = &mut spec.resources;
    ask.cpu_milli = words.number("cpu", 1000)?;
    ask.memory_mib = words.number("mem", 1024)?;
    ask.devices = words.number("dev", 0)?;
    ask.device_milli = words.number("milli", if ask.devices > 0 { 1000 } else { 0 })?;
    ask.device_memory_mib = words.number("devmem", 0)?;
    words
        .text("kind")
        .unwrap_or_default()
        .clone_into(&mut ask.device_kind);
    spec.tasks = words.number("tasks", 1)?;
    spec.priority = words.number("prio", 0)?;
    spec.max_attempts = words.number("tries", 3)?;
    spec.max_cost_micro = words.number("cap", 0)?;
    spec.time_limit_ms = match words.text("limit") {
        None => Some(60_000),
        Some("open") => None,
        Some(text) => Some(duration(text)?),
    };
    if let Some(kind) = words.text("work") {
        spec.work = work(kind)?;
    }
    spec.node_labels = words
        .text("label")
        .map(labels)
        .transpose()?
        .unwrap_or_default();
    Ok(spec)
}

pub(super) fn submission(words: &mut Words<'_>) -> Result<Event, String> {
    let tenant = words.next("a tenant")?;
    let key = words.text("key").unwrap_or_default().to_owned();
    let names = words.rest();
    let shape = job_spec("job", words)?;
    let job = |name: &&str| JobSpec {
        name: (*name).to_owned(),
        ..shape.clone()
    };
    let jobs: Vec<JobSpec> = names.iter().map(job).collect();
    Ok(Event::JobsSubmitted {
        tenant: TenantName::from(tenant),
        fingerprint: format!("{jobs:?}"),
        jobs,
        key,
    })
}

pub(super) fn authorization(words: &mut Words<'_>) -> Result<Event, String> {
    Ok(Event::RequestAuthorized {
        tenant: TenantName::from(words.next("a tenant")?),
        request: RequestId::from(words.next("a request")?),
        model: words.next("a model")?.to_owned(),
        priced: words.number("priced", true)?,
        max_prompt_tokens: words.number("in", 0)?,
        max_completion_tokens: words.number("out", 0)?,
    })
}
