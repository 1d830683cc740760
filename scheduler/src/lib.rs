//! The scheduler: one actor around the pure core, a durable journal, gRPC, access and console.
//!
//! Reading order: [`start`] (the composition root in `app`), `actor` (the single owner of the
//! state), [`store`] (what is durable), `dispatch` and `sessions` (orders to workers), `api`
//! (gRPC), `access` (who may do what), `artifacts`, `logs`, `models` (side records and files),
//! `console` (pages), `words` (sentences for people).

pub mod store;

mod actor;
mod clock;
mod metrics;
mod options;
mod words;

pub use options::Options;
