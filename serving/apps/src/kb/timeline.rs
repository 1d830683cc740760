//! Pure: which version takes the place of which, and from which day on.

use std::collections::BTreeMap;

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
    /// SHA-256 of its raw file: two versions of a document that were read from the same file are
    /// one text, and the later one corrects the earlier.
    pub file: &'a str,
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
    /// Number of the version that corrects it: that one is read in its place on every day.
    pub corrected_by: Option<u32>,
}

impl Days {
    /// The state on a day of a version with this head.
    pub fn state_on(self, day: Date, head: &Head) -> State {
        if self.corrected_by.is_some() {
            return State::Superseded;
        }
        match State::on(day, head, self.replaced_from) {
            // It has no first day of its own, but before this one an earlier version holds.
            State::InForce | State::Unstated if self.replaces_from.is_some_and(|f| day < f) => {
                State::NotYet
            }
            state => state,
        }
    }
}

/// A version that no other one corrects, at its place among the texts of its document.
struct Place<'a> {
    at: usize,
    standing: &'a Standing<'a>,
    /// The first day that it can hold: as its head says, else the day on which its text was first
    /// published here.
    first: Date,
    /// The number under which its text came first.
    number: u32,
}

impl Place<'_> {
    fn is_draft(&self) -> bool {
        self.standing.head.declared == Declared::Draft
    }
}

/// The days of every version of a base, in the order given.
///
/// Versions of a document that were read from the same file are one text: the newest of them is
/// read in place of the others on every day, since its head and repairs are what people corrected.
/// Within a document the order of the texts is that of their first days, then of their numbers:
/// each takes the place of the one before it, so that on every day at most one holds. A draft takes
/// nobody's place; the first text after it takes its. A document that names another one as replaced
/// takes its place from its own first day on, if both are about the same place.
pub fn days(all: &[Standing<'_>]) -> Vec<Days> {
    let mut found = vec![Days::default(); all.len()];
    let mut places = places(all, &mut found);
    places.sort_by_key(|place| (&place.standing.id.document, place.first, place.number));
    let same =
        |one: &Place<'_>, two: &Place<'_>| one.standing.id.document == two.standing.id.document;
    for texts in places.chunk_by(same) {
        within(texts, &mut found);
    }
    between(all, &places, &mut found);
    found
}

/// The newest version of every text; the others are marked as corrected by it.
fn places<'a>(all: &'a [Standing<'a>], found: &mut [Days]) -> Vec<Place<'a>> {
    let mut texts: BTreeMap<(&str, &str), Vec<(usize, &Standing<'_>)>> = BTreeMap::new();
    for (at, standing) in all.iter().enumerate() {
        let text = (standing.id.document.as_str(), standing.file);
        texts.entry(text).or_default().push((at, standing));
    }
    let places = texts.into_values().filter_map(|versions| {
        let newest = versions.iter().max_by_key(|(_, s)| s.id.number);
        let (newest, standing) = newest.copied()?;
        for (at, _) in &versions {
            if *at != newest
                && let Some(days) = found.get_mut(*at)
            {
                days.corrected_by = Some(standing.id.number);
            }
        }
        let head = standing.head;
        let told = head.effective.or(head.published).or(head.written);
        let here = versions.iter().map(|(_, s)| s.published).min();
        let number = versions.iter().map(|(_, s)| s.id.number).min();
        Some(Place {
            at: newest,
            standing,
            first: told.or(here)?,
            number: number?,
        })
    });
    places.collect()
}

/// Texts of one document, ordered by their first days.
fn within(texts: &[Place<'_>], found: &mut [Days]) {
    for (order, text) in texts.iter().enumerate() {
        let Some(days) = found.get_mut(text.at) else {
            continue;
        };
        let next = texts.iter().skip(order + 1).find(|other| !other.is_draft());
        days.replaced_from = next.map(|next| next.first);
        let earlier = texts.iter().take(order).any(|other| !other.is_draft());
        if earlier && !text.is_draft() {
            days.replaces_from = Some(text.first);
        }
    }
}

/// Documents that name others as replaced.
fn between(all: &[Standing<'_>], places: &[Place<'_>], found: &mut [Days]) {
    for newer in places.iter().filter(|place| !place.is_draft()) {
        let Some(claim) = Claim::of(newer.standing.head) else {
            continue;
        };
        for (older, days) in all.iter().zip(found.iter_mut()) {
            let head = older.head;
            let named = claim.hits(&head.title, head.number.as_deref(), head.place.as_deref());
            if older.id.document != newer.standing.id.document && named {
                let known = days.replaced_from.get_or_insert(newer.first);
                *known = newer.first.min(*known);
            }
        }
    }
}

/// What a text says that it replaces.
pub(crate) struct Claim {
    names: Vec<String>,
    place: Option<String>,
}

impl Claim {
    /// The claim of a head; none where it replaces nothing.
    pub(crate) fn of(head: &Head) -> Option<Self> {
        let names: Vec<String> = head.supersedes.iter().map(|name| bare(name)).collect();
        (!names.is_empty()).then(|| Self {
            names,
            place: head.place.as_deref().map(bare),
        })
    }

    /// Whether it names the text of this title or number, unless that is for another place.
    pub(crate) fn hits(&self, title: &str, number: Option<&str>, place: Option<&str>) -> bool {
        let elsewhere = match (&self.place, place.map(bare)) {
            (Some(one), Some(two)) => *one != two,
            _ => false,
        };
        let known = [Some(bare(title)), number.map(bare)];
        let known = known.iter().flatten().filter(|name| !name.is_empty());
        !elsewhere && known.into_iter().any(|name| self.names.contains(name))
    }
}

impl Version {
    /// Puts a version at its place in time.
    pub(crate) fn stands(&mut self, days: Days) {
        self.replaces_from = days.replaces_from;
        self.replaced_from = days.replaced_from;
        self.corrected_by = days.corrected_by;
    }

    /// Its place in time.
    pub(crate) fn days(&self) -> Days {
        Days {
            replaces_from: self.replaces_from,
            replaced_from: self.replaced_from,
            corrected_by: self.corrected_by,
        }
    }
}
