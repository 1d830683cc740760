//! Questions to choose from, for one that does not say what it is about: each names a matter and
//! asks what was asked, and each has an answer.

use std::collections::{BTreeMap, BTreeSet};

use super::base::Base;
use super::find::Limits;
use super::question::{Aspect, Question, agree};
use super::record::{Asked, Citation};
use crate::kb::{SectionKind, Version, is_plan, subject};
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

/// A question with the limits of what may answer it.
pub(super) struct Asking<'a> {
    pub(super) asked: &'a Asked,
    pub(super) question: &'a Question,
    pub(super) limits: &'a Limits,
}

impl Asking<'_> {
    /// A whole question about the matter of a title. The place that the asker gave beside the
    /// question is a part of it: a choice is asked alone.
    fn about(&self, title: &str, words: &str) -> String {
        let subject = subject(title);
        match &self.asked.place {
            Some(place) if !subject.contains(place.as_str()) => {
                format!("{place}：{subject}{words}")
            }
            _ => format!("{subject}{words}"),
        }
    }
}

impl Base {
    /// Questions for one that names nothing: what it asks, of matters whose texts tell it, of each
    /// theme one before a second of any.
    pub(super) fn choices(&self, ask: &Asking<'_>) -> Vec<String> {
        let limits = ask.limits;
        let versions = self.published().versions.iter();
        let holding = versions.filter(|version| {
            version.state_on(limits.day).holds() && is_of(version, limits.place.as_deref())
        });
        let holding: Vec<&Version> = holding.map(|version| &**version).collect();
        let Some((words, kind)) = wanted(ask.question) else {
            let offered = by_theme(holding).into_iter();
            let offered = offered.filter_map(|version| version.head.sample_question.clone());
            return offered.take(MOST).collect();
        };
        let tells = |version: &&Version| version.passages.iter().any(|part| part.kind == kind);
        let telling = by_theme(holding.into_iter().filter(tells).collect());
        let named = telling.into_iter().map(|version| &*version.head.title);
        let named = named.map(|title| ask.about(title, words));
        self.answered_ones(named, ask).collect()
    }

    /// Questions about the matters of some texts, asking what a question asks; the titles where
    /// that is not plain. Plans and texts that do not hold are offered only where hardly
    /// another is.
    pub(super) fn choices_of(&self, texts: &[Citation], ask: &Asking<'_>) -> Vec<String> {
        let offered = |text: &&Citation| text.state.holds() && !is_plan(&text.title);
        let offered: Vec<&Citation> = texts.iter().filter(offered).collect();
        let texts = match offered.len() {
            0 | 1 => texts.iter().collect(),
            _ => offered,
        };
        let titles = texts.iter().map(|text| &*text.title);
        let Some((words, _)) = wanted(ask.question) else {
            return titles.map(str::to_owned).collect();
        };
        let named: Vec<String> = titles.map(|title| ask.about(title, words)).collect();
        let answered: Vec<String> = self.answered_ones(named.iter().cloned(), ask).collect();
        if answered.len() > 1 { answered } else { named }
    }

    /// Those of some questions that have an answer, each once.
    fn answered_ones(
        &self,
        questions: impl Iterator<Item = String>,
        ask: &Asking<'_>,
    ) -> impl Iterator<Item = String> {
        let mut seen = BTreeSet::new();
        let once = questions.filter(move |question| seen.insert(question.clone()));
        let answered = once.take(LOOKED).filter(|question| {
            let named = self.read(question, ask.asked, false);
            self.evidence(&named, ask.limits).is_ok()
        });
        answered.take(MOST)
    }
}

/// Texts in their order, but the first of every theme before the second of any.
fn by_theme(versions: Vec<&Version>) -> Vec<&Version> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, &Version)> = Vec::new();
    for version in versions {
        let theme = version.head.theme.as_deref().map(fold).unwrap_or_default();
        let count = seen.entry(theme).or_default();
        ranked.push((*count, version));
        *count += 1;
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, version)| version).collect()
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
