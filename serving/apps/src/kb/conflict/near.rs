//! Pure: which sentences may contradict each other, found without comparing each with each.

use std::collections::{BTreeSet, HashMap};

use super::search::Stated;

/// What is like a sentence and not shorter has at least one of its rarest pairs of characters, as
/// many as may be lacking and one more.
pub(super) struct Near {
    holders: HashMap<(char, char), Vec<usize>>,
    attributes: HashMap<(String, &'static str, &'static str), Vec<usize>>,
    subjects: HashMap<(String, String), Vec<usize>>,
}

impl Near {
    pub(super) fn new(all: &[Stated<'_>]) -> Self {
        let mut near = Self {
            holders: HashMap::new(),
            attributes: HashMap::new(),
            subjects: HashMap::new(),
        };
        for (at, stated) in all.iter().enumerate() {
            if stated.statement.is_telling() {
                for pair in &stated.statement.pairs {
                    near.holders.entry(*pair).or_default().push(at);
                }
            }
            if let Some((name, unit)) = stated.attribute {
                let key = (stated.matter.clone(), name, unit);
                near.attributes.entry(key).or_default().push(at);
            }
            let key = (stated.matter.clone(), stated.statement.subject.clone());
            near.subjects.entry(key).or_default().push(at);
        }
        near
    }

    /// The pairs of sentences that may contradict each other, the earlier first.
    pub(super) fn pairs(&self, all: &[Stated<'_>]) -> BTreeSet<(usize, usize)> {
        let near = |at| self.of(all, at).into_iter().map(move |other| (at, other));
        let pairs = (0..all.len()).flat_map(near);
        pairs
            .filter(|(one, two)| one != two)
            .map(|(one, two)| (one.min(two), one.max(two)))
            .collect()
    }

    /// The sentences near one: of two that are alike the shorter finds the longer.
    fn of(&self, all: &[Stated<'_>], at: usize) -> BTreeSet<usize> {
        let mut near = BTreeSet::new();
        let Some(stated) = all.get(at) else {
            return near;
        };
        if stated.statement.is_telling() {
            let mut holders: Vec<&Vec<usize>> = stated
                .statement
                .pairs
                .iter()
                .filter_map(|pair| self.holders.get(pair))
                .collect();
            holders.sort_by_key(|holders| holders.len());
            let rarest = holders.into_iter().take(stated.statement.may_lack() + 1);
            near.extend(rarest.flatten());
        }
        if let Some((name, unit)) = stated.attribute {
            let key = (stated.matter.clone(), name, unit);
            near.extend(self.attributes.get(&key).into_iter().flatten());
        }
        let key = (stated.matter.clone(), stated.statement.subject.clone());
        near.extend(self.subjects.get(&key).into_iter().flatten());
        near
    }
}
