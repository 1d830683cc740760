//! `zhisuan undeploy`: stops serving.

use super::Context;
use crate::args::UndeployArgs;
use crate::error::{Exit, Failure, Result};
use crate::output::Document;
use crate::views;
use crate::words::{nearest, say};
use tonic::Code;
use zhisuan_proto::v1::{ListDeploymentsRequest, UndeployRequest};

pub(super) async fn run(context: &Context, args: UndeployArgs) -> Result<Exit> {
    let client = context.client(super::deploy::caller(args.centre))?;
    let name = args.name;
    let request = UndeployRequest { name: name.clone() };
    let deployment = match client.models().undeploy(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::NotFound => {
            let known = client
                .models()
                .list_deployments(ListDeploymentsRequest {})
                .await;
            let known = known
                .map(|answer| answer.into_inner().deployments)
                .unwrap_or_default();
            let failure = Failure::from(status);
            return Err(
                match nearest(&name, known.iter().map(|one| one.name.as_str())) {
                    Some(near) => failure.hint(say!("是否想用 {}?", "did you mean {}?", near)),
                    None => failure.hint(say!(
                        "运行 zhisuan models deployments",
                        "see zhisuan models deployments"
                    )),
                },
            );
        }
        Err(status) => return Err(status.into()),
    };
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
