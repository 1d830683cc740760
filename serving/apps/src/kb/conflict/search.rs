//! Pure: all contradictions between the texts in force of a base.
//!
//! Sentences are compared only where there is little doubt that they are about one thing: in texts
//! for the same place, and either of the same matter or each naming the matter of its own title.
//! So contradictions may be missed, and what is named as one can mostly be trusted.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::ops::Range;

use jiff::civil::Date;
use serde::Serialize;
use zhisuan_chain::sm3_hex;

use super::matter::{matter, names};
use super::near::Near;
use super::statement::Statement;
use crate::kb::passage::SectionKind;
use crate::kb::published::Published;
use crate::kb::script::{bare, is_han};
use crate::kb::state::State;
use crate::kb::version::{Version, VersionId};

/// Sections in which the only amount of a kind says the same in any words.
const ATTRIBUTES: [(SectionKind, &str, &[&str]); 4] = [
    (SectionKind::Time, "办理时限", &["工作日", "日", "小时"]),
    (SectionKind::Fee, "收费标准", &["元"]),
    (SectionKind::Standard, "标准", &["元", "%"]),
    (SectionKind::Period, "期限", &["年", "月", "日"]),
];
/// A subject of fewer Chinese characters says too little to name its matter.
const LEAST_SUBJECT: usize = 6;
/// Most characters of a sentence that name a contradiction.
const SHORT: usize = 30;

/// Texts that state different things about one matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Contradiction {
    /// The matter, for people.
    pub about: String,
    /// What each text states, ordered by version.
    pub sides: Vec<Claim>,
}

impl Contradiction {
    /// Names it as long as its texts stay as they are: a digest over its places, 16 characters.
    pub fn id(&self) -> String {
        let mut places = String::new();
        for side in &self.sides {
            // Writing to a string cannot fail.
            let _ = write!(
                places,
                "{}#{}-{},",
                side.version, side.range.start, side.range.end
            );
        }
        let digest = sm3_hex(places.as_bytes());
        digest.get(..16).unwrap_or_default().to_owned()
    }
}

/// What one text states, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Claim {
    /// The version.
    pub version: VersionId,
    /// Its title.
    pub title: String,
    /// Bytes of its sentence.
    pub range: Range<usize>,
    /// The sentence.
    pub sentence: String,
    /// The amount as it stands there.
    pub value: String,
}

/// All contradictions between texts that hold on a day, ordered by version and place.
pub fn contradictions(published: &Published, day: Date) -> Vec<Contradiction> {
    let mut places: BTreeMap<String, Vec<Stated<'_>>> = BTreeMap::new();
    for version in &published.versions {
        let head = &version.head;
        let holds = matches!(version.state_on(day), State::InForce | State::Unstated);
        if holds && !head.period.is_some_and(|period| period.is_over(day)) {
            let place = head.place.as_deref().map(bare).unwrap_or_default();
            collect(version, places.entry(place).or_default());
        }
    }
    places.values().flat_map(|all| among(all)).collect()
}

/// A sentence with what it is compared by.
pub(super) struct Stated<'a> {
    version: &'a Version,
    range: Range<usize>,
    pub(super) statement: Statement,
    /// The matter of its title.
    pub(super) matter: String,
    /// It names that matter itself, so that it may be compared with any text.
    named: bool,
    /// What it is about where it is the only one of its text to state such an amount.
    pub(super) attribute: Option<(&'static str, &'static str)>,
}

impl Stated<'_> {
    /// The amounts in which two sentences of different documents contradict each other.
    fn against<'s>(&'s self, other: &'s Self) -> Option<(&'s str, &'s str)> {
        let same_matter = !self.matter.is_empty() && self.matter == other.matter;
        let comparable = same_matter || self.named && other.named;
        if !comparable || self.version.id.document == other.version.id.document {
            return None;
        }
        let differ = self.statement.against(&other.statement, same_matter);
        differ.or_else(|| {
            let same = self.attribute.is_some() && self.attribute == other.attribute;
            let one = self.statement.amounts.first().filter(|_| same)?;
            let two = other.statement.amounts.first()?;
            let differ = same_matter && one.millionths != two.millionths;
            differ.then_some((one.words.as_str(), two.words.as_str()))
        })
    }

    fn claim(&self, value: &str) -> Claim {
        Claim {
            version: self.version.id.clone(),
            title: self.version.head.title.clone(),
            range: self.range.clone(),
            sentence: self.sentence().to_owned(),
            value: value.to_owned(),
        }
    }

    fn sentence(&self) -> &str {
        let text = self.version.text.get(self.range.clone());
        text.unwrap_or_default()
    }

    fn about(&self) -> String {
        if let Some((name, _)) = self.attribute {
            return format!("{}的{name}", self.matter);
        }
        let short: String = self.sentence().chars().take(SHORT).collect();
        format!("{}：{short}", self.version.head.title)
    }
}

fn collect<'a>(version: &'a Version, all: &mut Vec<Stated<'a>>) {
    let matter = matter(&version.head.title);
    let begin = all.len();
    for passage in &version.passages {
        for range in &passage.sentences {
            let sentence = version.text.get(range.clone()).unwrap_or_default();
            let Some(statement) = Statement::of(sentence) else {
                continue;
            };
            let attribute = ATTRIBUTES.iter().find(|(kind, _, _)| *kind == passage.kind);
            let attribute = attribute.and_then(|(_, name, units)| {
                let [amount] = statement.amounts.as_slice() else {
                    return None;
                };
                let unit = units.iter().find(|unit| **unit == amount.unit)?;
                Some((*name, *unit))
            });
            let subject = &statement.subject;
            let han = subject.chars().filter(|char| is_han(*char)).count();
            all.push(Stated {
                version,
                range: range.clone(),
                named: han >= LEAST_SUBJECT && names(subject, &matter),
                matter: matter.clone(),
                statement,
                attribute,
            });
        }
    }
    // Several amounts of one kind are for several cases, which nobody told apart.
    let own = all.get_mut(begin..).unwrap_or_default();
    let mut times: HashMap<_, usize> = HashMap::new();
    for attribute in own.iter().filter_map(|stated| stated.attribute) {
        *times.entry(attribute).or_default() += 1;
    }
    for stated in own {
        stated.attribute = stated.attribute.filter(|told| times.get(told) == Some(&1));
    }
}

/// The contradictions among sentences for one place. A sentence stands in one of them only, with
/// all that contradict it.
fn among(all: &[Stated<'_>]) -> Vec<Contradiction> {
    let mut found: Vec<(Vec<usize>, Contradiction)> = Vec::new();
    for (at, other) in Near::new(all).pairs(all) {
        let Some((one, two)) = all.get(at).zip(all.get(other)) else {
            continue;
        };
        let Some((mine, theirs)) = one.against(two) else {
            continue;
        };
        let begins = |(sides, _): &&mut (Vec<usize>, _)| sides.first() == Some(&at);
        if let Some((sides, told)) = found.iter_mut().rev().find(begins) {
            sides.push(other);
            told.sides.push(two.claim(theirs));
        } else if !found
            .iter()
            .any(|(sides, _)| sides.contains(&at) && sides.contains(&other))
        {
            let told = Contradiction {
                about: one.about(),
                sides: vec![one.claim(mine), two.claim(theirs)],
            };
            found.push((vec![at, other], told));
        }
    }
    found.into_iter().map(|(_, told)| told).collect()
}
