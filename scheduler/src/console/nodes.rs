//! Nodes: what each has, what is free, and how fresh that is.

use super::Console;
use super::frame::{page as framed, refused, reply};
use super::text;
use super::visitor::Visitor;
use crate::access::Denied;
use crate::words::{cores, mib};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use zhisuan_proto::v1::Node;
use zhisuan_web::{Page, Table, chart, html, parts};

#[derive(Serialize)]
struct View {
    nodes: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    state: String,
    simulated: bool,
    devices: Vec<Device>,
    cpu_milli: u32,
    cpu_milli_free: u32,
    memory_mib: u64,
    memory_mib_free: u64,
    work: Vec<String>,
    job_ids: Vec<u64>,
    last_heartbeat_at_ms: i64,
    version: String,
}

#[derive(Serialize)]
struct Device {
    index: u32,
    kind: String,
    memory_mib: u64,
    milli_free: Option<u32>,
}

pub(super) async fn page(State(console): State<Console>, visitor: Visitor) -> Response {
    if !visitor.sees_all() {
        let denied = Denied::Role {
            role: visitor.caller.role,
            method: "/console/nodes".to_owned(),
        };
        return refused(Some(&visitor), visitor.json, &denied.problem().status());
    }
    match console.port.list_nodes(&visitor.caller).await {
        Ok(found) => {
            let view = View {
                nodes: found.nodes.into_iter().map(row).collect(),
            };
            reply(&visitor, &view, |view| {
                render(&visitor, view, (console.now)())
            })
        }
        Err(status) => refused(Some(&visitor), visitor.json, &status),
    }
}

fn row(node: Node) -> Row {
    let free = node.device_milli_free;
    let device = |(at, device): (usize, zhisuan_proto::v1::Device)| Device {
        index: device.index,
        kind: device.kind,
        memory_mib: device.memory_mib,
        milli_free: free.get(at).copied(),
    };
    Row {
        name: node.name,
        state: node.state,
        simulated: node.simulated,
        devices: node.devices.into_iter().enumerate().map(device).collect(),
        cpu_milli: node.cpu_milli,
        cpu_milli_free: node.cpu_milli_free,
        memory_mib: node.memory_mib,
        memory_mib_free: node.memory_mib_free,
        work: node.work,
        job_ids: node.job_ids,
        last_heartbeat_at_ms: node.last_heartbeat_at_ms,
        version: node.version,
    }
}

fn render(visitor: &Visitor, view: &View, now_ms: i64) -> Page {
    let mut table = Table::new("节点")
        .column("名称")
        .column("状态")
        .column("加速卡（空闲）")
        .number("核：空闲 / 共有")
        .number("内存：空闲 / 共有")
        .column("已分配的核")
        .column("作业")
        .column("最近心跳")
        .column("版本")
        .empty("还没有节点", "在要提供算力的机器上运行 zhisuan worker");
    for node in &view.nodes {
        let (word, tone) = text::node_state(&node.state);
        let used = node.cpu_milli.saturating_sub(node.cpu_milli_free);
        let title = format!(
            "已分配 {} 核，共 {} 核",
            cores(u64::from(used)),
            cores(u64::from(node.cpu_milli))
        );
        let age = match node.last_heartbeat_at_ms {
            0 => html! { span.unknown title="未知" { "—" } },
            at => html! { (text::duration(now_ms - at)) "前" },
        };
        table = table.row(vec![
            html! { (node.name) @if node.simulated { " （模拟）" } },
            parts::badge(tone, word),
            html! {
                @for device in &node.devices {
                    div {
                        (device.index) "：" (device.kind) " " (mib(device.memory_mib)) "，空闲 "
                        @match device.milli_free {
                            Some(milli) => { (cores(u64::from(milli))) },
                            None => { "未知" },
                        }
                    }
                }
            },
            html! { (cores(u64::from(node.cpu_milli_free))) " / " (cores(u64::from(node.cpu_milli))) },
            html! { (mib(node.memory_mib_free)) " / " (mib(node.memory_mib)) },
            chart::bar(u64::from(used), u64::from(node.cpu_milli), &title),
            html! { @for id in &node.job_ids { a href={ "/console/jobs/" (id) } { (id) } " " } },
            age,
            html! { (node.version) },
        ]);
    }
    framed(visitor, "节点", "/console/nodes", html! { (table) }).refresh_s(10)
}
