//! Page kit shared by the operator console and the applications.
//!
//! Pages are complete without scripts, ask no other origin for anything, and run on Chromium 80.
//! A page is built with [`Page`], filled with [`parts`] and [`chart`], and returned from an axum
//! handler as it is; a crate that uses [`html`] also names `maud` in its own dependencies.
//! A listener merges [`assets::router`] exactly once and wraps everything with
//! [`headers::protect`].

pub mod assets;
pub mod chart;
pub mod cookie;
pub mod headers;
mod page;
pub mod parts;
mod table;

pub use maud::{Markup, PreEscaped, Render, html};
pub use page::Page;
pub use table::Table;
