//! `zhisuan cancel`: asks jobs to stop.

use super::Context;
use crate::args::JobArgs;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::follow;
use crate::output::List;
use crate::output::table::Table;
use crate::times::now_ms;
use crate::views;
use crate::words::say;
use zhisuan_proto::v1::{CancelJobRequest, GetJobRequest};

pub(super) async fn run(context: &Context, args: &JobArgs) -> Result<Exit> {
    let client = context.client(As::Tenant)?;
    let mut jobs = Vec::new();
    for typed in &args.jobs {
        let job_id = follow::job_id(&client, typed).await?;
        let before = client.jobs().get(GetJobRequest { job_id }).await?;
        let state = before.into_inner().state();
        if views::job::outcome(state).is_some() {
            context.out.note(&say!(
                "作业 {} 早已结束({}),没有可取消的",
                "job {} had already ended ({}); there is nothing to cancel",
                job_id,
                views::job::state_text(state)
            ));
        }
        jobs.push(
            client
                .jobs()
                .cancel(CancelJobRequest { job_id })
                .await?
                .into_inner(),
        );
    }
    let mut table = Table::new(&views::job::heads());
    for job in &jobs {
        table.row(views::job::row(job, now_ms()));
    }
    context.out.list(&List {
        schema: "zhisuan.job-list/1",
        items: jobs.iter().map(views::job::json).collect(),
        total: jobs.len() as u64,
        next: String::new(),
        table,
        names: jobs.iter().map(|job| job.id.to_string()).collect(),
        empty: String::new(),
    })?;
    Ok(Exit::Done)
}
