//! The session with the scheduler: one actor owns the tasks, the reports and the connection. It
//! never waits for the network or for a task, so leases end on time whatever hangs.

mod agent;
mod link;
mod orders;
mod pump;
mod table;

pub(crate) use agent::{Agent, Config};
pub(crate) use table::TaskKey;

use crate::exec::TaskEvent;
use std::time::Duration;
use tokio::sync::oneshot;
use zhisuan_proto::v1::SchedulerMessage;

/// Everything that happens to a worker, in one order.
pub(crate) enum Event {
    /// An attempt to open a session ended.
    Opened(u64, Result<Box<link::Opened>, link::LinkError>),
    /// The stream of that session gave a message, or broke (`None`).
    Incoming(u64, Option<Box<SchedulerMessage>>),
    /// A task of this epoch has something to say.
    Task {
        key: TaskKey,
        epoch: u64,
        event: TaskEvent,
    },
    /// Stop everything, then answer.
    Shutdown {
        grace: Duration,
        done: oneshot::Sender<()>,
    },
}
