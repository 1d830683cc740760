//! `zhisuan list`: jobs, newest first, filtered by the server.

use super::Context;
use crate::args::ListArgs;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::output::List;
use crate::output::table::Table;
use crate::times::{instant_ms, now_ms};
use crate::views;
use crate::words::tr;
use zhisuan_proto::v1::{ListJobsRequest, Page};

pub(super) async fn run(context: &Context, args: ListArgs) -> Result<Exit> {
    let now = now_ms();
    let since = args
        .since
        .as_deref()
        .map(|text| instant_ms("since", text, now));
    let states = args
        .states
        .iter()
        .filter_map(|word| views::job::state_of(word));
    let who = if args.tenant.is_some() {
        As::Operator
    } else {
        As::Tenant
    };
    let request = ListJobsRequest {
        page: Some(Page {
            limit: args.limit,
            token: args.page_token.unwrap_or_default(),
        }),
        states: states.map(i32::from).collect(),
        queue: args.queue.unwrap_or_default(),
        tenant: args.tenant.unwrap_or_default(),
        name_contains: args.name.unwrap_or_default(),
        since_ms: since.transpose()?.unwrap_or_default(),
    };
    let client = context.client(who)?;
    let answer = client.jobs().list(request).await?.into_inner();
    let mut table = Table::new(&views::job::heads());
    for job in &answer.jobs {
        table.row(views::job::row(job, now));
    }
    context.out.list(&List {
        schema: "zhisuan.job-list/1",
        items: answer.jobs.iter().map(views::job::json).collect(),
        total: answer.total,
        next: answer.next_page_token,
        table,
        names: answer.jobs.iter().map(|job| job.id.to_string()).collect(),
        empty: tr("没有作业", "no jobs").to_owned(),
    })?;
    Ok(Exit::Done)
}
