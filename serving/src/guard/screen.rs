//! Pure: a text against the rules and decisions of a policy.

use super::text::Folded;
use super::{Decision, Decisions, Rule, Terms, marks, personal};
use crate::trail::Finding;
use std::ops::Range;

/// Something found, in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) rule: Rule,
    pub(super) decision: Decision,
    pub(super) bytes: Range<usize>,
}

/// A text that was screened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Screened {
    /// With what had to be masked masked.
    pub(crate) text: String,
    pub(crate) findings: Vec<Finding>,
    /// The rule by which it is refused.
    pub(crate) refused: Option<Rule>,
}

/// Everything that the rules find, in order; where findings overlap, the first one counts.
pub(super) fn hits(folded: &Folded, decisions: Decisions, terms: &Terms) -> Vec<Hit> {
    let mut found = Vec::new();
    if decisions.personal != Decision::Ignore {
        personal::find(folded, &mut found);
    }
    if decisions.secrecy != Decision::Ignore {
        marks::find(folded, &mut found);
    }
    if decisions.terms != Decision::Ignore {
        terms.find(folded, &mut found);
    }
    found.sort_by_key(|(_, range)| range.start);
    let mut end = 0;
    found.retain(|(_, range)| {
        let apart = range.start >= end;
        if apart {
            end = range.end;
        }
        apart
    });
    found
        .into_iter()
        .map(|(rule, range)| Hit {
            rule,
            decision: decisions.of(rule),
            bytes: folded.offsets[range.start]..folded.offsets[range.end],
        })
        .collect()
}

/// Screens a whole text.
pub(crate) fn screen(
    text: &str,
    decisions: Decisions,
    terms: &Terms,
    side: &'static str,
) -> Screened {
    apply(text, &hits(&Folded::new(text), decisions, terms), side)
}

/// Masks and counts `hits` in `text`, up to the first that refuses it.
pub(super) fn apply(text: &str, hits: &[Hit], side: &'static str) -> Screened {
    let mut screened = Screened::default();
    let mut done = 0;
    for hit in hits {
        screened.findings.push(Finding {
            rule: hit.rule.name(),
            decision: hit.decision.name(),
            side,
            count: 1,
        });
        screened.text.push_str(&text[done..hit.bytes.start]);
        done = hit.bytes.start;
        match hit.decision {
            Decision::Refuse => {
                screened.refused = Some(hit.rule);
                return screened;
            }
            Decision::Mask => {
                screened.text.push_str(hit.rule.mask());
                done = hit.bytes.end;
            }
            Decision::Allow | Decision::Ignore => {}
        }
    }
    screened.text.push_str(&text[done..]);
    screened
}
