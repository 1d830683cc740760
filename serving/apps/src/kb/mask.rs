//! Personal numbers masked before a text is stored, indexed or logged.
//!
//! Sources: GB 11643-1999 (identity numbers, check digit ISO 7064 MOD 11-2), ISO/IEC 7812-1
//! (payment cards, Luhn), GB 32100-2015 (unified social credit codes: public, never masked),
//! GA 36-2018 (number plates).

use std::ops::Range;

mod check;
mod find;

pub use find::MaskedKind;

/// A text with its personal numbers masked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Masked {
    /// The text; masked characters stand as `*`, those of three bytes as `＊`, so that every byte
    /// range of one text is one of the other.
    pub text: String,
    /// What was masked, as bytes of the text that was given, in order, without overlap.
    pub found: Vec<(MaskedKind, Range<usize>)>,
}

/// Masks every personal number: for questions, tickets and logs.
pub fn mask(text: &str) -> Masked {
    hidden(text, find::find(text))
}

/// Masks the personal numbers of a published text. Numbers that the text itself publishes stay:
/// those after words such as 电话, 热线 or 邮箱, which people are meant to use. Identity and card
/// numbers and plates never stay.
pub fn mask_published(text: &str) -> Masked {
    let mut found = find::find(text);
    found.retain(|(kind, range)| !kind.may_be_public() || !find::is_announced(text, range.start));
    hidden(text, found)
}

fn hidden(text: &str, found: Vec<(MaskedKind, Range<usize>)>) -> Masked {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for (kind, range) in &found {
        masked.push_str(text.get(at..range.start).unwrap_or_default());
        let number = text.get(range.clone()).unwrap_or_default();
        let (first, last) = kind.shown();
        let count = number.chars().count();
        for (place, char) in number.chars().enumerate() {
            let shown = place < first || place + last >= count || matches!(char, '@' | '＠');
            masked.push(if shown { char } else { star(char) });
        }
        at = range.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    Masked {
        text: masked,
        found,
    }
}

/// What hides a character; as long as it is. Signs of two bytes, such as the point of a plate, say
/// nothing.
fn star(char: char) -> char {
    match char.len_utf8() {
        1 => '*',
        3 => '＊',
        _ => char,
    }
}
