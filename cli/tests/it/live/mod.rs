//! Every verb against a real `zhisuan up`, started once for the whole binary.

mod access;
mod demo;
mod evaluate;
mod handover;
mod jobs;
mod knowledge;
mod knowledge_desk;
mod models;
mod money;
mod nodes;
mod outputs;
mod pages;
mod questions;
mod restart;
pub(crate) mod server;
mod stopping;
mod why;
