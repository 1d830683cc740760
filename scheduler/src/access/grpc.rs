//! The Access service.

use super::NowMs;
use super::error::{AccessError, Denied};
use super::handle::{Access, Caller, NewKey};
use super::keys::KeyRecord;
use super::layer::caller_of;
use super::limits::Limits;
use super::port::{TenantPort, TenantRow};
use super::roles::{CENTRE, Role};
use crate::words::{Problem, refusal};
use std::sync::Arc;
use tonic::{Request, Response, Status};
use zhisuan_core::{AccountKind, Refusal, Tenant, TenantName};
use zhisuan_proto::v1;
use zhisuan_proto::v1::access_server::Access as AccessApi;

/// Implements the service on the keys and the tenants.
pub(crate) struct AccessService {
    access: Access,
    tenants: Arc<dyn TenantPort>,
    now: NowMs,
    /// Where browsers reach the console, without a slash at the end.
    console_url: String,
}

impl AccessService {
    pub(crate) fn new(
        access: Access,
        tenants: Arc<dyn TenantPort>,
        now: NowMs,
        console_url: &str,
    ) -> Self {
        Self {
            access,
            tenants,
            now,
            console_url: console_url.trim_end_matches('/').to_owned(),
        }
    }

    async fn tenant_exists(&self, name: &str) -> Result<(), Status> {
        let rows = self.tenants.list().await?;
        if rows.iter().any(|row| row.tenant.name.0 == name) {
            return Ok(());
        }
        Err(refusal(&Refusal::UnknownTenant(TenantName(
            name.to_owned(),
        ))))
    }

    /// Tenants change keys of their own; another's key does not exist for them.
    fn check_own_key(&self, caller: &Caller, id: &str) -> Result<(), Status> {
        let own = |record: &KeyRecord| {
            let of_tenant = Role::parse(&record.role).is_some_and(Role::of_tenant);
            caller.role == Role::Operator || of_tenant && record.tenant == caller.tenant
        };
        match self.access.get(id).filter(own) {
            Some(_) => Ok(()),
            None => Err(AccessError::UnknownId(id.to_owned()).into()),
        }
    }

    /// Runs what blocks on the store.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Access) -> Result<T, AccessError> + Send + 'static,
    ) -> Result<T, Status> {
        let access = self.access.clone();
        let done = tokio::task::spawn_blocking(move || work(&access)).await;
        let done = done.map_err(|error| Problem::internal("keys", &error).status())?;
        done.map_err(Status::from)
    }
}

#[tonic::async_trait]
impl AccessApi for AccessService {
    async fn create_tenant(
        &self,
        request: Request<v1::CreateTenantRequest>,
    ) -> Result<Response<v1::Tenant>, Status> {
        let wanted = request.into_inner().tenant.unwrap_or_default();
        let title = wanted.title.trim().to_owned();
        if title.chars().count() > 128 || title.chars().any(char::is_control) {
            let problem = Problem::field(
                "tenant.title",
                title,
                "最多 128 个可见字符",
                "at most 128 printable characters",
            );
            return Err(problem.status());
        }
        let tenant = to_domain(&wanted)?;
        let limits = Limits::of(wanted.limits)?;
        self.tenants
            .add(tenant.clone(), title.clone(), limits)
            .await?;
        let created_at_ms = (self.now)();
        Ok(Response::new(to_proto(TenantRow {
            tenant,
            title,
            created_at_ms,
            limits,
        })))
    }

    async fn list_tenants(
        &self,
        _request: Request<v1::ListTenantsRequest>,
    ) -> Result<Response<v1::ListTenantsResponse>, Status> {
        let rows = self.tenants.list().await?;
        let tenants = rows.into_iter().map(to_proto).collect();
        Ok(Response::new(v1::ListTenantsResponse { tenants }))
    }

    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreateKeyResponse>, Status> {
        let caller = caller_of(&request)?;
        let new = new_key(&caller, request.into_inner())?;
        if !new.tenant.is_empty() && (new.tenant != CENTRE || new.role.of_tenant()) {
            self.tenant_exists(&new.tenant).await?;
        }
        let now_ms = (self.now)();
        let (record, secret) = self
            .blocking(move |access| access.create(&new, now_ms))
            .await?;
        tracing::info!(
            key = record.id,
            tenant = record.tenant,
            role = record.role,
            by = caller.key_id,
            "key made"
        );
        let key = Some(record.to_proto());
        Ok(Response::new(v1::CreateKeyResponse { key, secret }))
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        let caller = caller_of(&request)?;
        let wanted = request.into_inner().tenant;
        let keys = if caller.role.sees_all() {
            self.access
                .list((!wanted.is_empty()).then_some(wanted.as_str()))
        } else {
            own_tenant(&caller, &wanted)?;
            self.access.list(Some(&caller.tenant))
        };
        let keys = keys.iter().map(KeyRecord::to_proto).collect();
        Ok(Response::new(v1::ListKeysResponse { keys }))
    }

    async fn revoke_key(
        &self,
        request: Request<v1::RevokeKeyRequest>,
    ) -> Result<Response<v1::Key>, Status> {
        let caller = caller_of(&request)?;
        let id = request.into_inner().id;
        self.check_own_key(&caller, &id)?;
        let now_ms = (self.now)();
        let record = self
            .blocking(move |access| access.revoke(&id, now_ms))
            .await?;
        tracing::info!(key = record.id, by = caller.key_id, "key revoked");
        Ok(Response::new(record.to_proto()))
    }

    async fn set_limits(
        &self,
        request: Request<v1::SetLimitsRequest>,
    ) -> Result<Response<v1::SetLimitsResponse>, Status> {
        use v1::set_limits_request::Of;
        let caller = caller_of(&request)?;
        let wanted = request.into_inner();
        let limits = Limits::of(wanted.limits)?;
        match wanted.of {
            Some(Of::KeyId(id)) => {
                self.check_own_key(&caller, &id)?;
                let limited = id.clone();
                self.blocking(move |access| access.limit(&limited, limits))
                    .await?;
                tracing::info!(key = id, by = caller.key_id, "key limited");
            }
            Some(Of::Tenant(tenant)) if caller.role == Role::Operator => {
                self.tenants.limit(tenant.clone(), limits).await?;
                tracing::info!(tenant, by = caller.key_id, "tenant limited");
            }
            other => {
                let (zh, en) = (
                    "key_id；租户的限额由运营方设置",
                    "key_id; limits of a tenant are set by operators",
                );
                let value = if other.is_some() { "tenant" } else { "" };
                return Err(Problem::field("of", value, zh, en).status());
            }
        }
        let limits = limits.map(Limits::to_proto);
        Ok(Response::new(v1::SetLimitsResponse { limits }))
    }

    async fn who_am_i(
        &self,
        request: Request<v1::WhoAmIRequest>,
    ) -> Result<Response<v1::Key>, Status> {
        let caller = caller_of(&request)?;
        let record = self.access.get(&caller.key_id);
        let record = record.ok_or_else(|| Denied::Unknown.problem().status())?;
        Ok(Response::new(record.to_proto()))
    }

    async fn resolve_key(
        &self,
        request: Request<v1::ResolveKeyRequest>,
    ) -> Result<Response<v1::Key>, Status> {
        let secret = request.into_inner().secret;
        let record = self.access.resolve(&secret, (self.now)());
        let record = record.map_err(|denied| denied.of_resolved())?;
        let mut key = record.to_proto();
        let (limits, weight) = self.tenants.terms(record.tenant).await?;
        key.tenant_limits = limits.map(Limits::to_proto);
        key.tenant_weight = weight;
        Ok(Response::new(key))
    }

    async fn create_sign_in_link(
        &self,
        request: Request<v1::CreateSignInLinkRequest>,
    ) -> Result<Response<v1::CreateSignInLinkResponse>, Status> {
        let caller = caller_of(&request)?;
        let (token, expires_at_ms) = self.access.new_link(&caller, (self.now)())?;
        let url = format!("{}/signin?token={token}", self.console_url);
        Ok(Response::new(v1::CreateSignInLinkResponse {
            url,
            expires_at_ms,
        }))
    }
}

/// Tenants make keys of their own, for people and applications; operators make any.
fn new_key(caller: &Caller, wanted: v1::CreateKeyRequest) -> Result<NewKey, Status> {
    let accepted =
        "\"tenant\", \"operator\", \"auditor\", \"app\", \"worker\", \"gateway\", \"clerk\"";
    let role = Role::parse(&wanted.role)
        .ok_or_else(|| Problem::field("role", &wanted.role, accepted, accepted).status())?;
    let mut new = NewKey {
        tenant: wanted.tenant,
        role,
        name: wanted.name,
        expires_at_ms: wanted.expires_at_ms,
        limits: Limits::of(wanted.limits)?,
    };
    if caller.role != Role::Operator {
        own_tenant(caller, &new.tenant)?;
        if !role.of_tenant() {
            let accepted = "\"tenant\", \"app\"";
            return Err(Problem::field("role", role.name(), accepted, accepted).status());
        }
        new.tenant.clone_from(&caller.tenant);
    }
    Ok(new)
}

/// Refuses the name of another tenant as if that tenant did not exist.
fn own_tenant(caller: &Caller, wanted: &str) -> Result<(), Status> {
    if wanted.is_empty() || wanted == caller.tenant {
        return Ok(());
    }
    Err(refusal(&Refusal::UnknownTenant(TenantName(
        wanted.to_owned(),
    ))))
}

fn to_domain(wanted: &v1::Tenant) -> Result<Tenant, Status> {
    let account = match wanted.account_kind.as_str() {
        "" | "prepaid" => AccountKind::Prepaid,
        "contract" => AccountKind::Contract,
        other => {
            let accepted = "\"prepaid\", \"contract\"";
            return Err(Problem::field("tenant.account_kind", other, accepted, accepted).status());
        }
    };
    let tenant = Tenant {
        name: TenantName(wanted.name.clone()),
        account,
        credit_limit_micro: wanted.credit_limit_micro,
        weight: if wanted.weight == 0 {
            100
        } else {
            wanted.weight
        },
        used: zhisuan_core::Amounts::default(),
    };
    tenant.validate().map_err(|refused| refusal(&refused))?;
    Ok(tenant)
}

fn to_proto(row: TenantRow) -> v1::Tenant {
    let account_kind = match row.tenant.account {
        AccountKind::Prepaid => "prepaid",
        AccountKind::Contract => "contract",
    };
    v1::Tenant {
        name: row.tenant.name.0,
        title: row.title,
        account_kind: account_kind.to_owned(),
        credit_limit_micro: row.tenant.credit_limit_micro,
        weight: row.tenant.weight,
        created_at_ms: row.created_at_ms,
        limits: row.limits.map(Limits::to_proto),
    }
}
