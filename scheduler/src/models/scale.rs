//! How many replicas a deployment between a floor and a ceiling should have. Pure.

use super::error::ModelError;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use zhisuan_proto::v1;

/// Requests that a replica runs together when nothing names a number: the worker's default.
const DEFAULT_TARGET: u32 = 8;
const DEFAULT_IDLE_S: u32 = 300;
const MAX_TARGET: u32 = 10_000;
const MAX_IDLE_S: u32 = 7 * 24 * 3600;

/// Bounds, and how demand becomes replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// Fewest replicas; 0 lets the last one go.
    pub(crate) floor: u32,
    /// Most replicas, at least 1.
    pub(crate) ceiling: u32,
    /// Requests under way that one replica is meant for, at least 1.
    pub(crate) target: u32,
    /// How long less demand must last before a replica goes.
    pub(crate) idle_ms: i64,
}

impl Rule {
    /// Checks what was asked for; `batch` is what a replica runs together (0: the default).
    pub(crate) fn of(wire: v1::Autoscale, batch: u32, most: u32) -> Result<Self, ModelError> {
        let refuse = |field: &str, value: u32, accepted: String| {
            let field = format!("autoscale.{field}");
            Err(ModelError::field(
                field,
                &value.to_string(),
                &accepted,
                &accepted,
            ))
        };
        if wire.ceiling == 0 || wire.ceiling > most {
            return refuse("ceiling", wire.ceiling, format!("1 to {most}"));
        }
        if wire.floor > wire.ceiling {
            return refuse("floor", wire.floor, format!("0 to {}", wire.ceiling));
        }
        if wire.target_inflight > MAX_TARGET {
            let accepted = format!("0 to {MAX_TARGET}");
            return refuse("target_inflight", wire.target_inflight, accepted);
        }
        if wire.idle_s > MAX_IDLE_S {
            return refuse("idle_s", wire.idle_s, format!("0 to {MAX_IDLE_S}"));
        }
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        Ok(Self {
            floor: wire.floor,
            ceiling: wire.ceiling,
            target: or(wire.target_inflight, or(batch, DEFAULT_TARGET)).min(MAX_TARGET),
            idle_ms: i64::from(or(wire.idle_s, DEFAULT_IDLE_S)) * 1000,
        })
    }

    pub(crate) fn to_proto(self) -> v1::Autoscale {
        v1::Autoscale {
            floor: self.floor,
            ceiling: self.ceiling,
            target_inflight: self.target,
            idle_s: u32::try_from(self.idle_ms / 1000).unwrap_or(MAX_IDLE_S),
        }
    }

    /// Replicas for so many requests under way, within the bounds; one request is worth a replica.
    pub(crate) fn need(self, inflight: u64) -> u32 {
        let replicas = inflight.div_ceil(u64::from(self.target.max(1)));
        let replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
        replicas.clamp(self.floor, self.ceiling)
    }
}

/// The most that was needed lately: each entry says how many replicas were last needed when.
/// Needs fall and times rise towards the back, so it never holds more entries than the ceiling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History(VecDeque<(i64, u32)>);

impl History {
    /// What is known after a start: what runs counts as needed until now.
    pub(crate) fn starting(replicas: u32, now_ms: i64) -> Self {
        Self(VecDeque::from([(now_ms, replicas)]))
    }

    /// Takes a need in. Smaller and older ones say nothing any more.
    fn note(&mut self, need: u32, now_ms: i64) {
        while self.0.back().is_some_and(|(_, known)| *known <= need) {
            self.0.pop_back();
        }
        self.0.push_back((now_ms, need));
    }

    fn forget(&mut self, before_ms: i64) {
        while self.0.len() > 1 && self.0.front().is_some_and(|(at, _)| *at <= before_ms) {
            self.0.pop_front();
        }
    }
}

/// What is seen of a deployment now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Requests that run or wait, at all gateways together.
    pub(crate) inflight: u64,
    /// Replicas that have a place and load their model.
    pub(crate) loading: u32,
}

/// How many replicas there should be: up at once, down when less was enough for the idle time.
/// A replica that loads counts as needed: giving it up before it answered would help nobody.
pub(crate) fn scale(rule: Rule, history: &mut History, seen: Seen, now_ms: i64) -> u32 {
    let need = rule.need(seen.inflight);
    let loading = seen.loading.min(1).min(rule.ceiling);
    history.note(need.max(loading), now_ms);
    history.forget(now_ms.saturating_sub(rule.idle_ms));
    let most = history.0.front().map_or(need, |(_, most)| *most);
    most.clamp(rule.floor, rule.ceiling)
}
