//! How often one address may ask: a burst at once, then a steady pace. Everything that an asker
//! makes is kept, so nobody may make it without end.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{Site, api};
use crate::service::now_ms;

/// Requests that an address may send at once.
const BURST: i64 = 60;
/// One more is allowed after so many milliseconds.
const EVERY_MS: i64 = 1_000;
/// Addresses remembered; beyond it all that have their whole burst again are forgotten.
const ADDRESSES: usize = 20_000;

/// What each address has left, as the moment at which it has its whole burst again.
#[derive(Default)]
pub(crate) struct Pace(Mutex<HashMap<IpAddr, i64>>);

impl Pace {
    /// Takes one request of an address at a moment; none where it must wait, then for how many
    /// seconds.
    fn take(&self, address: IpAddr, now: i64) -> Result<(), i64> {
        let mut whole_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if whole_at.len() >= ADDRESSES {
            whole_at.retain(|_, at| *at > now);
        }
        let at = whole_at.entry(network(address)).or_insert(now);
        let next = (*at).max(now) + EVERY_MS;
        let wait = next - now - BURST * EVERY_MS;
        if wait > 0 {
            return Err(wait.div_euclid(1000) + 1);
        }
        *at = next;
        Ok(())
    }
}

/// One customer has a whole IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let kept = v6.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(kept))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Lets a request through when its address keeps the pace. This machine's own addresses are let
/// through: the gateway is one, and a proxy on this machine has limits of its own.
pub(super) async fn kept(State(site): State<Site>, request: Request, next: Next) -> Response {
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let from = from.map(|ConnectInfo(from)| from.ip().to_canonical());
    let Some(from) = from.filter(|from| !from.is_loopback()) else {
        return next.run(request).await;
    };
    match site.pace.take(from, now_ms()) {
        Ok(()) => next.run(request).await,
        Err(seconds) => {
            let message = format!("提问太快了，请 {seconds} 秒后再试");
            let refused = api::error(StatusCode::TOO_MANY_REQUESTS, "ZS-KB-PACE", None, message);
            ([(header::RETRY_AFTER, seconds.to_string())], refused).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{ADDRESSES, BURST, EVERY_MS, Pace};

    #[test]
    fn a_burst_then_a_steady_pace_for_each_network() {
        let pace = Pace::default();
        let address = |text: &str| {
            text.parse::<IpAddr>()
                .unwrap_or_else(|_| IpAddr::V4([0; 4].into()))
        };
        let (one, other) = (address("2001:db8::1"), address("192.0.2.1"));
        for _ in 0..BURST {
            assert_eq!(pace.take(one, 1_000), Ok(()));
        }
        assert_eq!(pace.take(address("2001:db8::ffff"), 1_000), Err(2));
        assert_eq!(pace.take(other, 1_000), Ok(()));
        assert_eq!(pace.take(one, 1_000 + EVERY_MS), Ok(()));
        assert!(pace.take(one, 1_000 + EVERY_MS).is_err());
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let pace = Pace::default();
        for number in 0..=ADDRESSES as u32 {
            let at = i64::from(number) * EVERY_MS * 2;
            assert_eq!(pace.take(IpAddr::V4(number.into()), at), Ok(()));
        }
        assert!(pace.0.lock().is_ok_and(|known| known.len() < 10));
    }
}
