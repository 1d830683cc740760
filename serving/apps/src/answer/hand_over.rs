//! Who helps people of a place on a day.

use jiff::civil::Date;

use super::base::Base;
use super::question::agree;
use crate::kb::{HandOver, Version};
use crate::retrieve::fold;

impl Base {
    /// Where a person helps people of a place, of home unless told: as the newest text says that
    /// holds on the day and is about that place, or about none.
    pub(crate) fn hand_over(&self, day: Date, place: Option<&str>) -> Option<HandOver> {
        let place = place.map(fold).or_else(|| self.home_on(day));
        let fits = |own: &Option<String>| match (own, &place) {
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
