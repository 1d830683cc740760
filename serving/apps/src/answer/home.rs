//! The place that a base speaks for, and who helps there on a day.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::base::Base;
use super::question::agree;
use crate::kb::{HandOver, Version};
use crate::retrieve::fold;

impl Base {
    /// The place that questions are about which name none, folded: as the base was told, else the
    /// one that more than half of the documents name that hold on the day and name any.
    pub(crate) fn home_on(&self, day: Date) -> Option<&str> {
        if let Some(home) = &self.home {
            return Some(home);
        }
        let mut named: BTreeMap<&str, &str> = BTreeMap::new();
        for (version, place) in self.published.versions.iter().zip(&self.placed) {
            if let (Some(place), true) = (place, version.state_on(day).holds()) {
                named.insert(&version.id.document, place);
            }
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for place in named.values() {
            *counts.entry(place).or_default() += 1;
        }
        let most = |(_, count): &(&&str, &usize)| **count * 2 > named.len();
        counts.iter().find(most).map(|(place, _)| *place)
    }

    /// Whether a place is the one that the base speaks for on a day; every place is where it speaks
    /// for none.
    pub(crate) fn is_home(&self, place: &str, day: Date) -> bool {
        let home = self.home_on(day);
        home.is_none_or(|home| agree(&fold(place), home))
    }

    /// Where a person helps people of a place, of home unless told: as the newest text says that
    /// holds on the day and is about that place, or about none.
    pub(crate) fn hand_over(&self, day: Date, place: Option<&str>) -> Option<HandOver> {
        let asked = place.map(fold);
        let place = asked.as_deref().or_else(|| self.home_on(day));
        let fits = |own: &Option<String>| match (own, place) {
            (Some(own), Some(place)) => agree(own, place),
            (own, _) => own.is_none(),
        };
        let versions = self.published.versions.iter().zip(&self.placed);
        let fitting = versions.filter(|(version, own)| {
            version.head.hand_over.is_some() && fits(own) && version.state_on(day).holds()
        });
        let newest = fitting.max_by_key(|(version, own)| (own.is_some(), began(version)));
        newest.and_then(|(version, _)| version.head.hand_over.clone())
    }
}

/// What orders texts by their age: their first day as the head says it, then their publication.
fn began(version: &Version) -> (Option<Date>, i64, u32) {
    let head = &version.head;
    let first = head.effective.or(head.published).or(head.written);
    (first, version.published_ms, version.id.number)
}
