//! Connections that wait for no request for ever: a head or a body that is not whole in time ends
//! its connection, and so does a long silence.
//!
//! A connection tells when bytes came, and the middleware tells when a request is being served;
//! both speak to the [`Presence`] of the connection, which decides how long may be waited.

use axum::body::{Body, HttpBody as _};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State as Shared};
use axum::http::Version;
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use futures::{StreamExt as _, stream};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A body of known size may come as slowly as this (half a megabit a second).
const SLOWEST_BYTES_PER_S: u64 = 64 * 1024;

/// How long a connection may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// From the first byte of a head, or from the connection's first moment, to a whole head.
    pub(crate) head: Duration,
    /// For a whole body to arrive, and longer for one that says it is large; but for a file.
    pub(crate) body: Duration,
    /// From the end of an answer to the first byte of the next head.
    pub(crate) idle: Duration,
}

/// What one connection is doing. Pure: the time is an argument.
#[derive(Debug)]
struct State {
    /// Requests that are being served; HTTP/2 has several at once.
    serving: usize,
    /// Whether a head has begun to arrive.
    begun: bool,
    /// It speaks HTTP/2, where bytes between requests need not be a head: pings, windows.
    multiplexed: bool,
    /// Since when it waits for what comes next.
    since: Instant,
}

impl State {
    /// A fresh connection owes a head at once.
    fn new(now: Instant) -> Self {
        Self {
            serving: 0,
            begun: true,
            multiplexed: false,
            since: now,
        }
    }

    fn heard(&mut self, now: Instant) {
        if self.serving == 0 && !self.begun && !self.multiplexed {
            self.begun = true;
            self.since = now;
        }
    }

    fn ended(&mut self, now: Instant) {
        self.serving = self.serving.saturating_sub(1);
        self.begun = false;
        self.since = now;
    }

    /// When the connection is given up; never while a request is served.
    fn deadline(&self, waits: Waits) -> Option<Instant> {
        let wait = if self.begun { waits.head } else { waits.idle };
        (self.serving == 0).then(|| self.since + wait)
    }
}

/// What one connection is doing; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Presence(Arc<Mutex<State>>, Option<SocketAddr>);

impl Presence {
    fn new() -> Self {
        let state = State::new(Instant::now());
        Self(Arc::new(Mutex::new(state)), None)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, multiplexed: bool) -> Serving {
        self.with(|state| {
            state.serving += 1;
            state.multiplexed = multiplexed;
        });
        Serving(self.clone())
    }
}

/// A request that is being served, until it is dropped.
struct Serving(Presence);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.with(|state| state.ended(Instant::now()));
    }
}

/// Outermost around every answer: its request's body comes in time, and while it is made and told
/// nothing more is waited for.
pub(crate) async fn attended(
    Shared(waits): Shared<Waits>,
    mut request: Request,
    next: Next,
) -> Response {
    // A file takes as long as its upload allows.
    if request.uri().path() != "/v1/files" {
        request = request.map(|body| {
            let limit = body_time(waits.body, body.size_hint().exact());
            in_time(body, limit)
        });
    }
    let presence = request.extensions().get::<ConnectInfo<Presence>>();
    let Some(ConnectInfo(presence)) = presence.cloned() else {
        return next.run(request).await;
    };
    // Application pages know the address in the usual form, and nothing of this listener.
    if let Some(from) = presence.1 {
        request.extensions_mut().insert(ConnectInfo(from));
    }
    let serving = presence.serve(request.version() == Version::HTTP_2);
    let response = next.run(request).await;
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::from_stream(body.into_data_stream().inspect(move |_| {
            let _ = &serving;
        }))
    })
}

/// How long a body may take whose size was told: slow lines get through, drips do not.
fn body_time(least: Duration, bytes: Option<u64>) -> Duration {
    least + Duration::from_secs(bytes.unwrap_or(0) / SLOWEST_BYTES_PER_S)
}

/// A request's body that ends with [`Late`] when it is not whole after `limit`.
fn in_time(body: Body, limit: Duration) -> Body {
    let deadline = Instant::now() + limit;
    let pieces = stream::unfold(Some(body.into_data_stream()), move |pieces| async move {
        let mut pieces = pieces?;
        match tokio::time::timeout_at(deadline, pieces.next()).await {
            Ok(piece) => piece.map(|piece| (piece, Some(pieces))),
            Err(_) => Some((Err(axum::Error::new(Late(limit))), None)),
        }
    });
    Body::from_stream(pieces)
}

/// A body did not arrive within this time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive within {0:?}")]
pub(crate) struct Late(pub(crate) Duration);

/// Accepts connections that are watched.
pub(crate) struct Watching<L> {
    listener: L,
    waits: Waits,
}

impl<L> Watching<L> {
    pub(crate) fn new(listener: L, waits: Waits) -> Self {
        Self { listener, waits }
    }
}

impl<L: Listener> Listener for Watching<L>
where
    L::Io: Sync,
{
    type Io = Watched<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, address) = self.listener.accept().await;
        let watched = Watched {
            io,
            waits: self.waits,
            presence: Presence::new(),
            timer: Box::pin(tokio::time::sleep(self.waits.head)),
        };
        (watched, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl<L: Listener<Addr = SocketAddr>> Connected<IncomingStream<'_, Watching<L>>> for Presence
where
    L::Io: Sync,
{
    fn connect_info(stream: IncomingStream<'_, Watching<L>>) -> Self {
        let Presence(state, _) = &stream.io().presence;
        Self(Arc::clone(state), Some(*stream.remote_addr()))
    }
}

/// One connection.
pub(crate) struct Watched<I> {
    io: I,
    waits: Waits,
    presence: Presence,
    timer: Pin<Box<Sleep>>,
}

impl<I> Watched<I> {
    /// Nothing to read yet: waits for it, or for the time when it is given up.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(deadline) = self.presence.with(|state| state.deadline(self.waits)) else {
            return Poll::Pending;
        };
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(context).map(|()| {
            tracing::debug!("a connection was closed: no whole request came in time");
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.io).poll_read(context, buffer) {
            Poll::Ready(read) => {
                if buffer.filled().len() > before {
                    self.presence.with(|state| state.heard(Instant::now()));
                }
                Poll::Ready(read)
            }
            Poll::Pending => self.wait(context),
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Waits, body_time};
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn a_head_has_its_time_however_it_drips() {
        let waits = Waits {
            head: Duration::from_secs(10),
            body: Duration::ZERO,
            idle: Duration::from_secs(100),
        };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::new(start);
        assert_eq!(state.deadline(waits), Some(at(10)), "a silent stranger");
        state.heard(at(9));
        assert_eq!(state.deadline(waits), Some(at(10)), "drops give no time");
        state.serving = 2;
        assert_eq!(state.deadline(waits), None, "an answer takes its time");
        state.heard(at(11));
        state.ended(at(12));
        assert_eq!(state.deadline(waits), None, "another answer goes on");
        state.ended(at(20));
        assert_eq!(state.deadline(waits), Some(at(120)), "kept alive");
        state.heard(at(50));
        state.heard(at(55));
        assert_eq!(
            state.deadline(waits),
            Some(at(60)),
            "the next head has begun"
        );
    }

    #[test]
    fn a_ping_between_requests_of_http_2_is_no_head() {
        let waits = Waits {
            head: Duration::from_secs(10),
            body: Duration::ZERO,
            idle: Duration::from_secs(100),
        };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::new(start);
        (state.serving, state.multiplexed) = (1, true);
        state.ended(at(5));
        state.heard(at(20));
        assert_eq!(state.deadline(waits), Some(at(105)));
    }

    #[test]
    fn a_large_body_has_longer() {
        let least = Duration::from_secs(30);
        assert_eq!(body_time(least, None), least);
        let large = body_time(least, Some(64 * 1024 * 1024));
        assert_eq!(large, Duration::from_secs(30 + 1_024));
    }
}
