//! The gateway's side of the scheduler: one channel, the gateway's key on every call.

use crate::options::Error;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1::access_client::AccessClient;
use zhisuan_proto::v1::artifacts_client::ArtifactsClient;
use zhisuan_proto::v1::billing_client::BillingClient;
use zhisuan_proto::v1::jobs_client::JobsClient;
use zhisuan_proto::v1::models_client::ModelsClient;

/// Longest wait for one answer of the scheduler; a watch is not bound by it.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Puts a secret on every call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    /// `None` when the secret cannot travel in a header.
    pub(crate) fn new(secret: &str) -> Option<Self> {
        let mut value: MetadataValue<Ascii> = format!("Bearer {secret}").parse().ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Wire = InterceptedService<Channel, Bearer>;

/// Clients of the services that a gateway uses; cheap to clone.
#[derive(Clone)]
pub(crate) struct Scheduler {
    channel: Channel,
    wire: Wire,
}

/// Clients that show a caller's own key, so that the scheduler decides what it may do.
#[derive(Clone)]
pub(crate) struct CallerWire(Wire);

impl CallerWire {
    pub(crate) fn artifacts(&self) -> ArtifactsClient<Wire> {
        ArtifactsClient::new(self.0.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn jobs(&self) -> JobsClient<Wire> {
        JobsClient::new(self.0.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }
}

impl Scheduler {
    /// Opens no connection yet: the gateway may start before the scheduler.
    pub(crate) fn new(url: &str, key: &str) -> Result<Self, Error> {
        let refused = |accepted| Error::Option {
            option: "scheduler_url",
            value: url.to_owned(),
            accepted,
        };
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|_| refused("expected http://host:port"))?;
        if endpoint.uri().scheme_str() != Some("http") {
            return Err(refused(
                "expected http://host:port; put TLS between gateway and scheduler by a mesh or proxy",
            ));
        }
        let bearer = Bearer::new(key).ok_or_else(|| Error::Option {
            option: "key",
            value: "(secret)".to_owned(),
            accepted: "expected the printable ASCII secret of a key with role gateway",
        })?;
        let channel = watched(endpoint).connect_lazy();
        Ok(Self {
            wire: InterceptedService::new(channel.clone(), bearer),
            channel,
        })
    }

    /// The same channel with a caller's secret; `None` when it cannot travel in a header.
    pub(crate) fn of_caller(&self, secret: &str) -> Option<CallerWire> {
        let bearer = Bearer::new(secret)?;
        let wire = InterceptedService::new(self.channel.clone(), bearer);
        Some(CallerWire(wire))
    }

    pub(crate) fn access(&self) -> AccessClient<Wire> {
        AccessClient::new(self.wire.clone())
    }

    pub(crate) fn billing(&self) -> BillingClient<Wire> {
        BillingClient::new(self.wire.clone())
    }

    pub(crate) fn models(&self) -> ModelsClient<Wire> {
        ModelsClient::new(self.wire.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }
}

/// Settings of every channel: a dead peer is noticed within about twenty seconds.
pub(crate) fn watched(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(Duration::from_secs(3))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .tcp_nodelay(true)
}

/// A unary call with its deadline, so that a scheduler that hangs cannot hold a request for ever.
pub(crate) fn within<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}
