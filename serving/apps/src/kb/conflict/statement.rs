//! Pure: what one sentence states, and whether two sentences state different things.
//!
//! Both answers and the staff's list of contradictions ask here. Two sentences are compared only
//! where they are alike in all but their amounts: the same words, or nearly so. Conditions such as
//! 首次 and 补办 and years make sentences different.

use std::ops::Range;

use crate::kb::quantity::{Quantity, quantities};
use crate::kb::script::{bare, fold};

/// Characters that change nothing about what is stated.
const EMPTY: &str = "的为是在按应当可以由于内共约即每个了及并且其中均将收取办理予以为";
/// Share of the shorter sentence's pairs of characters that the longer must have.
const ALIKE: f64 = 0.72;
/// Fewest pairs that say enough to be compared by themselves.
const FEWEST: usize = 5;
/// A number of this many years is a date.
const FIRST_YEAR: i128 = 1_000_000_000;

/// What one sentence states: amounts of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The sentence without its amounts and without words that say nothing.
    pub(super) subject: String,
    /// Neighbouring characters of its words, sorted, each pair once.
    pub(super) pairs: Vec<(char, char)>,
    /// Years that it names, sorted.
    years: Vec<i128>,
    /// Its amounts, in order; never empty.
    pub(super) amounts: Vec<Amount>,
}

/// An amount as a sentence states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) millionths: i128,
    pub(super) unit: String,
    /// As it stands there.
    pub(super) words: String,
}

impl Statement {
    /// What a sentence states, if it states amounts. Dates, ordinals and numbers without a unit are
    /// none.
    pub fn of(sentence: &str) -> Option<Self> {
        let folded = fold(sentence);
        let numbers = quantities(&folded);
        let (mut frame, mut rest) = (String::new(), String::new());
        let (mut years, mut amounts) = (Vec::new(), Vec::new());
        let mut at = 0;
        for number in &numbers {
            let before = folded.get(at..number.range.start).unwrap_or_default();
            frame.push_str(before);
            rest.push_str(before);
            // An amount leaves a gap between the words beside it, its unit stays in the frame: a
            // share is not an amount. What is no amount is a part of the words.
            rest.push(' ');
            if is_amount(&folded, number) {
                frame.push_str(&number.unit);
                amounts.push(Amount {
                    millionths: number.millionths,
                    unit: number.unit.clone(),
                    words: in_raw(sentence, &folded, &number.range).to_owned(),
                });
            } else {
                frame.push_str(folded.get(number.range.clone()).unwrap_or_default());
                if number.unit == "年" {
                    years.push(number.millionths);
                }
            }
            at = number.range.end;
        }
        let end = folded.get(at..).unwrap_or_default();
        frame.push_str(end);
        rest.push_str(end);
        years.sort_unstable();
        let words = bare(&frame);
        let subject = words.chars().filter(|char| !EMPTY.contains(*char));
        (!amounts.is_empty()).then(|| Self {
            subject: subject.collect(),
            pairs: pairs(&rest),
            years,
            amounts,
        })
    }

    /// The amounts in which two sentences contradict each other, in words: this one's and the
    /// other's. Short sentences are compared only where both are known to be about one matter.
    pub fn against<'a>(&'a self, other: &'a Self, same_matter: bool) -> Option<(&'a str, &'a str)> {
        let differs =
            |one: &Amount, two: &Amount| (one.millionths, &one.unit) != (two.millionths, &two.unit);
        let same_words = self.subject == other.subject && (same_matter || self.is_telling());
        let found = if same_words {
            let mut both = self.amounts.iter().zip(&other.amounts);
            both.find(|(one, two)| differs(one, two))
        } else if self.is_like(other) {
            self.other_value(other)
        } else {
            None
        };
        found.map(|(one, two)| (one.words.as_str(), two.words.as_str()))
    }

    /// Whether it says enough to be compared with a sentence of any text.
    pub(super) fn is_telling(&self) -> bool {
        self.pairs.len() >= FEWEST
    }

    /// Most pairs that a sentence which is like this one may lack of it.
    pub(super) fn may_lack(&self) -> usize {
        self.pairs.len() - (ALIKE * self.pairs.len() as f64).ceil() as usize
    }

    fn is_like(&self, other: &Self) -> bool {
        let shorter = self.pairs.len().min(other.pairs.len());
        let (mine, theirs) = (&self.years, &other.years);
        let other_years = !mine.is_empty() && !theirs.is_empty() && mine != theirs;
        shorter >= FEWEST
            && !other_years
            && shared(&self.pairs, &other.pairs) as f64 >= ALIKE * shorter as f64
    }

    /// The first amount whose unit both use, and of which they have no value in common.
    fn other_value<'a>(&'a self, other: &'a Self) -> Option<(&'a Amount, &'a Amount)> {
        self.amounts.iter().find_map(|one| {
            let of = |all: &'a [Amount]| all.iter().filter(|two| two.unit == one.unit);
            let common =
                of(&self.amounts).any(|a| of(&other.amounts).any(|b| a.millionths == b.millionths));
            let two = of(&other.amounts).next()?;
            (!common).then_some((one, two))
        })
    }
}

/// Whether a number counts something, and is no date and no place in a list.
fn is_amount(folded: &str, number: &Quantity) -> bool {
    let text = |range| folded.get(range).unwrap_or_default();
    let before = text(0..number.range.start);
    let own = text(number.range.clone());
    let after = text(number.range.end..folded.len());
    let follows = |signs: &[char]| after.starts_with(signs);
    match number.unit.as_str() {
        "" => false,
        _ if before.ends_with('第') => false,
        "年" => {
            number.millionths < FIRST_YEAR
                && !follows(&['度', '级'])
                && !after.starts_with(|char: char| char.is_ascii_digit())
        }
        // `6个月` is a time, `6月` is one of the year.
        "月" => own.ends_with("个月"),
        "日" => !own.ends_with('号') && !before.ends_with('月'),
        _ => true,
    }
}

/// The raw characters that stand where a byte range of the folded text does: folding keeps the
/// number of characters.
fn in_raw<'a>(raw: &'a str, folded: &str, range: &Range<usize>) -> &'a str {
    let place = |byte: usize| {
        let before = folded.get(..byte).unwrap_or_default().chars().count();
        raw.char_indices()
            .nth(before)
            .map_or(raw.len(), |(at, _)| at)
    };
    raw.get(place(range.start)..place(range.end))
        .unwrap_or_default()
}

fn pairs(folded: &str) -> Vec<(char, char)> {
    let chars = folded.chars().zip(folded.chars().skip(1));
    let mut pairs: Vec<_> = chars
        .filter(|(one, two)| one.is_alphanumeric() && two.is_alphanumeric())
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// How many members two sorted lists have in common.
fn shared(one: &[(char, char)], two: &[(char, char)]) -> usize {
    let is_in = |pair: &&(char, char)| two.binary_search(pair).is_ok();
    one.iter().filter(is_in).count()
}

#[cfg(test)]
mod tests {
    use super::Statement;

    fn against(one: &str, two: &str) -> Option<(String, String)> {
        let (one, two) = (Statement::of(one)?, Statement::of(two)?);
        let (mine, theirs) = one.against(&two, false)?;
        Some((mine.to_owned(), theirs.to_owned()))
    }

    #[test]
    fn alike_but_for_the_value() {
        for (one, two, told) in [
            (
                "充电服务费每千瓦时不超过0.35元。",
                "充电服务费每千瓦时不超过０．４５元。",
                ("0.35元", "０．４５元"),
            ),
            (
                "单次充电计费时长不超过八小时，充满自动断电后不再计费。",
                "单次充电时长不超过十小时。",
                ("八小时", "十小时"),
            ),
        ] {
            let (mine, theirs) = told;
            assert_eq!(
                against(one, two),
                Some((mine.to_owned(), theirs.to_owned()))
            );
        }
    }

    #[test]
    fn dates_and_places_in_a_list_are_no_amounts() {
        for text in [
            "到2025年底",
            "2025年6月1日起",
            "第三项规定",
            "一体化",
            "6月30日前",
            "2025级新生",
        ] {
            assert_eq!(Statement::of(text), None, "{text}");
        }
    }
}
