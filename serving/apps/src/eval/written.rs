//! Measuring answers in a model's words: how many stand, what is dropped, what leaves unchecked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde::Serialize;
use tokio::runtime::Handle;

use super::case::Case;
use super::score::{EVIDENCE_AT, holds};
use crate::answer::{Answer, Asked, Base, Drafts, Maker, Sentence, Writer, generate, still_stands};

/// What came of a writing model over many questions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct WrittenReport {
    /// Questions that have an answer in the base, and got one.
    pub questions: usize,
    /// Of them: short enough, and no table, so that the model was asked.
    pub asked: usize,
    /// Of the asked: at least one sentence stood the check.
    pub verified: usize,
    /// Of the asked: answered in the model's words; all others in those of the texts.
    pub generated: usize,
    /// Of the generated: the answer's sentences hold all gold facts.
    pub facts: usize,
    /// Of the generated: the sentences that are not as in the texts alone hold them.
    pub facts_own: usize,
    /// Of the same questions: the extractive answer's sentences hold them.
    pub facts_extract: usize,
    /// Sentences that stood the check.
    pub kept: usize,
    /// Sentences that did not, by the code of the reason.
    pub dropped: BTreeMap<String, usize>,
    /// Sentences told in streams.
    pub streamed: usize,
    /// Of them: those that do not stand the check when it is made again, or that the answer lacks.
    pub unverified_streamed: usize,
    /// Times that the model failed or took too long.
    pub faults: usize,
    /// Time of each question that the model was asked, in milliseconds, ascending.
    pub millis: Vec<u64>,
}

/// Asks about all `cases` that have an answer, and adds them to a report; `seen` gets each with the
/// extract, what was told and what came of the model's text. Blocks; not for async threads.
pub fn run_written(
    base: &Base,
    cases: &[Case],
    day: Date,
    (writer, patience, runtime): (&dyn Writer, Duration, &Handle),
    report: &mut WrittenReport,
    seen: &mut (dyn FnMut(&Case, &Answer, &Answer, &Drafts) + Send),
) {
    for case in cases.iter().filter(|case| !case.facts.is_empty()) {
        let asked = Asked {
            question: case.question.clone(),
            as_of: case.as_of.unwrap_or(day),
            place: case.place.clone(),
            top_k: EVIDENCE_AT,
        };
        let extract = base.answer(&asked);
        if extract.sentences.is_empty() {
            continue;
        }
        let mut streamed: Option<Answer> = None;
        let begun = Instant::now();
        let mut tell = |draft: &Answer| streamed = Some(draft.clone());
        let written = generate(base, extract.clone(), writer, patience, &mut tell);
        let made = runtime.block_on(written);
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        report.add(&made.drafts, millis);
        let told = streamed.as_ref().map_or(0, |draft| draft.sentences.len());
        report.streamed += told;
        if let Some(draft) = &streamed
            && !(still_stands(base, &extract, &made.answer)
                && made.answer.sentences.starts_with(&draft.sentences))
        {
            report.unverified_streamed += told;
        }
        if made.answer.made_by != Maker::Extract {
            let quoted = &extract.sentences;
            let told = |all: &[Sentence], own: bool| {
                let said = all.iter().filter(|said| !own || !quoted.contains(said));
                let texts: Vec<&str> = said.map(|said| said.text.as_str()).collect();
                usize::from(holds(&texts.concat(), &case.facts))
            };
            report.generated += 1;
            report.facts += told(&made.answer.sentences, false);
            report.facts_own += told(&made.answer.sentences, true);
            report.facts_extract += told(quoted, false);
        }
        seen(case, &extract, &made.answer, &made.drafts);
    }
}

impl WrittenReport {
    fn add(&mut self, drafts: &Drafts, millis: u64) {
        self.questions += 1;
        if !drafts.asked {
            return;
        }
        self.asked += 1;
        self.verified += usize::from(drafts.verified > 0);
        self.kept += drafts.verified;
        self.faults += usize::from(drafts.fault.is_some());
        for dropped in &drafts.dropped {
            *self.dropped.entry(dropped.code.to_owned()).or_default() += 1;
        }
        let at = self.millis.partition_point(|known| *known < millis);
        self.millis.insert(at, millis);
    }

    /// The figures as lines for people.
    pub fn lines(&self) -> Vec<String> {
        let share = |part: usize, whole: usize| {
            let of = part as f64 / whole.max(1) as f64;
            format!("{of:.3}（{part}/{whole}）")
        };
        let dropped: usize = self.dropped.values().sum();
        let reasons: Vec<String> = self
            .dropped
            .iter()
            .map(|(code, count)| format!("{code} {count}"))
            .collect();
        let middle = self.millis.get(self.millis.len() / 2).copied().unwrap_or(0);
        vec![
            format!(
                "有答案的题 {}，其中交给模型改写 {}",
                self.questions, self.asked
            ),
            format!("至少一句核对通过 {}", share(self.verified, self.asked)),
            format!("以模型的话回答 {}", share(self.generated, self.asked)),
            format!(
                "其中答出事实 {}，单看换了写法的句子 {}，同题摘录 {}",
                share(self.facts, self.generated),
                share(self.facts_own, self.generated),
                share(self.facts_extract, self.generated)
            ),
            format!(
                "句子：通过 {}，丢弃 {dropped}（{}）",
                self.kept,
                reasons.join("，")
            ),
            format!(
                "流出 {} 句，其中未经核对 {}；模型出错或超时 {} 次；用时中位 {middle} 毫秒",
                self.streamed, self.unverified_streamed, self.faults
            ),
        ]
    }
}
