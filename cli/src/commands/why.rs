//! `zhisuan why`: why a job waits, with the scheduler's own numbers, node by node.

use super::Context;
use crate::args::JobArg;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::follow;
use crate::output::Document;
use crate::views;
use zhisuan_proto::v1::ExplainRequest;

pub(super) async fn run(context: &Context, args: &JobArg) -> Result<Exit> {
    let client = context.client(As::Tenant)?;
    let job_id = follow::job_id(&client, &args.job).await?;
    let request = ExplainRequest { job_id };
    let explanation = client.jobs().explain(request).await?.into_inner();
    let reason = explanation.job.as_ref().and_then(|job| job.reason.as_ref());
    let name = reason.map(|reason| reason.code.clone()).unwrap_or_default();
    context.out.document(Document {
        schema: "zhisuan.explanation/1",
        value: views::job::explanation_json(&explanation),
        tables: views::job::explanation_tables(&explanation),
        name,
    })?;
    Ok(Exit::Done)
}
