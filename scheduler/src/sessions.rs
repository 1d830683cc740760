//! Open worker sessions: who can be given orders now.

use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use zhisuan_core::Millis;
use zhisuan_proto::v1;

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    by_node: Arc<DashMap<String, Session>>,
    next: Arc<AtomicU64>,
    heartbeats: Arc<DashMap<String, Millis>>,
}

struct Session {
    number: u64,
    orders: mpsc::UnboundedSender<v1::scheduler_message::Message>,
}

/// The orders of one session; dropping it ends the session, unless a newer one took its place.
pub(crate) struct Orders {
    pub(crate) queue: mpsc::UnboundedReceiver<v1::scheduler_message::Message>,
    node: String,
    number: u64,
    sessions: Sessions,
    previous: Option<Session>,
}

impl Orders {
    /// The registration is accepted: an older session of the same node ends.
    pub(crate) fn confirm(&mut self) {
        self.previous = None;
    }
}

impl Sessions {
    /// A queue for the orders of a node that is about to register. Until it is confirmed an older
    /// session of the same node only pauses, so that a refused stranger cannot end it.
    pub(crate) fn open(&self, node: &str) -> Orders {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (orders, queue) = mpsc::unbounded_channel();
        let previous = self
            .by_node
            .insert(node.to_owned(), Session { number, orders });
        Orders {
            queue,
            node: node.to_owned(),
            number,
            sessions: self.clone(),
            previous,
        }
    }

    /// Gives an order; false when the node has no session. The order is not lost then: the node
    /// gets it again when it registers.
    pub(crate) fn order(&self, node: &str, order: v1::scheduler_message::Message) -> bool {
        self.by_node
            .get(node)
            .is_some_and(|session| session.orders.send(order).is_ok())
    }

    pub(crate) fn len(&self) -> usize {
        self.by_node.len()
    }

    pub(crate) fn seen(&self, node: &str, at: Millis) {
        self.heartbeats.insert(node.to_owned(), at);
    }

    pub(crate) fn last_heartbeat(&self, node: &str) -> Option<Millis> {
        self.heartbeats.get(node).map(|at| *at)
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        let mine = |_: &String, session: &Session| session.number == self.number;
        let was_open = self.sessions.by_node.remove_if(&self.node, mine).is_some();
        if let Some(previous) = self.previous.take().filter(|_| was_open) {
            // Orders that were given while the stranger stood at the door.
            while let Ok(order) = self.queue.try_recv() {
                let _ = previous.orders.send(order);
            }
            self.sessions.by_node.insert(self.node.clone(), previous);
        }
    }
}
