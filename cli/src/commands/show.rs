//! `zhisuan show`: one job in full.

use super::Context;
use crate::args::JobArg;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::follow;
use crate::output::Document;
use crate::views;
use zhisuan_proto::v1::GetJobRequest;

pub(super) async fn run(context: &Context, args: &JobArg) -> Result<Exit> {
    let client = context.client(As::Tenant)?;
    let job_id = follow::job_id(&client, &args.job).await?;
    let job = client
        .jobs()
        .get(GetJobRequest { job_id })
        .await?
        .into_inner();
    context.out.document(Document {
        schema: "zhisuan.job/1",
        value: views::job::json(&job),
        tables: views::job::tables(&job),
        name: job.id.to_string(),
    })?;
    super::outputs::hint(context.out, &job);
    Ok(Exit::Done)
}
