//! Nodes and their devices.

use super::sorted;
use crate::output::table::{Cell, Table};
use crate::units;
use crate::words::{say, tr};
use serde_json::{Value, json};
use zhisuan_proto::v1::Node;

/// A node as JSON; the schema is `zhisuan.node/1`.
pub(crate) fn json(node: &Node) -> Value {
    let devices: Vec<Value> = node
        .devices
        .iter()
        .enumerate()
        .map(|(at, device)| {
            json!({
                "index": device.index, "uuid": device.uuid, "kind": device.kind,
                "memory_mib": device.memory_mib, "simulated": device.simulated,
                "free_milli": node.device_milli_free.get(at),
            })
        })
        .collect();
    json!({
        "name": node.name,
        "state": node.state,
        "simulated": node.simulated,
        "devices": devices,
        "cpu_milli": node.cpu_milli,
        "cpu_milli_free": node.cpu_milli_free,
        "memory_mib": node.memory_mib,
        "memory_mib_free": node.memory_mib_free,
        "labels": sorted(&node.labels),
        "job_ids": node.job_ids,
        "work": node.work,
        "version": node.version,
        "last_heartbeat_at_ms": node.last_heartbeat_at_ms,
    })
}

/// The state for people.
fn state_text(state: &str) -> String {
    match state {
        "ready" => tr("就绪", "ready").to_owned(),
        "draining" => tr("停止接收", "draining").to_owned(),
        "lost" => tr("失联", "lost").to_owned(),
        "refused" => tr("被拒绝", "refused").to_owned(),
        other => other.to_owned(),
    }
}

/// Devices in a few words; simulated ones say so.
fn devices_text(node: &Node) -> String {
    let Some(first) = node.devices.first() else {
        return "-".to_owned();
    };
    let free: u64 = node
        .device_milli_free
        .iter()
        .map(|milli| u64::from(*milli))
        .sum();
    let mark = if node.devices.iter().any(|device| device.simulated) {
        tr("(模拟设备)", " (simulated)")
    } else {
        ""
    };
    let (count, free) = (node.devices.len(), units::from_milli(free));
    say!(
        "{}×{}{},空闲 {}",
        "{}x{}{}, {} free",
        count,
        first.kind,
        mark,
        free
    )
}

/// Nodes for people.
pub(crate) fn table(nodes: &[Node]) -> Table {
    let mut table = Table::new(&[
        tr("节点", "NODE"),
        tr("状态", "STATE"),
        tr("CPU 空闲/总数", "CPU FREE/ALL"),
        tr("内存 空闲/总数", "MEMORY FREE/ALL"),
        tr("加速卡", "DEVICES"),
        tr("作业", "JOBS"),
        tr("心跳", "HEARTBEAT"),
    ]);
    for node in nodes {
        let cpu = |milli: u32| units::from_milli(u64::from(milli));
        table.row(vec![
            node.name.as_str().into(),
            state_text(&node.state).into(),
            format!("{}/{}", cpu(node.cpu_milli_free), cpu(node.cpu_milli)).into(),
            format!(
                "{}/{}",
                units::mib(node.memory_mib_free),
                units::mib(node.memory_mib)
            )
            .into(),
            devices_text(node).into(),
            Cell::Count(node.job_ids.len() as u64),
            Cell::Time(node.last_heartbeat_at_ms),
        ]);
    }
    table
}
