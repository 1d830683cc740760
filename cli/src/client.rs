//! Calls to the scheduler: one lazy channel, the caller's key in every call, bounded waits.

use crate::config::{As, Settings};
use crate::error::{Exit, Failure, Result};
use crate::words::{say, tr};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1::access_client::AccessClient;
use zhisuan_proto::v1::artifacts_client::ArtifactsClient;
use zhisuan_proto::v1::billing_client::BillingClient;
use zhisuan_proto::v1::jobs_client::JobsClient;
use zhisuan_proto::v1::models_client::ModelsClient;
use zhisuan_proto::v1::nodes_client::NodesClient;

/// A connection should open within this.
const CONNECT: Duration = Duration::from_secs(5);
/// A call should begin to answer within this.
const ANSWER: Duration = Duration::from_mins(1);

/// A channel that shows a key.
pub(crate) type Authed = InterceptedService<Channel, Bearer>;

/// Puts the key into the metadata.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// The scheduler, as one caller sees it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    bearer: Bearer,
}

/// One method per service.
macro_rules! services {
    ($($method:ident => $client:ident),+ $(,)?) => {
        $(
            /// A client of this service.
            pub(crate) fn $method(&self) -> $client<Authed> {
                $client::with_interceptor(self.channel.clone(), self.bearer.clone())
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES)
            }
        )+
    };
}

impl Client {
    /// A client with the key that such calls need. Connects at the first call.
    pub(crate) fn new(settings: &Settings, who: As) -> Result<Self> {
        let ca = settings.get("ca");
        let ca = if ca.is_empty() { None } else { Some(ca) };
        Self::at(settings.get("scheduler"), settings.secret(who), ca)
    }

    /// A client of a given scheduler. `ca` is a PEM file with the issuer of its certificate.
    pub(crate) fn at(url: &str, secret: &str, ca: Option<&str>) -> Result<Self> {
        let bad = |error: &dyn std::fmt::Display| {
            Failure::usage(
                "ZS-CONFIG-VALUE",
                say!(
                    "调度服务地址 {} 无效:{}",
                    "the scheduler's address {} is not valid: {}",
                    url,
                    error
                ),
            )
            .field("scheduler")
        };
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| bad(&error))?
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20));
        if url.starts_with("https://") {
            let mut tls = ClientTlsConfig::new();
            if let Some(path) = ca {
                tls = tls.ca_certificate(Certificate::from_pem(std::fs::read(path)?));
            }
            endpoint = endpoint.tls_config(tls).map_err(|error| bad(&error))?;
        }
        Ok(Self {
            channel: endpoint.connect_lazy(),
            bearer: bearer(secret)?,
        })
    }

    services! {
        jobs => JobsClient,
        nodes => NodesClient,
        models => ModelsClient,
        billing => BillingClient,
        access => AccessClient,
        artifacts => ArtifactsClient,
    }
}

fn bearer(secret: &str) -> Result<Bearer> {
    if secret.is_empty() {
        return Ok(Bearer(None));
    }
    let mut value: MetadataValue<Ascii> = format!("Bearer {secret}").parse().map_err(|_| {
        Failure::new(
            Exit::SignIn,
            "ZS-AUTH-KEY",
            tr(
                "密钥里有不允许的字符",
                "the key has characters that no key has",
            ),
        )
        .hint(tr(
            "重新复制密钥,不带空格和换行",
            "copy the key again, without spaces and line feeds",
        ))
    })?;
    value.set_sensitive(true);
    Ok(Bearer(Some(value)))
}
