//! `zhisuan tenant`: who pays, and how each account stands.

use super::Context;
use super::key::{limits, set_limits};
use crate::args::{TenantArgs, TenantCreateArgs, TenantVerb};
use crate::config::As;
use crate::error::{Exit, Result};
use crate::output::{Document, List};
use crate::units;
use crate::views;
use crate::words::tr;
use std::collections::BTreeMap;
use zhisuan_proto::v1::set_limits_request::Of;
use zhisuan_proto::v1::{CreateTenantRequest, ListAccountsRequest, ListTenantsRequest, Tenant};

pub(super) async fn run(context: &Context, args: TenantArgs) -> Result<Exit> {
    match args.verb {
        TenantVerb::Create(args) => create(context, args).await,
        TenantVerb::List => list(context).await,
        TenantVerb::Limit(args) => {
            let of = Of::Tenant(args.name.clone());
            set_limits(context, of, args.name, &args.limits).await
        }
    }
}

async fn create(context: &Context, args: TenantCreateArgs) -> Result<Exit> {
    let limit = match args.credit_limit.as_deref() {
        None => 0,
        Some(text) => units::money_micro("credit-limit", text)?,
    };
    let kind = if args.contract { "contract" } else { "prepaid" };
    let title = if args.title.is_empty() {
        args.name.clone()
    } else {
        args.title
    };
    let tenant = Tenant {
        name: args.name,
        title,
        account_kind: kind.to_owned(),
        credit_limit_micro: limit,
        weight: args.weight,
        created_at_ms: 0,
        limits: limits(&args.limits),
    };
    let client = context.client(As::Operator)?;
    let request = CreateTenantRequest {
        tenant: Some(tenant),
    };
    let tenant = client.access().create_tenant(request).await?.into_inner();
    let value = views::access::tenant_json(&tenant, None);
    let name = tenant.name.clone();
    context.out.document(Document {
        schema: "zhisuan.tenant/1",
        value,
        tables: vec![views::access::tenants_table(&[(tenant, None)])],
        name,
    })?;
    Ok(Exit::Done)
}

async fn list(context: &Context) -> Result<Exit> {
    let client = context.client(As::Operator)?;
    let tenants = client.access().list_tenants(ListTenantsRequest {}).await?;
    let accounts = client
        .billing()
        .list_accounts(ListAccountsRequest {})
        .await?;
    let mut accounts: BTreeMap<String, _> = accounts
        .into_inner()
        .accounts
        .into_iter()
        .map(|account| (account.tenant.clone(), account))
        .collect();
    let rows: Vec<_> = tenants
        .into_inner()
        .tenants
        .into_iter()
        .map(|tenant| {
            let account = accounts.remove(&tenant.name);
            (tenant, account)
        })
        .collect();
    context.out.list(&List {
        schema: "zhisuan.tenant-list/1",
        items: rows
            .iter()
            .map(|(tenant, account)| views::access::tenant_json(tenant, account.as_ref()))
            .collect(),
        total: rows.len() as u64,
        next: String::new(),
        table: views::access::tenants_table(&rows),
        names: rows.iter().map(|(tenant, _)| tenant.name.clone()).collect(),
        empty: tr("没有租户", "no tenants").to_owned(),
    })?;
    Ok(Exit::Done)
}
