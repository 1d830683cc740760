//! How alike two questions are by their words: the cosine of their terms, rare ones counting more.

use std::collections::HashMap;

use crate::retrieve::{Scores, terms};

/// The questions of a bank by their terms.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Of each term, the questions that have it.
    postings: HashMap<String, Vec<u32>>,
    /// Length of each question.
    lengths: Vec<f32>,
}

impl Words {
    /// Indexes folded questions; question `n` is entry `n`.
    pub(super) fn of(questions: impl Iterator<Item = String>) -> Self {
        let mut own = Self::default();
        let mut all = Vec::new();
        for (at, question) in (0_u32..).zip(questions) {
            let distinct = distinct(&question);
            for term in &distinct {
                own.postings.entry(term.clone()).or_default().push(at);
            }
            all.push(distinct);
        }
        let lengths = all.iter().map(|terms| own.length(terms, all.len()));
        own.lengths = lengths.collect();
        own
    }

    /// In how many questions a term stands.
    pub(super) fn found_in(&self, term: &str) -> u64 {
        self.postings.get(term).map_or(0, |all| all.len() as u64)
    }

    /// The cosine of a folded question with each of the bank, from nought to one.
    pub(super) fn alike(&self, question: &str) -> Scores {
        let count = self.lengths.len();
        let mut scores = Scores::noughts(count);
        let terms = distinct(question);
        for term in &terms {
            let weight = self.weight(term, count).powi(2);
            for at in self.postings.get(term).into_iter().flatten() {
                if let Some(score) = scores.get_mut(*at as usize) {
                    *score += weight;
                }
            }
        }
        let own = self.length(&terms, count);
        for (score, length) in scores.iter_mut().zip(&self.lengths) {
            *score /= (own * length).max(f32::MIN_POSITIVE);
        }
        scores
    }

    /// A term that no question has is as rare as can be.
    fn weight(&self, term: &str, count: usize) -> f32 {
        let found = self.postings.get(term).map_or(0, Vec::len);
        (1.0 + count as f32 / (found as f32 + 0.5)).ln()
    }

    fn length(&self, terms: &[String], count: usize) -> f32 {
        let squares = terms.iter().map(|term| self.weight(term, count).powi(2));
        squares.sum::<f32>().sqrt()
    }
}

/// Each term of a text once.
fn distinct(text: &str) -> Vec<String> {
    let mut all: Vec<String> = terms(text).iter().map(|t| t.text.to_owned()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn the_same_is_one_and_what_shares_nothing_is_nought() {
        let bank = ["补办身份证多少钱", "狗证多少钱", "怎么结婚"];
        let words = Words::of(bank.into_iter().map(str::to_owned));
        let scores = words.alike("身份证补办多少钱");
        assert!(scores[0] > scores[1] && scores[1] > scores[2]);
        assert!((words.alike("怎么结婚")[2] - 1.0).abs() < 1e-5);
        assert_eq!(*words.alike("?"), [0.0, 0.0, 0.0]);
        assert!(Words::default().alike("身份证").is_empty());
    }
}
