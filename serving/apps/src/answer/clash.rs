//! Whether two sentences of different texts say different things of the same matter; pure.

use std::collections::BTreeSet;

use super::numbers::quantities;
use crate::retrieve::terms;

/// Share of the shorter sentence's pairs that the longer must have.
const ALIKE: f64 = 0.72;
/// Fewest pairs that make a sentence comparable.
const FEWEST: usize = 5;

/// The differing values of two folded sentences that are alike but for them.
pub(crate) fn clash(one: &str, other: &str) -> Option<(String, String)> {
    let (left, right) = (without_numbers(one), without_numbers(other));
    let (left, right) = (pairs(&left), pairs(&right));
    let shorter = left.len().min(right.len());
    let shared = left.intersection(&right).count();
    if shorter < FEWEST || (shared as f64) < ALIKE * shorter as f64 {
        return None;
    }
    let (left, right) = (quantities(one), quantities(other));
    let differs = |unit: &str| {
        let of = |list: &[super::numbers::Quantity]| {
            let own = list.iter().filter(|q| q.unit == unit);
            own.map(|q| q.millionths).collect::<BTreeSet<_>>()
        };
        let (mine, theirs) = (of(&left), of(&right));
        !mine.is_empty() && !theirs.is_empty() && mine.is_disjoint(&theirs)
    };
    let quantity = left
        .iter()
        .find(|q| !q.unit.is_empty() && differs(&q.unit))?;
    let counter = right.iter().find(|q| q.unit == quantity.unit)?;
    let words =
        |text: &str, range: &std::ops::Range<usize>| text.get(range.clone()).map(str::to_owned);
    Some((words(one, &quantity.range)?, words(other, &counter.range)?))
}

fn without_numbers(text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    for quantity in quantities(text) {
        rest.push_str(text.get(at..quantity.range.start).unwrap_or_default());
        rest.push(' ');
        at = quantity.range.end;
    }
    rest.push_str(text.get(at..).unwrap_or_default());
    rest
}

fn pairs(text: &str) -> BTreeSet<&str> {
    let all = terms(text).into_iter().map(|term| term.text);
    all.filter(|term| term.chars().nth(1).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::clash;

    #[test]
    fn alike_but_for_the_value() {
        let values = clash(
            "充电服务费每千瓦时不超过0.35元。",
            "充电服务费每千瓦时不超过0.45元。",
        );
        assert_eq!(values, Some(("0.35元".to_owned(), "0.45元".to_owned())));
        let hours = clash(
            "单次充电计费时长不超过八小时,充满自动断电后不再计费。",
            "单次充电时长不超过十小时。",
        );
        assert_eq!(hours, Some(("八小时".to_owned(), "十小时".to_owned())));
    }

    #[test]
    fn other_matters_and_equal_values() {
        assert_eq!(
            clash("每只风筝收取3元登记费。", "每份护照收取120元工本费。"),
            None
        );
        assert_eq!(
            clash("有效期十年,期满换领证件。", "有效期10年,期满换领证件。"),
            None
        );
    }
}
