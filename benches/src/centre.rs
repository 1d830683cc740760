//! A real scheduler in this process on a real data folder, reached through gRPC as by anybody.

use anyhow::{Context, Result};
use std::path::Path;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use zhisuan_proto::v1::access_client::AccessClient;
use zhisuan_proto::v1::billing_client::BillingClient;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::jobs_client::JobsClient;
use zhisuan_proto::v1::nodes_client::NodesClient;
use zhisuan_proto::v1::workers_client::WorkersClient;
use zhisuan_proto::v1::{self, JobState};
use zhisuan_scheduler::{Handle, Options, Role, start};

/// Shows a key with every call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<tonic::metadata::Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A channel with a key.
pub(crate) type Api = InterceptedService<Channel, Bearer>;

/// The scheduler under measurement and the tenant that submits.
pub(crate) struct Centre {
    handle: Handle,
    operator: String,
    tenant: String,
}

const TENANT: &str = "bench";

impl Centre {
    /// Starts on `folder`; the first time there, opens a tenant with enough money.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let handle = Self::scheduler(folder).await?;
        let operator = handle.internal_key(Role::Operator);
        let mut centre = Self {
            handle,
            operator,
            tenant: String::new(),
        };
        centre.tenant = centre.open_tenant().await?;
        Ok(centre)
    }

    /// The scheduler alone.
    pub(crate) async fn scheduler(folder: &Path) -> Result<Handle> {
        let listen = "127.0.0.1:0".parse()?;
        let options = Options::new(folder.to_owned(), listen);
        Ok(start(options).await?)
    }

    async fn open_tenant(&self) -> Result<String> {
        let mut access = AccessClient::new(self.api(&self.operator).await?);
        let tenant = v1::Tenant {
            name: TENANT.to_owned(),
            account_kind: "prepaid".to_owned(),
            ..v1::Tenant::default()
        };
        let tenant = Some(tenant);
        access
            .create_tenant(v1::CreateTenantRequest { tenant })
            .await?;
        let mut billing = BillingClient::new(self.api(&self.operator).await?);
        let paid = v1::TopUpRequest {
            tenant: TENANT.to_owned(),
            amount_micro: 100_000_000_000_000,
            reference: "bench".to_owned(),
        };
        billing.top_up(paid).await?;
        let wanted = v1::CreateKeyRequest {
            tenant: TENANT.to_owned(),
            role: "tenant".to_owned(),
            name: "bench".to_owned(),
            ..v1::CreateKeyRequest::default()
        };
        Ok(access.create_key(wanted).await?.into_inner().secret)
    }

    async fn api(&self, key: &str) -> Result<Api> {
        connect(&self.handle, key).await
    }

    /// One connection of its own, as one client program has.
    pub(crate) async fn jobs(&self) -> Result<JobsClient<Api>> {
        Ok(JobsClient::new(self.api(&self.tenant).await?))
    }

    pub(crate) async fn nodes(&self) -> Result<NodesClient<Api>> {
        Ok(NodesClient::new(self.api(&self.operator).await?))
    }

    pub(crate) async fn workers(&self) -> Result<WorkersClient<Api>> {
        let key = self.handle.internal_key(Role::Worker);
        Ok(WorkersClient::new(self.api(&key).await?))
    }

    pub(crate) async fn stop(self) {
        self.handle.shutdown().await;
    }
}

/// A connection to a scheduler with a key.
pub(crate) async fn connect(handle: &Handle, key: &str) -> Result<Api> {
    connect_to(&format!("http://{}", handle.address()), key).await
}

/// A connection to the scheduler at an address.
pub(crate) async fn connect_to(url: &str, key: &str) -> Result<Api> {
    let endpoint = Channel::from_shared(url.to_owned())?.tcp_nodelay(true);
    let channel = endpoint
        .connect()
        .await
        .with_context(|| format!("no scheduler at {url}"))?;
    let bearer = Bearer(MetadataValue::try_from(format!("Bearer {key}"))?);
    Ok(InterceptedService::new(channel, bearer))
}

/// A command job that asks for next to nothing; the no-op worker does not run it.
pub(crate) fn noop(name: &str) -> v1::JobSpec {
    let argv = vec!["true".to_owned()];
    let command = v1::CommandWork {
        argv,
        ..v1::CommandWork::default()
    };
    let resources = v1::Resources {
        cpu_milli: 10,
        memory_mib: 1,
        ..v1::Resources::default()
    };
    v1::JobSpec {
        name: name.to_owned(),
        resources: Some(resources),
        time_limit_ms: 60_000,
        work: Some(Work::Command(command)),
        ..v1::JobSpec::default()
    }
}

/// Jobs of the tenant in these states.
pub(crate) async fn count(jobs: &mut JobsClient<Api>, states: &[JobState]) -> Result<u64> {
    let page = Some(v1::Page {
        limit: 1,
        token: String::new(),
    });
    let request = v1::ListJobsRequest {
        page,
        states: states.iter().map(|state| i32::from(*state)).collect(),
        ..v1::ListJobsRequest::default()
    };
    Ok(jobs.list(request).await?.into_inner().total)
}

/// States of a job that has not ended.
pub(crate) const LIVE: [JobState; 4] = [
    JobState::Queued,
    JobState::Starting,
    JobState::Running,
    JobState::Stopping,
];
