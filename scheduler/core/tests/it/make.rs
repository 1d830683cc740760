//! Small builders: the least that a node, a job, a tenant and prices need.

use std::collections::BTreeMap;
use zhisuan_core::ledger::{Price, Unit};
use zhisuan_core::{
    AccountKind, Amounts, Device, Event, JobSpec, Millis, NodeName, NodeSpec, Resources, Tenant,
    TenantName, WorkKind,
};

/// One core costs this per hour: one micro-yuan per millisecond.
pub(crate) const CORE_HOUR: i64 = 3_600_000;
/// One device costs this per hour: ten micro-yuan per millisecond.
pub(crate) const DEVICE_HOUR: i64 = 36_000_000;

pub(crate) fn node(
    name: &str,
    cpu_milli: u32,
    memory_mib: u64,
    devices: &[(&str, u64)],
) -> NodeSpec {
    let device = |(index, (kind, memory_mib)): (usize, &(&str, u64))| Device {
        uuid: format!("{name}-{index}"),
        kind: (*kind).to_owned(),
        memory_mib: *memory_mib,
        simulated: true,
    };
    NodeSpec {
        name: NodeName::from(name),
        devices: devices.iter().enumerate().map(device).collect(),
        cpu_milli,
        memory_mib,
        labels: BTreeMap::new(),
        work: [
            WorkKind::Train,
            WorkKind::Batch,
            WorkKind::Serve,
            WorkKind::Command,
        ]
        .into(),
        version: "test".to_owned(),
        replica_address: "127.0.0.1:1".to_owned(),
    }
}

pub(crate) fn spec(name: &str) -> JobSpec {
    JobSpec {
        name: name.to_owned(),
        queue: "default".to_owned(),
        work: WorkKind::Command,
        resources: Resources {
            cpu_milli: 1000,
            memory_mib: 1024,
            ..Resources::default()
        },
        tasks: 1,
        time_limit_ms: Some(3_600_000),
        priority: 0,
        max_attempts: 3,
        max_cost_micro: 0,
        node_labels: BTreeMap::new(),
    }
}

pub(crate) fn tenant(
    name: &str,
    account: AccountKind,
    credit_limit_micro: i64,
    weight: u32,
) -> Event {
    let tenant = Tenant {
        name: TenantName::from(name),
        account,
        credit_limit_micro,
        weight,
        used: Amounts::default(),
    };
    Event::TenantAdded { tenant }
}

pub(crate) fn pay(tenant: &str, amount_micro: i64, reference: &str) -> Event {
    Event::ToppedUp {
        tenant: TenantName::from(tenant),
        amount_micro,
        reference: reference.to_owned(),
    }
}

pub(crate) fn submit(tenant: &str, jobs: Vec<JobSpec>) -> Event {
    Event::JobsSubmitted {
        tenant: TenantName::from(tenant),
        jobs,
        key: String::new(),
        fingerprint: String::new(),
    }
}

pub(crate) fn register(node: NodeSpec) -> Event {
    let running = Vec::new();
    Event::NodeRegistered { node, running }
}

/// Publishes prices per hour or per million tokens; the unit follows from the SKU.
pub(crate) fn prices(effective_from: Millis, prices: &[(&str, i64)]) -> Event {
    let price = |(sku, price_micro): &(&str, i64)| {
        let unit = match sku.split_once(':') {
            None => Unit::CoreHour,
            Some(("device", _)) => Unit::DeviceHour,
            Some(_) => Unit::MillionTokens,
        };
        let price_micro = *price_micro;
        ((*sku).to_owned(), Price { unit, price_micro })
    };
    Event::PricesPublished {
        effective_from,
        prices: prices.iter().map(price).collect(),
    }
}
