//! The place whose rules a question asks for.

use std::sync::LazyLock;

/// Provinces and cities of the country, parted by blanks.
static PLACES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("places.txt").split_whitespace().collect());
/// Words before a place that make it a destination or an origin, not where the rule applies.
const DIRECTIONS: [&str; 7] = ["去", "到", "往", "从", "回", "转", "赴"];
/// Words that say that the asker is there by now.
const ARRIVED: [&str; 2] = ["刚到", "来到"];
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

/// Whether a text that applies in one place answers for another: the parts of one name, such as
/// `北京市` and `朝阳区`, stand in the other in their order and beside each other. Parts are compared
/// whole, so that 朝阳市 is not 北京市朝阳区 and 海南省 not 乌海市海南区.
pub(crate) fn agree(one: &str, other: &str) -> bool {
    let (a, b) = (parts(one), parts(other));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.is_empty() {
        return false;
    }
    let same = |(at, run): (usize, &[&str])| {
        let mut pairs = short.iter().zip(run);
        pairs.all(|(short, long)| same_part(short, long, at == 0))
    };
    long.windows(short.len()).enumerate().any(same)
}

/// The parts of a place's name, each with its last character that says what it is.
fn parts(place: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = place.char_indices().collect();
    let (mut found, mut start, mut length) = (Vec::new(), 0, 0);
    for (at, (byte, char)) in chars.iter().enumerate() {
        length += 1;
        let next = chars.get(at + 1).map(|(_, char)| *char);
        // 景德镇市 is one name; 济南市市中区 is two.
        let inside = next.is_some_and(|next| next != *char && ENDS.contains(&next));
        if ENDS.contains(char) && length > 2 && !inside || next.is_none() {
            let end = byte + char.len_utf8();
            found.extend(place.get(start..end));
            (start, length) = (end, 0);
        }
    }
    found
}

/// Whether two parts name one place. A part without its last character, such as `乌海`, may be a
/// city or whatever stands first in the other name, never a district within it.
fn same_part(one: &str, other: &str, first: bool) -> bool {
    let end = |part: &str| part.chars().last().filter(|char| ENDS.contains(char));
    let cut = |part: &str| short_form(part).to_owned();
    match (end(one).is_some(), end(other).is_some()) {
        (true, true) | (false, false) => one == other,
        (true, false) => cut(one) == *other && (first || !is_district(one)),
        (false, true) => cut(other) == *one && (first || !is_district(other)),
    }
}

fn is_district(part: &str) -> bool {
    !part.ends_with("自治区") && part.ends_with(['区', '县', '旗', '镇'])
}

/// What people call a place: 内蒙古自治区 is 内蒙古, 广西壮族自治区 is 广西.
fn short_form(part: &str) -> &str {
    let peoples = ["壮族", "回族", "维吾尔"];
    match part.strip_suffix("自治区") {
        Some(rest) => peoples
            .iter()
            .find_map(|people| rest.strip_suffix(people))
            .unwrap_or(rest),
        None => stem(part),
    }
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
    let ends_with = |words: &[&str]| words.iter().any(|word| before.ends_with(word));
    !ends_with(&DIRECTIONS) || ends_with(&ARRIVED)
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
        assert_eq!(place("把公积金转到青岚市"), None);
        assert_eq!(place("准备搬到北京，怎么销户"), None);
        assert_eq!(
            place("刚到青岚市上班"),
            Some(Named::Here("青岚市".to_owned()))
        );
        assert_eq!(place("内蒙古西部智算中心"), None);
    }

    #[test]
    fn a_part_agrees_with_the_whole() {
        assert!(agree("乌海", "乌海市") && agree("云麓市青岚区", "云麓市"));
        assert!(agree("内蒙古", "内蒙古自治区乌海市") && agree("广西", "广西壮族自治区"));
        assert!(agree("景德镇市", "江西省景德镇市浮梁县") && agree("济南市", "济南市市中区"));
        assert!(!agree("青岚区", "青岚市") && !agree("云麓市", "青岚市"));
    }

    #[test]
    fn a_name_within_another_name_is_another_place() {
        assert!(!agree("朝阳市", "北京市朝阳区") && !agree("朝阳", "北京市朝阳区"));
        assert!(!agree("海南省", "乌海市海南区") && !agree("海南", "乌海市海南区"));
        assert!(!agree("吉林省", "吉林市") && !agree("", "云麓市"));
    }
}
