//! Whether a line is a heading, begins an item or is an item of a list.

use super::number::{Number, Rank, number};
use crate::kb::passage::SectionKind;

/// A line that is a heading as a whole has at most this many characters.
const HEADING_CHARS: usize = 45;
/// The first sentence of an item is its title up to this many characters.
const TITLE_CHARS: usize = 40;
/// A numbered line without a title begins an item if it is longer than this, in characters.
const ITEM_CHARS: usize = 80;
/// A heading without a number stands before a paragraph of at least this many characters.
const BODY_CHARS: usize = 60;

/// What a line means for the structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// The line is a heading and nothing else.
    Heading { rank: Rank, title: &'a str },
    /// The line begins an item: a title, or only a number, and its text.
    Item { rank: Rank, title: &'a str },
    /// An item of a list within the running passage, with its rank.
    Listed(Rank),
    /// `办理时限：5个工作日`: a label for this line alone.
    Labelled { title: &'a str },
    /// Running text.
    Text,
}

/// What stands below a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// The text ends.
    Nothing,
    /// A table.
    Table,
    /// A line.
    Line(&'a str),
}

impl Next<'_> {
    fn rank(self) -> Option<Rank> {
        match self {
            Self::Line(line) => number(line).map(|number| number.rank),
            Self::Nothing | Self::Table => None,
        }
    }

    /// Whether it is what a heading heads: a table, or a paragraph long enough.
    fn is_body(self) -> bool {
        match self {
            Self::Line(line) => !fewer(line, BODY_CHARS) && line.contains('。'),
            Self::Table => true,
            Self::Nothing => false,
        }
    }
}

/// The role of a trimmed line between its neighbours. `listed` is the rank of the list that the
/// line before belongs to.
pub(super) fn role<'a>(line: &'a str, next: Next<'_>, listed: Option<Rank>) -> Role<'a> {
    if let Some(title) = in_black_brackets(line) {
        return Role::Heading {
            rank: Rank::First,
            title,
        };
    }
    match number(line) {
        Some(number) => numbered(line, number, next, listed),
        None => unnumbered(line, next),
    }
}

/// `【受理条件】`.
fn in_black_brackets(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('【')?.strip_suffix('】')?;
    (!inner.is_empty() && !inner.contains('】') && fewer(inner, HEADING_CHARS)).then_some(inner)
}

fn numbered<'a>(line: &'a str, found: Number, next: Next<'_>, listed: Option<Rank>) -> Role<'a> {
    let rank = found.rank;
    let label = line.get(..found.len).unwrap_or_default().trim_end();
    let rest = line.get(found.len..).unwrap_or_default();
    let whole = fewer(line, HEADING_CHARS) && !rest.contains(['。', '；', '！', '？', ';']);
    if rank <= Rank::Section {
        let fits = whole && !line.ends_with(['，', ',', '、']);
        return if fits {
            heading(rank, line)
        } else {
            Role::Text
        };
    }
    if rank == Rank::Article {
        return Role::Item { rank, title: label };
    }
    let next_number = next.rank();
    let in_list = listed == Some(rank) || next_number == Some(rank);
    if whole && !rest.is_empty() && !line.ends_with(['，', ',', '、', '.']) {
        let introduces = line.ends_with(['：', ':']);
        // Low numbers head a paragraph only if one follows; a bare list stays text.
        let body = rank <= Rank::Second || introduces || next.is_body();
        let heads = next != Next::Nothing && (introduces || (body && next_number != Some(rank)));
        let listed_before = listed == Some(rank) && rank > Rank::First;
        return if heads && !listed_before {
            heading(rank, line)
        } else {
            Role::Listed(rank)
        };
    }
    if let Some(end) = rest
        .find('。')
        .filter(|end| end + '。'.len_utf8() < rest.len())
        && let Some(title) = line.get(..found.len + end)
        && fewer(title, TITLE_CHARS)
        && !title.contains(['；', ';'])
    {
        return Role::Item { rank, title };
    }
    let list_item = in_list && line.ends_with(['；', ';']);
    if !list_item && !fewer(line, ITEM_CHARS) {
        return Role::Item { rank, title: label };
    }
    Role::Listed(rank)
}

fn unnumbered<'a>(line: &'a str, next: Next<'_>) -> Role<'a> {
    if let Some(at) = line.find(['：', ':'])
        && let Some(title) = line.get(..at)
        && fewer(title, 8)
        && SectionKind::of_heading(title) != SectionKind::Other
    {
        let rest = line
            .get(at..)
            .unwrap_or_default()
            .trim_matches(['：', ':', ' ']);
        return if rest.is_empty() {
            Role::Heading {
                rank: Rank::Fourth,
                title,
            }
        } else {
            Role::Labelled { title }
        };
    }
    let inside = |char: char| char.is_alphanumeric() || "“”‘’（）()《》、·—-+ 　".contains(char);
    let title = line.chars().all(inside)
        && fewer(line, 30)
        && !fewer(line, 3)
        && !line.starts_with(['（', '('])
        && is_mostly_han(line)
        && !is_date(line);
    if title && next.is_body() {
        return Role::Heading {
            rank: Rank::Third,
            title: line,
        };
    }
    Role::Text
}

fn heading(rank: Rank, line: &str) -> Role<'_> {
    let title = line.trim_end_matches(['：', ':']);
    Role::Heading { rank, title }
}

/// Whether at least half of a line is Chinese characters: glued dates and codes are no titles.
fn is_mostly_han(line: &str) -> bool {
    let han = |char: &char| matches!(char, '\u{3400}'..='\u{9fff}');
    line.chars().filter(han).count() * 2 >= line.chars().count()
}

fn is_date(line: &str) -> bool {
    let digits = line.chars().filter(char::is_ascii_digit).count();
    digits >= 4 && (line.contains('年') || line.contains('-')) && fewer(line, 14)
}

/// Whether a text has at most so many characters; looks no further than it must.
pub(super) fn fewer(text: &str, chars: usize) -> bool {
    text.chars().nth(chars).is_none()
}
