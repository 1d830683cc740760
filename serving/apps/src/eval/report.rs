//! Scores of many questions in one table, by type and by style.

use std::collections::BTreeMap;

use serde::Serialize;

use super::case::Case;
use super::score::Score;

/// Sums over the questions of one row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// Questions.
    pub questions: usize,
    /// Questions with an answer in the base.
    pub answerable: usize,
    /// Of them: evidence among the best passages.
    pub evidence: usize,
    /// Of them: all gold facts in the answer.
    pub facts: usize,
    /// Of them: refused all the same.
    pub false_refusals: usize,
    /// Questions whose answer only seems to be in the base.
    pub near_misses: usize,
    /// Of them: refused.
    pub refused: usize,
    /// Questions that ended as they must.
    pub outcomes: usize,
    /// Answers from a text of another place.
    pub wrong_place: usize,
    /// What drafts say, or texts that do not hold, given as law.
    pub draft_as_law: usize,
    /// Citations shown.
    pub citations: usize,
    /// Those whose bytes hold their quote.
    pub verbatim: usize,
}

/// The whole measurement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// All questions together.
    pub total: Row,
    /// By kind of fact.
    pub types: BTreeMap<String, Row>,
    /// By how the question is put.
    pub styles: BTreeMap<String, Row>,
    /// Time of every answer in microseconds, ascending.
    pub micros: Vec<u64>,
}

impl Row {
    fn add(&mut self, score: &Score) {
        let one = usize::from;
        self.questions += 1;
        self.answerable += one(score.answerable);
        self.evidence += one(score.evidence);
        self.facts += one(score.facts);
        self.false_refusals += one(score.false_refusal);
        self.near_misses += one(score.near_miss);
        self.refused += one(score.near_miss && !score.false_answer);
        self.outcomes += one(score.outcome);
        self.wrong_place += one(score.wrong_place);
        self.draft_as_law += one(score.draft_as_law);
        self.citations += score.citations;
        self.verbatim += score.verbatim;
    }
}

impl Report {
    /// Adds one answer and the time that it took.
    pub fn add(&mut self, case: &Case, score: &Score, micros: u64) {
        self.total.add(score);
        self.types.entry(case.kind.clone()).or_default().add(score);
        self.styles
            .entry(case.style.clone())
            .or_default()
            .add(score);
        let at = self.micros.partition_point(|known| *known < micros);
        self.micros.insert(at, micros);
    }

    /// The time that `percent` of the answers stayed within, in microseconds.
    pub fn percentile(&self, percent: usize) -> u64 {
        let at = (self.micros.len() * percent)
            .div_ceil(100)
            .saturating_sub(1);
        self.micros.get(at).copied().unwrap_or(0)
    }

    /// The table in Markdown; `details` adds the rows by type and style.
    pub fn table(&self, details: bool) -> String {
        let mut text = String::from(
            "| 类别 | 题数 | 证据在前5 | 答出事实 | 误拒 | 近似题拒答 | 结果相符 | 串城市 | 草案当现行 | 引文逐字 |\n\
             |---|---|---|---|---|---|---|---|---|---|\n",
        );
        text.push_str(&line("合计", &self.total));
        let types = self
            .types
            .iter()
            .map(|(name, row)| (format!("类型 {name}"), row));
        let styles = self
            .styles
            .iter()
            .map(|(name, row)| (format!("问法 {name}"), row));
        for (name, row) in types.chain(styles).filter(|_| details) {
            text.push_str(&line(&name, row));
        }
        let (half, most) = (self.percentile(50), self.percentile(95));
        let times = format!("\n用时：中位 {half} 微秒，95% 在 {most} 微秒内。\n");
        text.push_str(&times);
        text
    }
}

fn line(name: &str, row: &Row) -> String {
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        row.questions,
        share(row.evidence, row.answerable),
        share(row.facts, row.answerable),
        share(row.false_refusals, row.answerable),
        share(row.refused, row.near_misses),
        share(row.outcomes, row.questions),
        row.wrong_place,
        row.draft_as_law,
        share(row.verbatim, row.citations),
    )
}

/// `0.95（19/20）`; a dash where there is nothing to share.
fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "—".to_owned();
    }
    format!("{:.3}（{part}/{whole}）", part as f64 / whole as f64)
}
