//! Opening a session: connect, register, and wait for the scheduler's answer.

use crate::artifacts::describe;
use crate::rpc::{Bearer, chain};
use crate::session::Event;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1::workers_client::WorkersClient;
use zhisuan_proto::v1::{
    Register, Registered, SchedulerMessage, WorkerMessage, scheduler_message, worker_message,
};

/// Messages on their way into the stream. When it is full the session waits without blocking.
const OUTGOING: usize = 256;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// An accepted session.
pub(crate) struct Opened {
    pub(crate) registered: Registered,
    pub(crate) outgoing: mpsc::Sender<WorkerMessage>,
    pub(crate) incoming: Streaming<SchedulerMessage>,
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The scheduler said no; asking again helps only after somebody changed something.
    Refused { code: String, message: String },
    /// Not reachable, or broken on the way.
    Unreachable(String),
}

/// Where the connection stands.
pub(crate) enum Link {
    Down {
        retry_at_ms: u64,
    },
    Opening {
        generation: u64,
        _task: AbortOnDropHandle<()>,
    },
    Up {
        generation: u64,
        outgoing: mpsc::Sender<WorkerMessage>,
        _reader: AbortOnDropHandle<()>,
    },
}

/// Connects and registers.
pub(crate) async fn open(
    endpoint: Endpoint,
    bearer: Bearer,
    register: Register,
) -> Result<Box<Opened>, LinkError> {
    let handshake = Box::pin(handshake(endpoint, bearer, register));
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(result) => result.map(Box::new),
        Err(_) => Err(LinkError::Unreachable(
            "no answer to the registration".into(),
        )),
    }
}

async fn handshake(
    endpoint: Endpoint,
    bearer: Bearer,
    register: Register,
) -> Result<Opened, LinkError> {
    let channel = endpoint
        .connect()
        .await
        .map_err(|error| LinkError::Unreachable(chain(&error)))?;
    let mut client = WorkersClient::with_interceptor(channel, bearer)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let (outgoing, receiver) = mpsc::channel(OUTGOING);
    let first = WorkerMessage {
        message: Some(worker_message::Message::Register(register)),
    };
    if outgoing.try_send(first).is_err() {
        return Err(LinkError::Unreachable(
            "the new stream takes nothing".into(),
        ));
    }
    let response = client.session(ReceiverStream::new(receiver)).await;
    let mut incoming = response
        .map_err(|status| from_status(&status))?
        .into_inner();
    let answer = incoming
        .message()
        .await
        .map_err(|status| from_status(&status))?;
    match answer.and_then(|answer| answer.message) {
        Some(scheduler_message::Message::Registered(registered)) => Ok(Opened {
            registered,
            outgoing,
            incoming,
        }),
        Some(scheduler_message::Message::Refused(refused)) => {
            let detail = refused.error.unwrap_or_default();
            Err(LinkError::Refused {
                code: detail.code,
                message: if detail.message_zh.is_empty() {
                    detail.hint
                } else {
                    detail.message_zh
                },
            })
        }
        _ => Err(LinkError::Unreachable(
            "the first answer is neither registered nor refused".into(),
        )),
    }
}

/// Forwards what the scheduler says, marked with the session's number, until the stream ends.
pub(crate) async fn read(
    generation: u64,
    mut incoming: Streaming<SchedulerMessage>,
    events: mpsc::Sender<Event>,
) {
    loop {
        let message = match incoming.message().await {
            Ok(message) => message.map(Box::new),
            Err(status) => {
                tracing::warn!(code = %status.code(), message = status.message(), "session broke");
                None
            }
        };
        let ended = message.is_none();
        if events
            .send(Event::Incoming(generation, message))
            .await
            .is_err()
            || ended
        {
            return;
        }
    }
}

fn from_status(status: &Status) -> LinkError {
    match status.code() {
        Code::Unauthenticated
        | Code::PermissionDenied
        | Code::InvalidArgument
        | Code::Unimplemented
        | Code::FailedPrecondition
        | Code::AlreadyExists => {
            let code = zhisuan_proto::detail_of(status)
                .map_or_else(|| "ZS-SESSION-REFUSED".into(), |detail| detail.code);
            LinkError::Refused {
                code,
                message: describe(status),
            }
        }
        _ => LinkError::Unreachable(format!("{}: {}", status.code(), status.message())),
    }
}
