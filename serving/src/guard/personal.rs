//! Pure: personal data in a text, each kind by its own form and check digit.

use super::Rule;
use super::text::Folded;
use std::ops::Range;

/// What was found: characters, not bytes.
pub(super) fn find(text: &Folded, hits: &mut Vec<(Rule, Range<usize>)>) {
    let mut index = 0;
    while index < text.chars.len() {
        let found = [
            (Rule::Email, email(text, index)),
            (Rule::ResidentId, resident_id(text, index)),
            (Rule::Mobile, mobile(text, index)),
            (Rule::BankCard, bank_card(text, index)),
            (Rule::Passport, passport(text, index)),
        ]
        .into_iter()
        .find_map(|(rule, end)| Some((rule, end?)));
        index = match found {
            Some((rule, end)) => {
                hits.push((rule, index..end));
                end
            }
            None => index + 1,
        };
    }
}

fn is_word(char: Option<char>) -> bool {
    char.is_some_and(|char| char.is_ascii_alphanumeric())
}

fn is_digit(char: Option<char>) -> bool {
    char.is_some_and(|char| char.is_ascii_digit())
}

/// Up to `most` digits from `start`, single spaces or hyphens between them; with the index after
/// the last digit.
fn digits(text: &Folded, start: usize, most: usize) -> (Vec<u32>, usize) {
    let (mut found, mut index, mut end) = (Vec::new(), start, start);
    while found.len() < most {
        match text.at(index) {
            Some(char) if char.is_ascii_digit() => {
                found.extend(char.to_digit(10));
                index += 1;
                end = index;
            }
            Some(' ' | '-') if index == end && !found.is_empty() => index += 1,
            _ => break,
        }
    }
    (found, end)
}

/// A resident's identity number (GB 11643-1999): 17 digits with a true date, and a check
/// character by ISO 7064, MOD 11-2.
fn resident_id(text: &Folded, start: usize) -> Option<usize> {
    if is_word(text.before(start)) {
        return None;
    }
    let (found, end) = digits(text, start, 17);
    if found.len() < 17 || !is_date(&found[6..14]) {
        return None;
    }
    // The last place may stand after a separator like the others.
    let last = if matches!(text.at(end), Some(' ' | '-')) {
        end + 1
    } else {
        end
    };
    let sum: u32 = (0_u32..)
        .zip(&found)
        .map(|(place, digit)| digit * (1 << (17 - place)) % 11)
        .sum();
    let check = (12 - sum % 11) % 11;
    let fits = match text.at(last)? {
        'x' => check == 10,
        char => char.to_digit(10) == Some(check),
    };
    (fits && !is_word(text.at(last + 1))).then_some(last + 1)
}

fn is_date(digits: &[u32]) -> bool {
    let number = |digits: &[u32]| digits.iter().fold(0, |sum, digit| sum * 10 + digit);
    let (year, month, day) = (
        number(&digits[..4]),
        number(&digits[4..6]),
        number(&digits[6..]),
    );
    (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// A mobile number of the mainland, with or without "+86".
fn mobile(text: &Folded, start: usize) -> Option<usize> {
    let mut index = start;
    if text.at(index) == Some('+') {
        index += 1;
        if (text.at(index), text.at(index + 1)) != (Some('8'), Some('6')) {
            return None;
        }
        index += 2;
        if matches!(text.at(index), Some(' ' | '-')) {
            index += 1;
        }
    } else if is_digit(text.before(start)) {
        return None;
    }
    let (found, end) = digits(text, index, 11);
    let fits = found.len() == 11 && found[0] == 1 && found[1] >= 3;
    (fits && !is_digit(text.at(end))).then_some(end)
}

/// The number of a bank card: 16 to 19 digits (ISO/IEC 7812) with a true check digit (Luhn).
fn bank_card(text: &Folded, start: usize) -> Option<usize> {
    if is_word(text.before(start)) {
        return None;
    }
    let (found, end) = digits(text, start, 20);
    let fits = (16..=19).contains(&found.len()) && (3..=6).contains(&found[0]) && luhn(&found);
    (fits && !is_word(text.at(end))).then_some(end)
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A Chinese passport: a letter and eight characters, all but the second digits.
fn passport(text: &Folded, start: usize) -> Option<usize> {
    if is_word(text.before(start)) || !matches!(text.at(start)?, 'e' | 'g' | 'd' | 's' | 'p' | 'h')
    {
        return None;
    }
    let second = text.at(start + 1)?;
    let fits =
        second.is_ascii_digit() || (text.at(start) == Some('e') && second.is_ascii_lowercase());
    let rest = (start + 2..start + 9).all(|index| is_digit(text.at(index)));
    (fits && rest && !is_word(text.at(start + 9))).then_some(start + 9)
}

/// An address of mail: from its first character on, so that it is found once.
fn email(text: &Folded, start: usize) -> Option<usize> {
    let local = |char: char| char.is_ascii_alphanumeric() || "._%+-".contains(char);
    if !text
        .at(start)
        .is_some_and(|char| char.is_ascii_alphanumeric())
        || text.before(start).is_some_and(local)
    {
        return None;
    }
    let run = |from: usize, fits: &dyn Fn(char) -> bool, most: usize| {
        (from..from + most)
            .take_while(|&index| text.at(index).is_some_and(fits))
            .count()
    };
    let at = start + run(start, &local, 65);
    if text.at(at) != Some('@') {
        return None;
    }
    let domain = at + 1;
    let length = run(
        domain,
        &|char| char.is_ascii_alphanumeric() || ".-".contains(char),
        128,
    );
    // A full stop of the sentence is not part of the address.
    let trailing = (domain..domain + length)
        .rev()
        .take_while(|&index| matches!(text.at(index), Some('.' | '-')))
        .count();
    let end = domain + length - trailing;
    let name: String = text.chars[domain..end].iter().collect();
    let (host, top) = name.rsplit_once('.')?;
    (!host.is_empty() && top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_lowercase()))
        .then_some(end)
}

#[cfg(test)]
mod tests {
    use super::{Folded, Rule, find};

    fn found(text: &str) -> Vec<(Rule, String)> {
        let folded = Folded::new(text);
        let mut hits = Vec::new();
        find(&folded, &mut hits);
        let cut = |range: std::ops::Range<usize>| {
            text[folded.offsets[range.start]..folded.offsets[range.end]].to_owned()
        };
        hits.into_iter()
            .map(|(rule, range)| (rule, cut(range)))
            .collect()
    }

    #[test]
    fn each_kind_is_found_whole() {
        for (text, rule, hit) in [
            // The example of the standard.
            (
                "身份证11010519491231002X。",
                Rule::ResidentId,
                "11010519491231002X",
            ),
            (
                "１１０１０５１９４９１２３１００２ｘ",
                Rule::ResidentId,
                "１１０１０５１９４９１２３１００２ｘ",
            ),
            ("电话13812345678,", Rule::Mobile, "13812345678"),
            ("+86 138-1234-5678", Rule::Mobile, "+86 138-1234-5678"),
            ("卡4111111111111111好", Rule::BankCard, "4111111111111111"),
            (
                "写信给 Zhang.San+1@gov.example.cn.",
                Rule::Email,
                "Zhang.San+1@gov.example.cn",
            ),
            ("护照E12345678", Rule::Passport, "E12345678"),
            ("护照EA1234567", Rule::Passport, "EA1234567"),
        ] {
            assert_eq!(found(text), [(rule, hit.to_owned())], "{text}");
        }
    }

    #[test]
    fn wrong_check_digits_dates_and_neighbours_are_not_found() {
        for text in [
            "110105194912310021",
            "11010519491331002X",
            "4111111111111112",
            "订单138123456789",
            "213812345678",
            "xE12345678",
            "E123456789",
            "a@b",
            "@example.com",
            "版本 1.2.3 于 2026-11-22 发布，共 1234567890 条",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
