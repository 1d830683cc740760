//! The place whose rules a question asks for.

use std::sync::LazyLock;

/// Provinces and cities of the country, parted by blanks.
static PLACES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("places.txt").split_whitespace().collect());
/// Words before a place that make it a destination or an origin, not where the rule applies.
const DIRECTIONS: [&str; 7] = ["去", "到", "往", "从", "回", "转", "赴"];
/// Last characters of the names of places.
const ENDS: [char; 8] = ['市', '盟', '旗', '县', '区', '省', '州', '镇'];

/// A place that a question names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// One that texts of the base are about, as they call it.
    Here(String),
    /// Another one, as the question has it.
    Elsewhere(String),
}

/// A province or city of the country that a folded text names and others do not.
pub(crate) fn foreign_place(folded: &str, others: &str) -> Option<&'static str> {
    let mut places = PLACES.iter().copied();
    places.find(|place| folded.contains(place) && !others.contains(place))
}

/// A place without the character that says what it is: `乌海市` is `乌海`.
pub(crate) fn stem(place: &str) -> &str {
    let short = place.trim_end_matches(ENDS);
    if short.chars().nth(1).is_some() {
        short
    } else {
        place
    }
}

/// Whether a text that applies in one place answers for another: they are the same, or one is part
/// of the other's name.
pub(crate) fn agree(one: &str, other: &str) -> bool {
    let same_end = |a: &str, b: &str| {
        let end = |place: &str| place.chars().last().filter(|char| ENDS.contains(char));
        end(a).is_none() || end(b).is_none() || end(a) == end(b)
    };
    let (a, b) = (stem(one), stem(other));
    if a == b {
        return same_end(one, other);
    }
    a.contains(b) || b.contains(a)
}

/// The place that a folded question asks about; `known` are the places of the base's texts, and
/// `in_texts` says whether any text has some words.
pub(crate) fn named(
    folded: &str,
    known: &[String],
    in_texts: &mut dyn FnMut(&str) -> bool,
) -> Option<Named> {
    for place in known {
        if let Some(at) = find(folded, place) {
            return is_asked(folded, at).then(|| Named::Here(place.clone()));
        }
    }
    for place in PLACES.iter() {
        let Some(at) = find(folded, place) else {
            continue;
        };
        let rest = folded.get(at..).unwrap_or_default();
        if !is_asked(folded, at) {
            continue;
        }
        // Two characters more: part of a longer name that the texts have is no place of its own.
        let after = rest.get(place.len()..).unwrap_or_default();
        let longer: String = place.chars().chain(after.chars().take(2)).collect();
        let is_city = after.starts_with(ENDS);
        if is_city || longer.chars().count() < place.chars().count() + 2 || !in_texts(&longer) {
            return Some(Named::Elsewhere((*place).to_owned()));
        }
    }
    None
}

/// Where a text names a place, by its whole name or by its stem before no other end.
fn find(text: &str, place: &str) -> Option<usize> {
    if let Some(at) = text.find(place) {
        return Some(at);
    }
    let stem = stem(place);
    text.match_indices(stem).map(|(at, _)| at).find(|at| {
        let after = text.get(at + stem.len()..).unwrap_or_default();
        !after.starts_with(ENDS)
    })
}

fn is_asked(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    !DIRECTIONS.iter().any(|word| before.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::{Named, agree, named};

    fn place(text: &str) -> Option<Named> {
        let known = [
            "云麓市".to_owned(),
            "青岚市".to_owned(),
            "乌海市".to_owned(),
        ];
        named(text, &known, &mut |words| words == "内蒙古西部")
    }

    #[test]
    fn places_of_the_base_and_others() {
        assert_eq!(place("青岚市养狗"), Some(Named::Here("青岚市".to_owned())));
        assert_eq!(place("乌海那边"), Some(Named::Here("乌海市".to_owned())));
        assert_eq!(place("青岚区在哪"), None);
        assert_eq!(
            place("北京的居住证怎么办"),
            Some(Named::Elsewhere("北京".to_owned()))
        );
        assert_eq!(place("去北京看病怎么备案"), None);
        assert_eq!(place("内蒙古西部智算中心"), None);
    }

    #[test]
    fn a_part_agrees_with_the_whole() {
        assert!(agree("乌海", "乌海市") && agree("云麓市青岚区", "云麓市"));
        assert!(!agree("青岚区", "青岚市") && !agree("云麓市", "青岚市"));
    }
}
