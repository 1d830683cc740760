//! Government applications on the platform.
//!
//! [`kb`] holds the governed texts, [`retrieve`] finds passages in them, and [`answer`] says what
//! they say: every sentence is a byte range of a text, or checked against one, or it is not said.
//! [`eval`] measures that. [`pages`] and [`service`] show it to people and programs, [`guide`] and
//! [`hotline`] build on it; [`audit`] is its log, [`staff`] who may change it.

pub mod answer;
pub mod audit;
mod calendar;
pub mod eval;
#[doc(hidden)]
pub mod fuzz;
pub mod guide;
pub mod hotline;
pub mod kb;
pub mod pages;
pub mod retrieve;
pub mod service;
pub mod staff;
