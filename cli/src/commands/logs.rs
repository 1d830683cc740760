//! `zhisuan logs`: a job's output, as it is or as JSON.

use super::Context;
use crate::args::LogsArgs;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::follow;
use crate::output::{Document, Format};
use serde_json::json;
use zhisuan_proto::v1::LogsRequest;

pub(super) async fn run(context: &Context, args: &LogsArgs) -> Result<Exit> {
    let client = context.client(As::Tenant)?;
    let job_id = follow::job_id(&client, &args.job).await?;
    let request = LogsRequest {
        job_id,
        attempt: args.attempt,
        task: args.task,
        follow: args.follow,
        tail_lines: args.tail,
    };
    let out = context.out;
    match out.format() {
        Format::Table | Format::Name => follow::logs(&client, request, out).await?,
        Format::Jsonl => {
            let mut stream = client.jobs().logs(request).await?.into_inner();
            while let Some(chunk) = stream.message().await? {
                let text = String::from_utf8_lossy(&chunk.data);
                let value = json!({
                    "schema": "zhisuan.log-chunk/1", "job_id": job_id,
                    "text": text, "dropped_bytes": chunk.dropped_bytes,
                });
                out.json(&value, false)?;
            }
        }
        Format::Json => {
            let mut stream = client.jobs().logs(request).await?.into_inner();
            let (mut bytes, mut dropped) = (Vec::new(), 0_u64);
            while let Some(chunk) = stream.message().await? {
                bytes.extend_from_slice(&chunk.data);
                dropped = dropped.saturating_add(chunk.dropped_bytes);
            }
            out.document(Document {
                schema: "zhisuan.logs/1",
                value: json!({
                    "job_id": job_id,
                    "text": String::from_utf8_lossy(&bytes),
                    "dropped_bytes": dropped,
                }),
                tables: Vec::new(),
                name: job_id.to_string(),
            })?;
        }
    }
    Ok(Exit::Done)
}
