//! The scheduler: one actor around the pure core, a durable journal, gRPC, access and console.
//!
//! Reading order: [`start`] (the composition root in `app`, with `open` and `rooms`), `actor` (the single owner of the
//! state), [`store`] (what is durable), `dispatch` and `sessions` (orders to workers), `api`
//! (gRPC), `replicas` (jobs that serve), `tenants`, `access` (who may do what), `artifacts`, `logs`, `models` (side records and files),
//! `console` (pages), `words` (sentences for people).

pub mod store;
mod sweep;

mod access;
mod actor;
mod api;
mod app;
mod artifacts;
mod clock;
mod console;
mod defaults;
mod dispatch;
mod error;
mod live;
mod logs;
mod metrics;
mod models;
mod open;
mod options;
mod ports;
mod private;
mod replica_metrics;
mod replicas;
mod rooms;
mod secret;
mod serve;
mod sessions;
mod tenants;
mod words;

pub use access::Role;
pub use app::{Handle, start};
pub use error::Error;
pub use models::built_in;
pub use options::Options;
pub use private::{NotPrivate, private_folder};
