//! A real scheduler on a temporary folder and clients that speak to it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use zhisuan_proto::v1::{
    self, access_client::AccessClient, artifacts_client::ArtifactsClient,
    billing_client::BillingClient, job_spec::Work, jobs_client::JobsClient,
    models_client::ModelsClient, nodes_client::NodesClient, workers_client::WorkersClient,
};
use zhisuan_scheduler::{Handle, Options, Role, start};

pub(crate) const YUAN: i64 = 1_000_000;

#[derive(Clone)]
pub(crate) struct Bearer(String);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !self.0.is_empty() {
            let value = MetadataValue::try_from(format!("Bearer {}", self.0)).unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

type Api = InterceptedService<Channel, Bearer>;

/// Every client of one key.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) jobs: JobsClient<Api>,
    pub(crate) nodes: NodesClient<Api>,
    pub(crate) billing: BillingClient<Api>,
    pub(crate) access: AccessClient<Api>,
    pub(crate) models: ModelsClient<Api>,
    pub(crate) artifacts: ArtifactsClient<Api>,
    pub(crate) workers: WorkersClient<Api>,
}

impl Clients {
    pub(crate) async fn connect(url: &str, key: &str) -> Self {
        let endpoint = Channel::from_shared(url.to_owned())
            .unwrap()
            .tcp_nodelay(true);
        let mut tries = 0;
        let channel = loop {
            match endpoint.connect().await {
                Ok(channel) => break channel,
                Err(error) if tries > 200 => panic!("no scheduler at {url}: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
            }
            tries += 1;
        };
        let bearer = Bearer(key.to_owned());
        let api = || (channel.clone(), bearer.clone());
        macro_rules! client {
            ($client:ident) => {{
                let (channel, bearer) = api();
                $client::with_interceptor(channel, bearer)
            }};
        }
        Self {
            jobs: client!(JobsClient),
            nodes: client!(NodesClient),
            billing: client!(BillingClient),
            access: client!(AccessClient),
            models: client!(ModelsClient),
            artifacts: client!(ArtifactsClient),
            workers: client!(WorkersClient),
        }
    }
}

/// A scheduler in this process, with an operator's clients.
pub(crate) struct Centre {
    pub(crate) handle: Handle,
    pub(crate) url: String,
    pub(crate) operator: Clients,
}

impl Centre {
    pub(crate) async fn start(folder: &Path) -> Self {
        Self::start_with(folder, |_| {}).await
    }

    pub(crate) async fn start_with(folder: &Path, set: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new(folder.to_owned(), "127.0.0.1:0".parse().unwrap());
        set(&mut options);
        let handle = start(options).await.expect("the scheduler starts");
        let url = format!("http://{}", handle.address());
        let operator = Clients::connect(&url, &handle.internal_key(Role::Operator)).await;
        Self {
            handle,
            url,
            operator,
        }
    }

    /// A prepaid tenant with money, and clients with a key of its own.
    pub(crate) async fn tenant(&mut self, name: &str, yuan: i64) -> Clients {
        let tenant = v1::Tenant {
            name: name.to_owned(),
            account_kind: "prepaid".to_owned(),
            ..v1::Tenant::default()
        };
        let created = v1::CreateTenantRequest {
            tenant: Some(tenant),
        };
        self.operator.access.create_tenant(created).await.unwrap();
        if yuan > 0 {
            let (tenant, reference) = (name.to_owned(), "first".to_owned());
            let paid = v1::TopUpRequest {
                tenant,
                amount_micro: yuan * YUAN,
                reference,
            };
            self.operator.billing.top_up(paid).await.unwrap();
        }
        let wanted = v1::CreateKeyRequest {
            tenant: name.to_owned(),
            role: "tenant".to_owned(),
            name: "test".to_owned(),
            ..v1::CreateKeyRequest::default()
        };
        let made = self
            .operator
            .access
            .create_key(wanted)
            .await
            .unwrap()
            .into_inner();
        Clients::connect(&self.url, &made.secret).await
    }

    pub(crate) async fn worker_clients(&self) -> Clients {
        Clients::connect(&self.url, &self.handle.internal_key(Role::Worker)).await
    }
}

/// A command job of one core for a minute.
pub(crate) fn command(name: &str) -> v1::JobSpec {
    let command = v1::CommandWork {
        argv: vec!["true".to_owned()],
        env: HashMap::new(),
        inputs: HashMap::new(),
    };
    v1::JobSpec {
        name: name.to_owned(),
        time_limit_ms: 60_000,
        work: Some(Work::Command(command)),
        ..v1::JobSpec::default()
    }
}

pub(crate) fn submit(specs: Vec<v1::JobSpec>) -> v1::SubmitRequest {
    v1::SubmitRequest {
        specs,
        ..v1::SubmitRequest::default()
    }
}

/// The stable code and the field of a refusal.
pub(crate) fn refusal(status: &Status) -> (String, String) {
    let detail =
        zhisuan_proto::detail_of(status).unwrap_or_else(|| panic!("no detail in {status}"));
    assert!(
        !detail.message_zh.is_empty(),
        "{status} says nothing in Chinese"
    );
    (detail.code, detail.field)
}

/// Waits until a job is in a state, at most ten seconds.
pub(crate) async fn until(clients: &mut Clients, job_id: u64, state: v1::JobState) -> v1::Job {
    let mut last = None;
    for _ in 0..400 {
        let job = clients
            .jobs
            .get(v1::GetJobRequest { job_id })
            .await
            .unwrap()
            .into_inner();
        if job.state() == state {
            return job;
        }
        last = Some(job);
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("job {job_id} never became {state:?}: {last:?}");
}
