//! What is said to a question: routes first, then the evidence, its parts, its contradictions.

use super::ask::check;
use super::base::Base;
use super::choices::Asking;
use super::compose::{Said, WHICH_PLACE, reason, version_of};
use super::evidence::Gap;
use super::find::{Limits, share_of_title};
use super::gather::Found;
use super::head;
use super::help::Help;
use super::question::{self, Named, Question, Route};
use super::record::{Asked, Citation, Outcome, Sentence};
use crate::retrieve::{fold, mended};

/// What one question, or a part of one, comes to.
type Evidence = Result<Found, (Gap, Vec<Citation>)>;

/// Passages among which a document that a question names by its title is looked for.
const NAMED: usize = 40;
/// Share of a question's matter that such a title has.
const NAMED_SHARE: f64 = 0.6;

impl Base {
    /// What is said, and the day for which it is said.
    pub(super) fn said(&self, asked: &Asked, help: &Help) -> (Said, jiff::civil::Date) {
        if let Err(bad) = check(asked) {
            return (Said::refused(&bad.message), asked.as_of);
        }
        let mut question = self.read(&asked.question, asked, false);
        let mut attacked = false;
        if let Some(rest) = question::without_attack(&question.folded) {
            attacked = true;
            question = self.read(&rest, asked, false);
        }
        let day = question.as_of.unwrap_or(asked.as_of);
        let has_matter = !question.matters.is_empty();
        let routed = question::route(&question.folded, has_matter);
        // Rain is chatter unless a text says what may not stand in it.
        let chatter = routed == Some(Route::Chatter);
        match routed {
            Some(route) if !chatter => return (Said::routed(route), day),
            None if attacked && (!has_matter || question.folded.chars().count() < 5) => {
                return (Said::routed(Route::Attack), day);
            }
            _ => {}
        }
        let mut said = self.answered(asked, &question, help);
        if said.sentences.is_empty() && said.reason != "other_place" {
            let mended = self.read(&question.folded, asked, true);
            // A reading that was guessed sends nobody away.
            let routed = question::route(&mended.folded, has_matter)
                .filter(|route| !matches!(route, Route::Chatter | Route::Greeting));
            if mended.folded != question.folded {
                let again = match routed {
                    Some(route) => Said::routed(route),
                    None => self.answered(asked, &mended, help),
                };
                if again.outcome != Outcome::NoEvidence && again.outcome != Outcome::Partial {
                    said = again;
                }
            }
        }
        if chatter && said.sentences.is_empty() {
            return (Said::routed(Route::Chatter), day);
        }
        if attacked && said.sentences.is_empty() {
            return (Said::routed(Route::Attack), day);
        }
        if let Some(theme) = self.closed_theme(&said) {
            return (Said::closed(theme), day);
        }
        if said.reason == WHICH_PLACE {
            // A choice is the whole question to ask.
            for place in &mut said.choices {
                *place = format!("{place}：{}", asked.question);
            }
        }
        (said, day)
    }

    /// The theme of a source of what is to be said, if it is switched off.
    fn closed_theme(&self, said: &Said) -> Option<&str> {
        let sides = said.conflicts.iter().flat_map(|one| &one.sides);
        let cited = said.sentences.iter().flat_map(|said| &said.citations);
        let mut cited = cited.chain(sides.map(|side| &side.citation));
        cited.find_map(|citation| {
            let version = version_of(&self.published, citation)?;
            let theme = version.head.theme.as_deref()?;
            self.published.is_closed(theme).then_some(theme)
        })
    }

    /// Takes a question apart with the words of this base, its typing errors mended or not.
    pub(super) fn read(&self, text: &str, asked: &Asked, mend: bool) -> Question {
        if !mend {
            return question::read(&fold(text), asked.as_of, &self.synonyms);
        }
        let mut known = |pair: &str| {
            if question::own_pairs().contains(pair) || self.synonyms.has_pair(pair) {
                1
            } else {
                self.index.found_in(pair).max(self.bank.found_in(pair))
            }
        };
        let mended = mended(&fold(text), &mut known);
        question::read(&mended, asked.as_of, &self.synonyms)
    }

    /// The limits of a question, or the place elsewhere that it asks about.
    pub(super) fn limits(
        &self,
        asked: &Asked,
        question: &Question,
        help: Help,
    ) -> Result<Limits, String> {
        let mut in_texts = |words: &str| {
            let parts = crate::retrieve::terms(words);
            let mut pairs = parts
                .iter()
                .filter(|term| term.text.chars().nth(1).is_some());
            pairs.all(|term| self.index.found_in(term.text) > 0)
        };
        let named = question::named(&question.folded, &self.places, &mut in_texts);
        if let Some(Named::Elsewhere(place)) = named {
            return Err(place);
        }
        Ok(self.limits_of(asked, question, named.as_ref(), help))
    }

    fn answered(&self, asked: &Asked, question: &Question, help: &Help) -> Said {
        let limits = match self.limits(asked, question, help.clone()) {
            Ok(limits) => limits,
            Err(place) => return Said::elsewhere(&place),
        };
        if head::is_asked(question)
            && let Some(said) = self.of_head(question, &limits)
        {
            return said;
        }
        let ask = Asking {
            asked,
            question,
            limits: &limits,
        };
        let whole = self.evidence(question, &limits);
        let parts = question::clauses(&question.folded);
        // One sentence that has every word asked about may still tell only one of two things.
        let parts: Vec<Question> = parts
            .iter()
            .map(|part| self.read(part, asked, false))
            .collect();
        let parts = filled_in(parts);
        if let Ok(found) = &whole
            && found.whole
            && !ask_different_things(&parts.iter().collect::<Vec<_>>())
        {
            return self.finished(whole, &ask);
        }
        if parts.len() < 2 {
            return match whole {
                Err((Gap::NoMatter, _)) => Said::unclear(self.choices(&ask)),
                other => self.finished(other, &ask),
            };
        }
        self.answered_in_parts(&ask, &parts, whole)
    }

    /// A question of several parts, each answered alone or with the matter of the first.
    fn answered_in_parts(&self, ask: &Asking<'_>, parts: &[Question], whole: Evidence) -> Said {
        let limits = ask.limits;
        let asks = |part: &&Question| !part.aspects.is_empty() || is_yes_no(&part.folded);
        let mut asking: Vec<&Question> = parts.iter().filter(asks).collect();
        // What is asked may be of the matter that an earlier part names, even one that asks nothing.
        let named = parts.iter().position(|part| !part.matters.is_empty());
        let Some(named) = named.and_then(|at| parts.get(at..)) else {
            return self.finished(whole, ask);
        };
        asking.retain(|part| named.iter().any(|later| later == *part));
        // The other clauses of a question that asks once are its story: it is judged as a whole.
        let Some(head) = named.first().filter(|_| asking.len() > 1) else {
            return self.finished(whole, ask);
        };
        if whole.is_ok() && !asking.contains(&head) && !ask_different_things(&asking) {
            return self.finished(whole, ask);
        }
        let mut answers: Vec<Evidence> = Vec::new();
        for part in &asking {
            let with_head = || {
                let first = answers.first().and_then(|first| first.as_ref().ok());
                self.with_matter_of(head, first, part, ask)
            };
            let answer = match *part == head {
                false if part.is_thin() => with_head(),
                is_head => match self.evidence(part, limits) {
                    Err(_) if !is_head => with_head(),
                    alone => alone,
                },
            };
            answers.push(answer);
        }
        let passed = answers.iter().filter(|answer| answer.is_ok()).count();
        if passed == 0 {
            return self.finished(whole, ask);
        }
        let missing: Vec<&str> = asking
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_err())
            .map(|(part, _)| part.folded.as_str())
            .collect();
        let found = merged(answers.into_iter().filter_map(Result::ok));
        let mut said = self.finished(Ok(found), ask);
        said.lacks(&missing);
        said
    }

    /// The evidence for a later part of a question with the matter of the first, read as one
    /// clause that asks what the later part asks. Words of the first that no table has may belong
    /// to what only it asks: without them, the text that answered the first may answer.
    fn with_matter_of(
        &self,
        first: &Question,
        answered: Option<&Found>,
        part: &Question,
        ask: &Asking<'_>,
    ) -> Evidence {
        let joined = |matter: &str| Question {
            aspects: part.aspects.clone(),
            measure: part.measure,
            ..self.read(&format!("{matter}{}", part.folded), ask.asked, false)
        };
        let words = first.matters.iter().filter(|matter| matter.word);
        let words: String = words
            .filter_map(|matter| Some(matter.ways.first()?.as_str()))
            .collect();
        let by_words = || self.evidence(&joined(&words), ask.limits);
        // What is like the first part would be answered as that was.
        if part.is_thin()
            && !words.is_empty()
            && let Ok(found) = by_words()
        {
            return Ok(found);
        }
        let whole = self.evidence(&joined(&first.folded), ask.limits);
        let (Err(_), Some(answered)) = (&whole, answered) else {
            return whole;
        };
        match by_words() {
            Ok(found) if of_one_text(&found, answered) => Ok(found),
            _ => whole,
        }
    }

    /// What the evidence comes to.
    fn finished(&self, found: Evidence, ask: &Asking<'_>) -> Said {
        let day = ask.limits.day;
        match found {
            Ok(found) if !found.conflicts.is_empty() => {
                Said::contradicted(found.sentences, found.conflicts, day)
            }
            Ok(found) => Said::answered(found.sentences, day),
            Err((gap, nearest)) => match gap {
                Gap::Ambiguous => Said::unclear(self.choices_of(&nearest, ask)),
                Gap::Places => {
                    Said::which_place(nearest.into_iter().filter_map(|text| text.place).collect())
                }
                _ => Said::nothing(reason(gap), nearest),
            },
        }
    }

    /// What the head of a document says of it, when the question names the document.
    fn of_head(&self, question: &Question, limits: &Limits) -> Option<Said> {
        let meaning = self.meaning(question, limits);
        let alike = self.alike(question, limits, meaning.as_ref());
        let found = self.ranked(question, limits, meaning.as_ref(), &alike);
        let named = head::without_status(&question.folded);
        let named = named.map(|text| question::read(&text, limits.day, &self.synonyms));
        // `按规定旧证作废了，怎么补办` asks something else.
        if named.as_ref().is_some_and(|rest| !rest.aspects.is_empty()) {
            return None;
        }
        let naming = named.as_ref().unwrap_or(question);
        let named = found.iter().take(NAMED).filter_map(|found| {
            let version = self.published.versions.get(found.version)?;
            let share = share_of_title(naming, version);
            (share >= NAMED_SHARE).then_some((share, version))
        });
        // Of equal ones the one that was found first.
        let best = named.reduce(|best, one| if one.0 > best.0 { one } else { best });
        let (_, version) = best?;
        let range = head::line(question, version)?;
        let citation = Citation::of(version, &[], range, limits.day);
        citation.verify(&version.text).ok()?;
        let sentence = Sentence {
            text: citation.quote.clone(),
            section: String::new(),
            citations: vec![citation],
        };
        Some(Said::answered(vec![sentence], limits.day))
    }
}

/// Whether two parts are answered by the same text.
fn of_one_text(one: &Found, other: &Found) -> bool {
    let cited = |found: &Found| {
        let first = found.sentences.first()?;
        let citation = first.citations.first()?;
        Some((citation.document.clone(), citation.version))
    };
    cited(one).is_some() && cited(one) == cited(other)
}

/// The parts of a question where one such as `身份证呢` asks of another matter what the part before
/// it asks.
fn filled_in(mut parts: Vec<Question>) -> Vec<Question> {
    for at in 1..parts.len() {
        if let Some([before, part]) = parts.get_mut(at - 1..=at)
            && part.folded.ends_with('呢')
            && part.aspects.is_empty()
        {
            part.aspects.clone_from(&before.aspects);
            part.measure = before.measure;
        }
    }
    parts
}

/// Whether two parts of a question ask for different kinds of answer, such as when and where, or the
/// same of another matter.
fn ask_different_things(parts: &[&Question]) -> bool {
    let again = |part: &&Question| part.folded.ends_with('呢') && !part.is_thin();
    if parts.iter().skip(1).any(again) {
        return true;
    }
    let mut asked = parts.iter().filter_map(|part| part.aspects.first());
    let first = asked.next();
    asked.any(|other| Some(other) != first)
}

/// Whether a folded clause asks for yes or no.
fn is_yes_no(folded: &str) -> bool {
    let marks = [
        "吗",
        "能不能",
        "有没有",
        "可不可以",
        "行不行",
        "是不是",
        "要不要",
        "让不让",
        "是否",
    ];
    marks.iter().any(|mark| folded.contains(mark)) || folded.ends_with(['不', '没'])
}

fn merged(answers: impl Iterator<Item = Found>) -> Found {
    let mut all = Found {
        sentences: Vec::new(),
        conflicts: Vec::new(),
        whole: true,
    };
    for answer in answers {
        for sentence in answer.sentences {
            if !all.sentences.contains(&sentence) {
                all.sentences.push(sentence);
            }
        }
        all.conflicts.extend(answer.conflicts);
    }
    all
}
