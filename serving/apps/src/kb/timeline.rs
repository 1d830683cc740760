//! Pure: which version takes the place of which, and from which day on.

use jiff::civil::Date;

use super::head::{Declared, Head};
use super::script::bare;
use super::state::State;
use super::version::{Version, VersionId};

/// A published version, as far as its place in time goes.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// Which it is.
    pub id: &'a VersionId,
    /// What it says of itself.
    pub head: &'a Head,
    /// The day on which it was published in the base.
    pub published: Date,
}

/// The days of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days {
    /// First day on which it takes the place of an earlier version; none where there is none.
    pub replaces_from: Option<Date>,
    /// First day on which another version or document takes its place.
    pub replaced_from: Option<Date>,
}

impl Days {
    /// The state on a day of a version with this head.
    pub fn state_on(self, day: Date, head: &Head) -> State {
        match State::on(day, head, self.replaced_from) {
            // It has no first day of its own, but before this one an earlier version holds.
            State::InForce | State::Unstated if self.replaces_from.is_some_and(|f| day < f) => {
                State::NotYet
            }
            state => state,
        }
    }
}

impl Standing<'_> {
    /// The first day that it can hold: as its head says, else the day it was published here.
    fn first(&self) -> Date {
        let head = self.head;
        let told = head.effective.or(head.published).or(head.written);
        told.unwrap_or(self.published)
    }

    fn is_draft(&self) -> bool {
        self.head.declared == Declared::Draft
    }
}

/// The days of every version of a base, in the order given.
///
/// Within a document the order is that of the first days, then of the numbers: each version takes
/// the place of the one before it, so that on every day at most one holds. A draft takes nobody's
/// place; the first version after it takes its. A document that names another one as replaced takes
/// its place from its own first day on, if both are about the same place.
pub fn days(all: &[Standing<'_>]) -> Vec<Days> {
    let mut found = vec![Days::default(); all.len()];
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&at| {
        all.get(at)
            .map(|s| (&s.id.document, s.first(), s.id.number))
    });
    let same = |&one: &usize, &two: &usize| {
        let document = |at: usize| all.get(at).map(|s| &s.id.document);
        document(one) == document(two)
    };
    for versions in order.chunk_by(same) {
        within(all, versions, &mut found);
    }
    between(all, &mut found);
    found
}

/// Versions of one document, ordered by their first days.
fn within(all: &[Standing<'_>], versions: &[usize], found: &mut [Days]) {
    for (place, &at) in versions.iter().enumerate() {
        let (Some(standing), Some(days)) = (all.get(at), found.get_mut(at)) else {
            continue;
        };
        let law = |&&other: &&usize| all.get(other).is_some_and(|s| !s.is_draft());
        let next = versions.iter().skip(place + 1).find(law);
        let next = next.and_then(|&other| all.get(other));
        days.replaced_from = next.map(Standing::first);
        let earlier = versions.iter().take(place).any(|other| law(&other));
        if earlier && !standing.is_draft() {
            days.replaces_from = Some(standing.first());
        }
    }
}

/// Documents that name others as replaced.
fn between(all: &[Standing<'_>], found: &mut [Days]) {
    for newer in all {
        if newer.is_draft() || newer.head.supersedes.is_empty() {
            continue;
        }
        let names: Vec<String> = newer
            .head
            .supersedes
            .iter()
            .map(|name| bare(name))
            .collect();
        for (older, days) in all.iter().zip(found.iter_mut()) {
            if older.id.document != newer.id.document && names_it(&names, newer.head, older.head) {
                let from = newer.first();
                let known = days.replaced_from.get_or_insert(from);
                *known = from.min(*known);
            }
        }
    }
}

fn names_it(names: &[String], newer: &Head, older: &Head) -> bool {
    let elsewhere = match (&newer.place, &older.place) {
        (Some(one), Some(two)) => bare(one) != bare(two),
        _ => false,
    };
    let number = older.number.as_deref().map(bare);
    let title = bare(&older.title);
    let is_named = |name: &String| {
        !name.is_empty() && (*name == title || number.as_ref().is_some_and(|number| name == number))
    };
    !elsewhere && names.iter().any(is_named)
}

impl Version {
    /// Puts a version at its place in time.
    pub(crate) fn stands(&mut self, days: Days) {
        self.replaces_from = days.replaces_from;
        self.replaced_from = days.replaced_from;
    }
}
