//! `zhisuan quote`: what a job would cost and whether it would start, before anything changes.

use super::{Context, submit};
use crate::args::{JobFlags, QuoteArgs};
use crate::config::As;
use crate::error::{Exit, Result};
use crate::job_spec::{self, Prepared};
use crate::output::Document;
use crate::views;
use zhisuan_proto::v1::QuoteRequest;

pub(super) async fn run(context: &Context, args: QuoteArgs) -> Result<Exit> {
    let job = submit::job_of(args.file.as_deref(), &args.flags)?;
    let prepared = job_spec::prepare(&job)?;
    show(context, &prepared, &args.flags).await
}

/// Prints the quote of a job. One that could not be paid ends with the code of the balance.
pub(super) async fn show(context: &Context, job: &Prepared, flags: &JobFlags) -> Result<Exit> {
    let request = QuoteRequest {
        spec: Some(job.spec.clone()),
        tenant: flags.tenant.clone().unwrap_or_default(),
    };
    let client = context.client(caller(flags))?;
    let quote = client.jobs().quote(request).await?.into_inner();
    context.out.document(Document {
        schema: "zhisuan.quote/1",
        value: views::money::quote_json(&quote),
        tables: views::money::quote_tables(&quote),
        name: quote.hold_micro.to_string(),
    })?;
    Ok(if quote.affordable {
        Exit::Done
    } else {
        Exit::Money
    })
}

/// Who submits: the tenant itself, or an operator for it.
pub(super) fn caller(flags: &JobFlags) -> As {
    if flags.tenant.is_some() {
        As::Operator
    } else {
        As::Tenant
    }
}
