//! Service items: published texts that tell conditions, materials or steps, and what tells them
//! apart.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Serialize;

use crate::kb::{Published, SectionKind, Version, is_plan};
use crate::retrieve::fold;

/// What items differ by, in the order in which ties are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The situation that brings somebody here.
    Situation,
    /// The theme that the text itself names.
    Theme,
    /// What shall be done.
    Matter,
    /// For whom.
    Who,
    /// Where it applies.
    Place,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Situation,
        Self::Theme,
        Self::Matter,
        Self::Who,
        Self::Place,
    ];

    /// The name in addresses and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Situation => "situation",
            Self::Theme => "theme",
            Self::Matter => "matter",
            Self::Who => "who",
            Self::Place => "place",
        }
    }

    /// What is asked.
    pub fn question(self) -> &'static str {
        match self {
            Self::Situation => "您遇到的是哪种情况？",
            Self::Theme => "和哪个方面有关？",
            Self::Matter => "您想办成什么？",
            Self::Who => "替谁办？",
            Self::Place => "在哪里办？",
        }
    }
}

/// A service item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Name of the document that describes it.
    pub document: String,
    /// Number of its version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Issuing body; empty where the text does not say.
    pub issuer: String,
    /// Its values by feature; a feature that is missing tells nothing.
    pub values: BTreeMap<Feature, Vec<String>>,
}

impl Item {
    /// Where it applies; none where the text does not say.
    pub fn place(&self) -> Option<&str> {
        let places = self.values.get(&Feature::Place)?;
        places.first().map(String::as_str)
    }
}

struct Told {
    feature: &'static str,
    value: &'static str,
    words: Vec<&'static str>,
}

static TOLD: LazyLock<Vec<Told>> = LazyLock::new(|| {
    include_str!("features.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut parts = line.split('|');
            Some(Told {
                feature: parts.next()?,
                value: parts.next()?,
                words: parts.next()?.split_whitespace().collect(),
            })
        })
        .collect()
});

/// The service items that hold on a day, ordered by title. Pure.
pub fn items(published: &Published, day: Date) -> Vec<Item> {
    let versions = published.versions.iter();
    let mut found: Vec<Item> = versions
        .filter(|version| version.state_on(day).holds() && is_item(version))
        .map(|version| item(version))
        .collect();
    found.sort_by(|a, b| (&a.title, &a.document).cmp(&(&b.title, &b.document)));
    for feature in [Feature::Theme, Feature::Place] {
        written_alike(&mut found, feature);
    }
    found
}

/// Gives a value that texts write in either script one form: the one that most of them write, the
/// simplified one where as many write either, so that nobody must choose between 云麓市 and 雲麓市.
fn written_alike(items: &mut [Item], feature: Feature) {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let values = items.iter().filter_map(|item| item.values.get(&feature));
    for value in values.flatten() {
        let forms = counts.entry(fold(value)).or_default();
        *forms.entry(value.clone()).or_default() += 1;
    }
    let values = items.iter_mut().filter_map(|i| i.values.get_mut(&feature));
    for value in values.flatten() {
        let forms = counts.get(&fold(value)).into_iter().flatten();
        if let Some((form, _)) = forms.max_by_key(|(form, count)| (**count, fold(form) == **form)) {
            value.clone_from(form);
        }
    }
}

/// Whether a text describes something that people can have done. What a government plans to do has
/// conditions and steps too, but nobody can apply for it.
pub fn is_item(version: &Version) -> bool {
    use SectionKind::{Conditions, Materials, Process};
    let of_service = |kind| matches!(kind, Conditions | Materials | Process);
    version.head.period.is_none()
        && !is_plan(&version.head.title)
        && version
            .passages
            .iter()
            .any(|passage| of_service(passage.kind))
}

fn item(version: &Version) -> Item {
    let head = &version.head;
    let mut values: BTreeMap<Feature, Vec<String>> = BTreeMap::new();
    // The lists are written in simplified characters.
    let title = fold(&head.title);
    let conditions = fold(&text_of(version, SectionKind::Conditions));
    for feature in [Feature::Situation, Feature::Matter, Feature::Who] {
        let in_title = matching(feature, &title);
        let told = match (feature, in_title.is_empty()) {
            (Feature::Who, _) => both(in_title, matching(feature, &conditions)),
            (_, false) => in_title,
            (_, true) => matching(feature, &conditions),
        };
        if !told.is_empty() {
            values.insert(feature, told);
        }
    }
    for (feature, value) in [(Feature::Theme, &head.theme), (Feature::Place, &head.place)] {
        if let Some(value) = value {
            values.insert(feature, vec![value.clone()]);
        }
    }
    Item {
        document: version.id.document.clone(),
        version: version.id.number,
        title: head.title.clone(),
        issuer: head.issuer.clone().unwrap_or_default(),
        values,
    }
}

fn both(mut a: Vec<String>, b: Vec<String>) -> Vec<String> {
    for value in b {
        if !a.contains(&value) {
            a.push(value);
        }
    }
    a
}

fn matching(feature: Feature, text: &str) -> Vec<String> {
    TOLD.iter()
        .filter(|told| told.feature == feature.name())
        .filter(|told| told.words.iter().any(|word| text.contains(word)))
        .map(|told| told.value.to_owned())
        .collect()
}

fn text_of(version: &Version, kind: SectionKind) -> String {
    let of_kind = version
        .passages
        .iter()
        .filter(|passage| passage.kind == kind);
    of_kind
        .flat_map(|passage| &passage.sentences)
        .filter_map(|range| version.text.get(range.clone()))
        .collect()
}
