//! What the demo stands on: the running roles, the tenant, and numbered steps on stderr.

use crate::client::Client;
use crate::error::{Exit, Failure, Result};
use crate::gateway::Gateway;
use crate::output::Printer;
use crate::roles::data::DataDir;
use crate::roles::examples;
use crate::roles::stack::{Stack, StackOptions};
use crate::roles::tenants::{FirstTenant, ensure, ensure_key};
use crate::words::{say, tr};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Steps that the demo announces.
const STEPS: u32 = 10;

/// Who pays in the demo.
pub(super) const TENANT: FirstTenant = FirstTenant {
    name: "demo-company",
    title: "示例企业",
    amount_micro: 20_000_000,
    reference: "demo-top-up",
};

/// The demo's state.
pub(super) struct Stage {
    pub(super) out: Printer,
    pub(super) stack: Stack,
    pub(super) operator: Client,
    /// Set once the tenant has its key.
    tenant: Option<(Client, Gateway)>,
    data: DataDir,
    number: u32,
}

impl Stage {
    /// Starts every role on free ports in a folder.
    pub(super) async fn start(out: Printer, folder: &Path) -> Result<Self> {
        let data = DataDir::open(folder)?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        announce(
            out,
            1,
            tr(
                "在本机启动调度、节点和网关",
                "starting scheduler, worker and gateway here",
            ),
        );
        let stack = Stack::start(StackOptions {
            data_dir: data.path().to_owned(),
            listen: any,
            gateway_listen: any,
            knowledge: Some(found("knowledge", data.path())?),
            keep_days: 0,
            public_url: None,
            catalogue: None,
            allow_commands: false,
            simulated: Vec::new(),
            operations: zhisuan_serving::Operations::default(),
        })
        .await?;
        out.note(&say!(
            "调度 {},网关 {}",
            "scheduler {}, gateway {}",
            stack.scheduler_url(),
            stack.gateway_url()
        ));
        Ok(Self {
            out,
            operator: stack.operator()?,
            stack,
            tenant: None,
            data,
            number: 1,
        })
    }

    /// Announces the next step.
    pub(super) fn step(&mut self, text: &str) {
        self.number += 1;
        announce(self.out, self.number, text);
    }

    /// The tenant, its money and its key.
    pub(super) async fn open_tenant(&mut self) -> Result<()> {
        ensure(&self.operator, &TENANT).await?;
        let url = self.stack.scheduler_url();
        let key = ensure_key(&self.operator, &url, None, TENANT.name, "tenant").await?;
        let gateway = Gateway::at(&self.stack.gateway_url(), &key, None)?;
        self.tenant = Some((Client::at(&url, &key, None)?, gateway));
        let paid = crate::units::yuan(TENANT.amount_micro);
        self.out.note(&say!("充值 {} 元", "paid in: {} CNY", paid));
        Ok(())
    }

    /// The scheduler with the tenant's key.
    pub(super) fn tenant(&self) -> Result<&Client> {
        self.tenant
            .as_ref()
            .map(|(client, _)| client)
            .ok_or_else(no_tenant)
    }

    /// The gateway with the tenant's key.
    pub(super) fn gateway(&self) -> Result<&Gateway> {
        self.tenant
            .as_ref()
            .map(|(_, gateway)| gateway)
            .ok_or_else(no_tenant)
    }

    /// An example file or folder.
    pub(super) fn example(&self, name: &str) -> Result<PathBuf> {
        found(name, self.data.path())
    }
}

fn announce(out: Printer, number: u32, text: &str) {
    out.note(&format!("\n[{number}/{STEPS}] {text}"));
}

fn no_tenant() -> Failure {
    Failure::new(Exit::Failed, "ZS-DEMO-ORDER", "the tenant comes first")
}

fn found(name: &str, data: &Path) -> Result<PathBuf> {
    examples::provide(name, data)?.ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            "ZS-DEMO-EXAMPLE",
            say!("缺少示例 {}", "the example {} is missing", name),
        )
    })
}

/// The demo does not go on after a scene that failed.
pub(super) fn fail(code: &str, message: String) -> Failure {
    Failure::new(Exit::Failed, code, message)
}
