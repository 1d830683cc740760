//! `zhisuan deploy`: serves a model, and waits for it when asked.

use super::Context;
use crate::args::{BoundArgs, DeployArgs};
use crate::client::Client;
use crate::config::As;
use crate::error::{Exit, Failure, Result};
use crate::output::progress::Progress;
use crate::output::{Document, Printer};
use crate::units;
use crate::views;
use crate::words::{nearest, say};
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Status};
use zhisuan_proto::v1::{
    Autoscale, DeployRequest, Deployment, ListDeploymentsRequest, ListModelsRequest, Metering,
    Page, Resources,
};

/// How often a starting deployment is looked at.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn run(context: &Context, args: DeployArgs) -> Result<Exit> {
    let timeout = units::duration_ms("timeout", &args.timeout)?;
    let request = request(&args)?;
    let client = context.client(caller(args.centre || args.tenant.is_some()))?;
    let mut deployment = match client.models().deploy(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Err(with_near_model(&client, &args.model, status).await),
    };
    if args.wait {
        let deadline = Instant::now() + Duration::from_millis(timeout);
        deployment = ready(&client, &deployment.name, deadline, context.out).await?;
    }
    context.out.document(Document {
        schema: "zhisuan.deployment/1",
        value: views::model::deployment_json(&deployment),
        tables: vec![views::model::deployments_table(std::slice::from_ref(
            &deployment,
        ))],
        name: deployment.name.clone(),
    })?;
    Ok(Exit::Done)
}

/// Who acts: the tenant for itself, or an operator for the centre or for a tenant.
pub(super) fn caller(operator: bool) -> As {
    if operator { As::Operator } else { As::Tenant }
}

fn request(args: &DeployArgs) -> Result<DeployRequest> {
    let cpu = args.cpus.as_deref().map(|text| units::milli("cpus", text));
    let memory = args
        .memory
        .as_deref()
        .map(|text| units::memory_mib("memory", text));
    let asked = cpu.is_some() || memory.is_some() || args.devices.is_some();
    let resources = Resources {
        devices: args.devices.unwrap_or_default(),
        device_kind: args.device_kind.clone().unwrap_or_default(),
        cpu_milli: cpu.transpose()?.unwrap_or_default(),
        memory_mib: memory.transpose()?.unwrap_or_default(),
        ..Resources::default()
    };
    // A tenant pays for its replicas; only the centre and operators sell by the token.
    let operator = args.centre || args.tenant.is_some();
    let metering = if args.dedicated || !operator {
        Metering::Dedicated
    } else {
        Metering::Tokens
    };
    Ok(DeployRequest {
        model: args.model.clone(),
        adapters: args.adapters.clone(),
        replicas: args.replicas.unwrap_or_default(),
        // Absent resources mean the model's default.
        resources: asked.then_some(resources),
        metering: metering.into(),
        max_batch: args.max_batch,
        max_waiting: args.max_waiting,
        max_context: args.max_context,
        name: args.name.clone().unwrap_or_default(),
        tenant: args.tenant.clone().unwrap_or_default(),
        autoscale: autoscale(&args.bounds)?,
        serve_as: args.serve_as.clone().unwrap_or_default(),
    })
}

/// Bounds that follow demand, where a ceiling was named.
pub(super) fn autoscale(bounds: &BoundArgs) -> Result<Option<Autoscale>> {
    let Some(ceiling) = bounds.ceiling else {
        return Ok(None);
    };
    let idle = bounds.idle.as_deref();
    let idle_ms = idle.map(|text| units::duration_ms("idle", text));
    let idle_s = idle_ms.transpose()?.unwrap_or_default().div_ceil(1000);
    Ok(Some(Autoscale {
        floor: bounds.floor.unwrap_or(1),
        ceiling,
        target_inflight: bounds.target.unwrap_or_default(),
        idle_s: u32::try_from(idle_s).unwrap_or(u32::MAX),
    }))
}

/// Waits until every replica can be used.
pub(crate) async fn ready(
    client: &Client,
    name: &str,
    deadline: Instant,
    out: Printer,
) -> Result<Deployment> {
    let mut progress = Progress::spinner(out, &say!("部署 {}", "deploying {}", name));
    loop {
        let all = client
            .models()
            .list_deployments(ListDeploymentsRequest {})
            .await?;
        let all = all.into_inner().deployments;
        let Some(now) = all.into_iter().find(|deployment| deployment.name == name) else {
            return Err(gone(name));
        };
        if now.state == "ready" {
            return Ok(now);
        }
        let state = views::model::deployment_state(&now.state);
        let reason = views::reason_text(now.reason.as_ref());
        progress.set(&say!(
            "部署 {}:{} {}",
            "deploying {}: {} {}",
            name,
            state,
            reason
        ));
        if Instant::now() >= deadline {
            return Err(Failure::new(
                Exit::Pending,
                "ZS-CLI-PENDING",
                say!(
                    "部署 {} 还不可用:{} {}",
                    "{} is not ready yet: {} {}",
                    name,
                    state,
                    reason
                ),
            )
            .hint(say!(
                "运行 zhisuan models deployments",
                "see zhisuan models deployments"
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn gone(name: &str) -> Failure {
    Failure::new(
        Exit::NotFound,
        "ZS-CLI-DEPLOYMENT",
        say!("没有部署 {}", "no deployment is called {}", name),
    )
}

/// Names the model that was probably meant.
async fn with_near_model(client: &Client, model: &str, status: Status) -> Failure {
    let unknown = status.code() == Code::NotFound;
    let failure = Failure::from(status);
    if !unknown {
        return failure;
    }
    let request = ListModelsRequest {
        page: Some(Page {
            limit: 1000,
            token: String::new(),
        }),
    };
    let Ok(answer) = client.models().list(request).await else {
        return failure;
    };
    let models = answer.into_inner().models;
    match nearest(model, models.iter().map(|known| known.name.as_str())) {
        Some(name) => failure.hint(say!("是否想用 {}?", "did you mean {}?", name)),
        None => failure.hint(say!("运行 zhisuan models 查看模型", "see zhisuan models")),
    }
}
