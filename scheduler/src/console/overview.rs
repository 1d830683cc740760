//! The overview: what is allocated, what runs, what waits, and what needs attention.

use super::Console;
use super::frame::{page as framed, refused, reply};
use super::text;
use super::visitor::Visitor;
use crate::words::{cores, yuan};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use tonic::Status;
use zhisuan_proto::v1::{
    Account, Deployment, JobState, ListJobsRequest, Node, Page as Paging, Reason,
};
use zhisuan_web::parts::{self, Tile, Tone};
use zhisuan_web::{Page, Table, chart, html};

#[derive(Serialize)]
struct View {
    /// `None` for visitors who do not see the fleet.
    fleet: Option<Fleet>,
    running: u64,
    waiting: u64,
    failed: u64,
    attention: Vec<Attention>,
    accounts: Vec<Balance>,
}

/// Of the nodes that are connected.
#[derive(Default, Serialize)]
struct Fleet {
    nodes: u64,
    devices: u64,
    device_milli_allocated: u64,
    cpu_milli: u64,
    cpu_milli_allocated: u64,
    simulated_nodes: u64,
}

#[derive(Serialize)]
struct Attention {
    what: String,
    state: String,
    href: &'static str,
}

#[derive(Serialize)]
struct Balance {
    tenant: String,
    kind: String,
    available_micro: i64,
    held_micro: i64,
    charged_micro: i64,
}

pub(super) async fn page(State(console): State<Console>, visitor: Visitor) -> Response {
    match load(&console, &visitor).await {
        Ok(view) => reply(&visitor, &view, |view| render(&visitor, view)),
        Err(status) => refused(Some(&visitor), visitor.json, &status),
    }
}

async fn load(console: &Console, visitor: &Visitor) -> Result<View, Status> {
    let caller = &visitor.caller;
    let count = async |states: &[JobState]| {
        let request = ListJobsRequest {
            page: Some(Paging {
                limit: 1,
                token: String::new(),
            }),
            states: states.iter().map(|state| i32::from(*state)).collect(),
            ..ListJobsRequest::default()
        };
        console
            .port
            .list_jobs(caller, request)
            .await
            .map(|found| found.total)
    };
    let nodes = if visitor.sees_all() {
        Some(console.port.list_nodes(caller).await?.nodes)
    } else {
        None
    };
    let deployments = console.port.deployments(caller).await?;
    let accounts = console.port.accounts(caller).await?;
    Ok(View {
        running: count(&[JobState::Starting, JobState::Running, JobState::Stopping]).await?,
        waiting: count(&[JobState::Queued]).await?,
        failed: count(&[JobState::Failed, JobState::TimedOut]).await?,
        attention: attention(nodes.as_deref().unwrap_or_default(), &deployments),
        fleet: nodes.as_deref().map(fleet),
        accounts: accounts.into_iter().map(balance).collect(),
    })
}

fn fleet(nodes: &[Node]) -> Fleet {
    let mut sum = Fleet::default();
    for node in nodes
        .iter()
        .filter(|node| matches!(node.state.as_str(), "ready" | "draining"))
    {
        let free: u64 = node
            .device_milli_free
            .iter()
            .map(|milli| u64::from(*milli))
            .sum();
        sum.nodes += 1;
        sum.simulated_nodes += u64::from(node.simulated);
        sum.devices += node.devices.len() as u64;
        sum.device_milli_allocated += (node.devices.len() as u64 * 1000).saturating_sub(free);
        sum.cpu_milli += u64::from(node.cpu_milli);
        sum.cpu_milli_allocated += u64::from(node.cpu_milli.saturating_sub(node.cpu_milli_free));
    }
    sum
}

fn attention(nodes: &[Node], deployments: &[Deployment]) -> Vec<Attention> {
    let nodes = nodes
        .iter()
        .filter(|node| !matches!(node.state.as_str(), "ready" | "draining"))
        .map(|node| Attention {
            what: format!("节点 {}", node.name),
            state: text::node_state(&node.state).0.to_owned(),
            href: "/console/nodes",
        });
    let deployments = deployments
        .iter()
        .filter(|one| {
            let failing = |reason: &Reason| reason.code == "replica_failed";
            one.state == "degraded" || one.reason.as_ref().is_some_and(failing)
        })
        .map(|one| Attention {
            what: format!("模型服务 {}", one.name),
            state: one.reason.as_ref().map_or_else(
                || text::deployment_state(&one.state).0.to_owned(),
                |reason| reason.text_zh.clone(),
            ),
            href: "/console/models",
        });
    nodes.chain(deployments).collect()
}

fn balance(account: Account) -> Balance {
    Balance {
        tenant: account.tenant,
        kind: account.kind,
        available_micro: account.available_micro,
        held_micro: account.held_micro,
        charged_micro: account.charged_micro,
    }
}

fn render(visitor: &Visitor, view: &View) -> Page {
    let tiles = tiles(view);
    let attention = attention_table(&view.attention);
    let accounts = account_table(&view.accounts);
    let body = html! {
        (parts::tiles(&tiles))
        @if let Some(fleet) = &view.fleet {
            (chart::bar(fleet.device_milli_allocated, fleet.devices * 1000, "加速卡分配比例（不是使用率）"))
        }
        div id="attention" { (parts::card("需要处理", attention)) }
        (parts::card("账户", accounts))
    };
    framed(visitor, "总览", "/console", body).refresh_s(10)
}

fn tiles(view: &View) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some(fleet) = &view.fleet {
        let devices = format!(
            "{} / {}",
            cores(fleet.device_milli_allocated),
            fleet.devices
        );
        let cpu = format!(
            "{} / {}",
            cores(fleet.cpu_milli_allocated),
            cores(fleet.cpu_milli)
        );
        let note = match fleet.simulated_nodes {
            0 => format!("已分配 / 共有，{} 个节点", fleet.nodes),
            simulated => format!(
                "已分配 / 共有，{} 个节点，其中 {simulated} 个为模拟",
                fleet.nodes
            ),
        };
        tiles.push(
            Tile::new("加速卡", devices)
                .note(note.clone())
                .href("/console/nodes"),
        );
        tiles.push(Tile::new("处理器核", cpu).note(note).href("/console/nodes"));
    }
    tiles.push(Tile::new("运行中", view.running.to_string()).href("/console/jobs?state=active"));
    tiles.push(Tile::new("排队", view.waiting.to_string()).href("/console/jobs?state=queued"));
    let tone = if view.attention.is_empty() {
        Tone::Good
    } else {
        Tone::Warn
    };
    tiles.push(
        Tile::new("需要处理", view.attention.len().to_string())
            .tone(tone)
            .href("#attention"),
    );
    tiles
        .push(Tile::new("失败与超时", view.failed.to_string()).href("/console/jobs?state=unhappy"));
    tiles
}

fn attention_table(items: &[Attention]) -> Table {
    let mut table = Table::new("需要处理")
        .column("对象")
        .column("情况")
        .empty("没有需要处理的事项", "");
    for item in items {
        table = table.row(vec![
            html! { a href=(item.href) { (item.what) } },
            html! { (item.state) },
        ]);
    }
    table
}

fn account_table(accounts: &[Balance]) -> Table {
    let mut table = Table::new("账户余额")
        .column("租户")
        .column("方式")
        .number("可用（元）")
        .number("预留（元）")
        .number("累计费用（元）")
        .empty("还没有租户", "zhisuan tenant create 可创建");
    for account in accounts {
        let href = format!("/console/usage?tenant={}", account.tenant);
        let kind = if account.kind == "contract" {
            "合同"
        } else {
            "预付"
        };
        table = table.row(vec![
            html! { a href=(href) { (account.tenant) } },
            html! { (kind) },
            html! { (yuan(account.available_micro)) },
            html! { (yuan(account.held_micro)) },
            html! { (yuan(account.charged_micro)) },
        ]);
    }
    table
}
