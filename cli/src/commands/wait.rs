//! `zhisuan wait`: until jobs have ended; the worst outcome is the exit code.

use super::Context;
use crate::args::WaitArgs;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::follow;
use crate::output::List;
use crate::output::table::Table;
use crate::times::now_ms;
use crate::units;
use crate::views;
use std::time::Duration;
use tokio::time::Instant;

pub(super) async fn run(context: &Context, args: &WaitArgs) -> Result<Exit> {
    let timeout = args
        .timeout
        .as_deref()
        .map(|text| units::duration_ms("timeout", text));
    // A span beyond what the clock can add is no limit.
    let deadline = timeout
        .transpose()?
        .and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
    let client = context.client(As::Tenant)?;
    let mut ids = Vec::new();
    for typed in &args.jobs {
        ids.push(follow::job_id(&client, typed).await?);
    }
    let mut ended = Vec::new();
    for id in ids {
        ended.push(follow::with_spinner(&client, id, deadline, context.out).await?);
    }
    let mut table = Table::new(&views::job::heads());
    for job in &ended {
        table.row(views::job::row(job, now_ms()));
    }
    context.out.list(&List {
        schema: "zhisuan.job-list/1",
        items: ended.iter().map(views::job::json).collect(),
        total: ended.len() as u64,
        next: String::new(),
        table,
        names: ended.iter().map(|job| job.id.to_string()).collect(),
        empty: String::new(),
    })?;
    let worst = ended
        .iter()
        .filter_map(|job| views::job::outcome(job.state()))
        .max_by_key(|exit| *exit as i32);
    Ok(worst.unwrap_or(Exit::Done))
}
