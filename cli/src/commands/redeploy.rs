//! `zhisuan redeploy`: changes what runs, without a restart.

use super::Context;
use super::deploy::{autoscale, caller};
use crate::args::RedeployArgs;
use crate::error::{Exit, Failure, Result};
use crate::output::Document;
use crate::views;
use crate::words::tr;
use zhisuan_proto::v1::{AdapterList, UpdateDeploymentRequest};

pub(super) async fn run(context: &Context, args: RedeployArgs) -> Result<Exit> {
    let changes_adapters = args.no_adapters || !args.adapters.is_empty();
    let request = UpdateDeploymentRequest {
        name: args.name,
        adapters: changes_adapters.then_some(AdapterList {
            names: args.adapters,
        }),
        replicas: args.replicas.unwrap_or_default(),
        autoscale: autoscale(&args.bounds)?,
    };
    if request.adapters.is_none() && request.replicas == 0 && request.autoscale.is_none() {
        return Err(Failure::usage(
            "ZS-CLI-USAGE",
            tr("没有说要改什么", "nothing to change was named"),
        )
        .hint(tr(
            "用 --adapter、--no-adapters、--replicas 或 --ceiling",
            "use --adapter, --no-adapters, --replicas or --ceiling",
        )));
    }
    let client = context.client(caller(args.centre))?;
    let deployment = client
        .models()
        .update_deployment(request)
        .await?
        .into_inner();
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
