//! First-start accounts: a tenant, its opening money, and keys. Every step may be repeated.

use crate::client::Client;
use crate::error::Result;
use tonic::Code;
use zhisuan_proto::v1::{
    CreateKeyRequest, CreateTenantRequest, ListTenantsRequest, Tenant, TopUpRequest, WhoAmIRequest,
};

/// A prepaid tenant with its first payment.
pub(crate) struct FirstTenant {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) amount_micro: i64,
    /// Books the payment once, however often the step is repeated.
    pub(crate) reference: &'static str,
}

/// Makes the tenant and books its payment unless both are there.
pub(crate) async fn ensure(operator: &Client, first: &FirstTenant) -> Result<()> {
    let known = operator
        .access()
        .list_tenants(ListTenantsRequest {})
        .await?;
    if !known
        .into_inner()
        .tenants
        .iter()
        .any(|tenant| tenant.name == first.name)
    {
        let tenant = Tenant {
            name: first.name.to_owned(),
            title: first.title.to_owned(),
            account_kind: "prepaid".to_owned(),
            ..Tenant::default()
        };
        let request = CreateTenantRequest {
            tenant: Some(tenant),
        };
        operator.access().create_tenant(request).await?;
    }
    let request = TopUpRequest {
        tenant: first.name.to_owned(),
        amount_micro: first.amount_micro,
        reference: first.reference.to_owned(),
    };
    match operator.billing().top_up(request).await {
        Ok(_) => Ok(()),
        // Booked by an earlier start.
        Err(status) if status.code() == Code::AlreadyExists => Ok(()),
        Err(status) => Err(status.into()),
    }
}

/// The remembered key when it still works for that role, else a new one.
pub(crate) async fn ensure_key(
    operator: &Client,
    url: &str,
    remembered: Option<&str>,
    tenant: &str,
    role: &str,
) -> Result<String> {
    if let Some(secret) = remembered {
        let who = Client::at(url, secret, None)?
            .access()
            .who_am_i(WhoAmIRequest {})
            .await;
        if who.is_ok_and(|who| who.get_ref().role == role) {
            return Ok(secret.to_owned());
        }
    }
    let request = CreateKeyRequest {
        tenant: tenant.to_owned(),
        role: role.to_owned(),
        name: format!("zhisuan up: {role}"),
        ..CreateKeyRequest::default()
    };
    Ok(operator
        .access()
        .create_key(request)
        .await?
        .into_inner()
        .secret)
}
