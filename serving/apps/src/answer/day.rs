//! What a day decides: which versions may answer, and the place that the base speaks for. Nearly all
//! who ask mean today and one of few places, so it is worked out once for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::base::Base;
use super::question::agree;
use crate::kb::{State, Version};
use crate::retrieve::fold;

impl Base {
    /// Of each version its state on a day, if it may answer there for a folded place: none where it
    /// is for another place, where a later version corrects it, or where another version of its
    /// document holds instead.
    pub(super) fn states_on(&self, day: Date, place: Option<&str>) -> Arc<[Option<State>]> {
        let key = (day, place.map(str::to_owned));
        self.states.get_or(key, || {
            let versions = self.published.versions.iter().zip(&self.placed);
            let states = versions.map(|(version, own)| {
                let is_for = match (place, own) {
                    (Some(asked), Some(own)) => agree(asked, own),
                    _ => true,
                };
                (is_for && version.corrected_by.is_none()).then(|| self.state_on(version, day))?
            });
            states.collect()
        })
    }

    /// The state of a version, unless it does not hold and another one of its document does.
    fn state_on(&self, version: &Version, day: Date) -> Option<State> {
        let state = version.state_on(day);
        let another = || {
            let others = self.documents.get(&version.id.document);
            let others = others.into_iter().flatten();
            let mut others = others.filter_map(|at| self.published.versions.get(*at));
            others.any(|other| other.id != version.id && other.state_on(day).holds())
        };
        (state.holds() || !another()).then_some(state)
    }

    /// The place that questions are about which name none, folded: as the base was told, else the
    /// one that more than half of the documents name that hold on the day and name any.
    pub(crate) fn home_on(&self, day: Date) -> Option<String> {
        if self.home.is_some() {
            return self.home.clone();
        }
        let home = self.homes.get_or(day, || Arc::new(self.named_most(day)));
        Option::clone(&home)
    }

    /// The place that more than half of the documents name that hold on a day and name any.
    fn named_most(&self, day: Date) -> Option<String> {
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
        counts
            .iter()
            .find(most)
            .map(|(place, _)| (*place).to_owned())
    }

    /// Whether a place is the one that the base speaks for on a day; every place is where it speaks
    /// for none.
    pub(crate) fn is_home(&self, place: &str, day: Date) -> bool {
        let home = self.home_on(day);
        home.is_none_or(|home| agree(&fold(place), &home))
    }
}
