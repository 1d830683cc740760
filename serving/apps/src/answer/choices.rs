//! Questions to choose from, for one that does not say what it is about: each names a matter and
//! asks what was asked, and each has an answer.

use super::base::Base;
use super::find::Limits;
use super::question::{Aspect, Question, agree};
use super::record::Asked;
use crate::kb::{SectionKind, Version, matter};
use crate::retrieve::fold;

/// Most choices that are offered.
const MOST: usize = 6;
/// Texts whose answers are looked for: each look costs as much as an answer.
const LOOKED: usize = 12;

/// How a kind of answer is asked for, and under which headings it stands.
const ASKED: [(Aspect, &str, SectionKind); 12] = [
    (Aspect::Fee, "要多少钱", SectionKind::Fee),
    (Aspect::Time, "多久能办好", SectionKind::Time),
    (Aspect::Phone, "咨询电话是多少", SectionKind::Phone),
    (Aspect::Place, "在哪里办", SectionKind::Place),
    (Aspect::Hours, "几点上班", SectionKind::Place),
    (Aspect::Materials, "要带什么材料", SectionKind::Materials),
    (Aspect::Legal, "依据是什么", SectionKind::Legal),
    (Aspect::Conditions, "要什么条件", SectionKind::Conditions),
    (Aspect::Process, "怎么办理", SectionKind::Process),
    (Aspect::Quantity, "标准是多少", SectionKind::Standard),
    (Aspect::Duration, "有效期多久", SectionKind::Period),
    (Aspect::Body, "由哪个部门负责", SectionKind::Responsible),
];

impl Base {
    /// Questions for one that names nothing: what it asks, of the matters whose texts tell it.
    pub(super) fn choices(
        &self,
        asked: &Asked,
        question: &Question,
        limits: &Limits,
    ) -> Vec<String> {
        let holding = self.published().versions.iter().filter(|version| {
            version.state_on(limits.day).holds() && is_of(version, limits.place.as_deref())
        });
        let Some((words, kind)) = wanted(question) else {
            let offered = holding.filter_map(|version| version.head.sample_question.clone());
            return offered.take(MOST).collect();
        };
        let telling = holding.filter(|v| v.passages.iter().any(|passage| passage.kind == kind));
        let mut found: Vec<String> = Vec::new();
        for version in telling.take(LOOKED) {
            let choice = format!("{}{words}", matter(&version.head.title));
            let named = self.read(&choice, asked, false);
            if self.evidence(&named, limits).is_ok() && !found.contains(&choice) {
                found.push(choice);
            }
            if found.len() == MOST {
                break;
            }
        }
        found
    }
}

/// A question about the matter of a title, asking what a question asks; the title alone where that
/// is not plain.
pub(super) fn of_title(title: &str, question: &Question) -> String {
    match wanted(question) {
        Some((words, _)) => format!("{}{words}", matter(title)),
        None => title.to_owned(),
    }
}

fn wanted(question: &Question) -> Option<(&'static str, SectionKind)> {
    let mut aspects = question.aspects.iter();
    aspects.find_map(|aspect| {
        let row = ASKED.iter().find(|(known, ..)| known == aspect)?;
        Some((row.1, row.2))
    })
}

/// Whether a text is about a place, or says of none.
fn is_of(version: &Version, place: Option<&str>) -> bool {
    match (version.head.place.as_deref(), place) {
        (Some(own), Some(place)) => agree(&fold(own), place),
        _ => true,
    }
}
