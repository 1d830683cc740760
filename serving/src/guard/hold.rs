//! Pure: a stream of text against the rules. What may be the beginning of a finding is held back
//! until it is known, so that a term that is cut over pieces is found like a whole one.

use super::screen::{Screened, apply, hits};
use super::text::Folded;
use super::{Decision, Decisions, Terms, marks};
use std::sync::Arc;

/// Characters before the held text that rules look at: a digit before a number, a line's begin.
const CONTEXT_CHARS: usize = 64;
/// Longest run of letters, digits and signs that is held; an address of mail fits.
const LONGEST_RUN: usize = 200;
/// Longest run of digits with spaces or hyphens between them: 19 digits and 18 separators.
const LONGEST_NUMBER: usize = 40;

/// One answer on its way out.
pub(crate) struct Hold {
    decisions: Decisions,
    terms: Arc<Terms>,
    /// The end of what left, then what is held.
    text: String,
    /// Bytes of `text` that have left.
    left: usize,
}

impl Hold {
    pub(crate) fn new(decisions: Decisions, terms: Arc<Terms>) -> Self {
        Self {
            decisions,
            terms,
            text: String::new(),
            left: 0,
        }
    }

    /// Takes a piece; gives what may leave.
    pub(crate) fn push(&mut self, piece: &str) -> Screened {
        self.text.push_str(piece);
        let folded = Folded::new(&self.text);
        self.release(&folded, self.safe(&folded))
    }

    /// The answer ended: everything leaves.
    pub(crate) fn finish(&mut self) -> Screened {
        let folded = Folded::new(&self.text);
        self.release(&folded, self.text.len())
    }

    fn release(&mut self, folded: &Folded, until: usize) -> Screened {
        let mut until = until.max(self.left);
        let mut found = hits(folded, self.decisions, &self.terms);
        found.retain(|hit| hit.bytes.start >= self.left);
        for hit in &found {
            // A finding leaves as a whole.
            if hit.bytes.start < until && hit.bytes.end > until {
                until = hit.bytes.start;
            }
        }
        found.retain(|hit| hit.bytes.end <= until);
        for hit in &mut found {
            hit.bytes = hit.bytes.start - self.left..hit.bytes.end - self.left;
        }
        let screened = apply(&self.text[self.left..until], &found, "answer");
        self.left = until;
        self.forget();
        screened
    }

    /// Keeps only as much of what left as rules look at.
    fn forget(&mut self) {
        let kept = self.text[..self.left].char_indices().rev();
        if let Some((offset, _)) = kept.take(CONTEXT_CHARS).last() {
            self.text.drain(..offset);
            self.left -= offset;
        }
    }

    /// The byte up to which nothing that comes can change a finding.
    fn safe(&self, folded: &Folded) -> usize {
        let mut open = folded.chars.len();
        if self.decisions.personal != Decision::Ignore {
            open = open.min(run(folded)).min(number(folded));
        }
        if self.decisions.secrecy != Decision::Ignore {
            open = open.min(marks::may_begin(folded));
        }
        if self.decisions.terms != Decision::Ignore {
            open = open.min(self.terms.may_begin(folded));
        }
        folded.offsets[open]
    }
}

/// Where the last run of characters begins that an address, a passport or a number may be made of.
fn run(folded: &Folded) -> usize {
    let fits = |char: &&char| char.is_ascii_alphanumeric() || "._%+-@".contains(**char);
    let length = folded.chars.iter().rev().take_while(fits).count();
    folded.chars.len() - length.min(LONGEST_RUN)
}

/// Where the last run of digits begins, single separators aside.
fn number(folded: &Folded) -> usize {
    let mut start = folded.chars.len();
    let mut index = start;
    while index > 0 && folded.chars.len() - index < LONGEST_NUMBER {
        index -= 1;
        match folded.chars[index] {
            '0'..='9' | '+' | 'x' => start = index,
            ' ' | '-' => {}
            _ => break,
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::super::Rule;
    use super::{Decision, Decisions, Hold, Terms};
    use crate::guard::screen::screen;
    use proptest::prelude::*;
    use std::sync::Arc;

    const MASK: Decisions = Decisions {
        personal: Decision::Mask,
        secrecy: Decision::Mask,
        terms: Decision::Mask,
    };

    fn terms() -> Arc<Terms> {
        Arc::new(Terms::parse("敏感词\n敏感词典\nforbidden phrase"))
    }

    fn streamed(
        text: &str,
        size: usize,
        decisions: Decisions,
    ) -> (String, Vec<&'static str>, Option<Rule>) {
        let mut hold = Hold::new(decisions, terms());
        let chars: Vec<char> = text.chars().collect();
        let (mut out, mut rules, mut refused) = (String::new(), Vec::new(), None);
        let pieces = chars
            .chunks(size)
            .map(|piece| piece.iter().collect::<String>());
        for screened in pieces
            .map(|piece| hold.push(&piece))
            .collect::<Vec<_>>()
            .into_iter()
            .chain([hold.finish()])
        {
            out.push_str(&screened.text);
            rules.extend(screened.findings.iter().map(|finding| finding.rule));
            refused = refused.or(screened.refused);
            if refused.is_some() {
                break;
            }
        }
        (out, rules, refused)
    }

    const TEXT: &str = "身份证11010519491231002X，电话 138 1234 5678。邮箱 a.b@gov.cn！\n机密★20年\n这是敏感词典和敏感词，a forbidden phrase; 卡 4111-1111-1111-1111 完";

    #[test]
    fn a_finding_is_found_however_the_stream_is_cut() {
        let whole = screen(TEXT, MASK, &terms(), "answer");
        assert_eq!(whole.findings.len(), 8);
        for size in 1..40 {
            let (text, rules, refused) = streamed(TEXT, size, MASK);
            assert_eq!(text, whole.text, "{size}");
            assert_eq!((rules.len(), refused), (8, None));
        }
    }

    #[test]
    fn nothing_of_a_refused_finding_leaves() {
        let refuse = Decisions {
            terms: Decision::Refuse,
            ..MASK
        };
        for size in 1..10 {
            let (text, _, refused) = streamed("前文敏感词后文", size, refuse);
            assert_eq!((text.as_str(), refused), ("前文", Some(Rule::ListedTerm)));
        }
    }

    #[test]
    fn plain_chinese_leaves_at_once() {
        let mut hold = Hold::new(MASK, terms());
        assert_eq!(hold.push("今天天气").text, "今天天气");
        assert_eq!(hold.push("很好，共3").text, "很好，共");
        assert_eq!(hold.push("个").text, "3个");
    }

    proptest! {
        #[test]
        fn streamed_equals_whole(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("敏感词".to_owned()), Just("敏感".to_owned()), Just("机密".to_owned()), Just("★10年".to_owned()),
                    Just("\n".to_owned()), Just("13812345678".to_owned()), Just("a@b.cn".to_owned()), Just(" ".to_owned()),
                    "[0-9 x-]{0,6}", "[a-z政府]{0,5}"
                ],
                0..20,
            ),
            size in 1_usize..12,
        ) {
            let text = parts.concat();
            let whole = screen(&text, MASK, &terms(), "answer");
            prop_assert_eq!(streamed(&text, size, MASK).0, whole.text);
        }
    }
}
