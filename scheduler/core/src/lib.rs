//! Decisions of the scheduler and the ledger: data in, data out.
//!
//! No async, no clock, no randomness, no I/O; `now` is an argument and collections are ordered,
//! so the same events always give the same plan. Reading order: ids and quantities, what exists
//! (nodes, jobs, tenants), what happens ([`Event`], [`Effect`]), how it is decided
//! ([`State::apply`], [`State::plan`]), and what must always hold ([`check`]).

mod pairs;

mod id;
mod resource;
mod time;

mod job;
mod node;
mod tenant;

mod effect;
mod event;
mod reason;
mod refusal;

mod fair;
mod fit;
mod waiting;

mod apply_jobs;
mod apply_money;
mod apply_nodes;
mod apply_requests;
mod apply_tasks;
mod plan;
mod quote;
mod state;
mod watch;

pub mod check;
pub mod ledger;

pub use effect::Effect;
pub use event::{Event, TaskReport};
pub use fit::{FitFailure, Shortfall};
pub use id::{Epoch, JobId, NodeName, RequestId, TaskRef, TenantName};
pub use job::{Attempt, Job, JobSpec, JobState, Outcome, TaskRun, Verdict, WorkKind};
pub use node::{Device, DeviceSlice, Node, NodeSpec, NodeState};
pub use plan::{Placement, Plan};
pub use quote::{Quote, QuoteLine};
pub use reason::Reason;
pub use refusal::Refusal;
pub use resource::{Amounts, MAX_DEVICES, Resources};
pub use state::{Limits, State};
pub use tenant::{AccountKind, Tenant};
pub use time::Millis;
pub use watch::{Heartbeat, Observation};
