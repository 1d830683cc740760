//! Pure: what a text says of itself, from its head, its page's metadata and its own words.

use std::ops::Range;

use jiff::civil::Date;

use super::dates::{date_at, whole_date};
use super::fields::{declared_label, own_day, period, plan_period, put};
use super::lines::{Line, Pair, last_lines, pairs, top_lines};
use super::names::{
    document_number, draft_word, is_body, is_title, issuer_of_title, place_of, without_brackets,
};
use super::{Declared, Head, term};
use crate::kb::extract::Extract;
use crate::kb::script::{bare, is_han, simplified};

/// A longer line, in bytes, is a sentence of the text.
const LONG_LINE: usize = 240;
/// A text replaces at most so many others.
const MOST_NAMES: usize = 50;
/// Bytes in which a place's name is counted.
const NEAR: usize = 1 << 18;
/// Lines at the end in which a signature may stand.
const LAST: usize = 12;

/// What a text says of itself. Values stay in the text's own script.
///
/// First what was declared on purpose (a head, file properties), then the metadata of its page
/// (`发文字号: …`), then its own words: title, number, signature, `自…起施行`, `同时废止`.
pub fn read_head(extract: &Extract) -> Head {
    let mut head = Head::default();
    for (key, value) in &extract.declared {
        if let Some(label) = declared_label(key) {
            put(&mut head, label, value);
        }
    }
    let top = top_lines(extract);
    let original = |line: &Line| extract.text.get(line.range.clone()).unwrap_or_default();
    let told = metadata(&top, extract);
    for pair in told.iter().flatten() {
        put(&mut head, pair.label, &pair.value);
    }
    let lines = top.iter().zip(&told);
    let body: Vec<&Line> = lines
        .filter(|(line, pairs)| !line.furniture && pairs.is_empty())
        .map(|(line, _)| line)
        .collect();
    if head.title.is_empty() {
        head.title = title(&body, &original).unwrap_or_default();
    }
    if head.number.is_none() {
        let numbers = body
            .iter()
            .filter_map(|line| document_number(original(line)));
        head.number = numbers.into_iter().next();
    }
    sign(&mut head, extract, &body, &original);
    let words = simplified(&extract.text);
    draft(&mut head, &body);
    terms(&mut head, &words, &extract.text);
    if head.period.is_none() {
        head.period = own_period(&head.title, &words);
    }
    if head.place.is_none() {
        head.place = place(&head, &words);
    }
    head
}

/// The byte at which the body begins: after a head between `---` lines, or after the metadata of a
/// page.
pub fn head_end(extract: &Extract) -> usize {
    let text = &extract.text;
    if let Some(rest) = text.trim_start_matches('\u{feff}').strip_prefix("---\n")
        && let Some(at) = rest.find("\n---")
    {
        let from = text.len() - rest.len() + at + 4;
        let line = text.get(from..).and_then(|rest| rest.find('\n'));
        return line.map_or(text.len(), |end| from + end + 1);
    }
    let top = top_lines(extract);
    let told = metadata(&top, extract);
    let mut lines = top.iter().zip(&told).filter(|(_, pairs)| !pairs.is_empty());
    lines.next_back().map_or(0, |(line, _)| line.range.end)
}

/// The pairs of each line; none from the first sentence on, where labels are words of the text.
fn metadata(top: &[Line], extract: &Extract) -> Vec<Vec<Pair>> {
    let mut begun = false;
    let of = |line: &Line| {
        let original = extract.text.get(line.range.clone()).unwrap_or_default();
        let found = if begun {
            Vec::new()
        } else {
            pairs(line, original)
        };
        begun |= found.is_empty() && (line.text.contains('。') || line.range.len() > LONG_LINE);
        found
    };
    top.iter().map(of).collect()
}

/// The first line that reads like a title; it may run over two lines (`某某政府` / `关于…的通知`).
fn title<'a>(body: &[&'a Line], original: &impl Fn(&'a Line) -> &'a str) -> Option<String> {
    let top = body.iter().take(25);
    let heading = top
        .clone()
        .find(|line| line.heading && line.text.chars().count() <= 100);
    let found = heading.or_else(|| top.clone().find(|line| is_title(&line.text)))?;
    let text = original(found).trim_start_matches('#').trim();
    Some(text.split_whitespace().collect::<Vec<_>>().concat())
}

/// Issuer and date from the title and the signature.
fn sign<'a>(
    head: &mut Head,
    extract: &Extract,
    body: &[&'a Line],
    original: &impl Fn(&'a Line) -> &'a str,
) {
    let last = last_lines(extract, LAST);
    if head.written.is_none() {
        let whole = |line: &&Line| whole_date(&line.text);
        let top = body.iter().copied().find_map(|line| whole(&line));
        let end = last.iter().filter(|line| !line.furniture);
        head.written = top.or_else(|| end.rev().find_map(|line| whole(&line)));
    }
    if head.issuer.is_some() {
        return;
    }
    let folded = simplified(&head.title);
    let by_title = issuer_of_title(&folded).and_then(|body| head.title.get(..body.len()));
    let signed = body.windows(2).find_map(|pair| {
        let [name, date] = pair else { return None };
        let signed =
            is_body(&name.text) && (whole_date(&date.text).is_some() || is_glued(&date.text));
        signed.then(|| original(name).to_owned())
    });
    head.issuer = by_title.map(str::to_owned).or(signed);
}

/// A date that lost its signs, such as `2023325`.
fn is_glued(line: &str) -> bool {
    let line = line.trim();
    (6..=8).contains(&line.len())
        && line.starts_with("20")
        && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text whose title calls it a draft is one, whatever stands in its page's metadata.
fn draft(head: &mut Head, body: &[&Line]) {
    let told = |line: &str| {
        let asks = line.contains("征求") && line.contains("意见");
        let announced = ["意见的公告", "意见的通知"];
        draft_word(line).is_some() || asks && announced.iter().any(|word| line.contains(word))
    };
    let named = told(&simplified(&head.title))
        || body
            .iter()
            .take(25)
            .any(|line| is_title(&line.text) && told(&line.text));
    if named && head.declared == Declared::Unstated {
        head.declared = Declared::Draft;
    }
}

/// `自2024年7月1日起施行，有效期5年`, `《…》同时废止`, in the words of the text.
fn terms(head: &mut Head, words: &str, original: &str) {
    for (at, _) in words
        .match_indices("起施行")
        .chain(words.match_indices("起实施"))
    {
        let before = tail(words, at, 90);
        let Some(from) = before.rfind('自') else {
            continue;
        };
        let told = before.get(from + '自'.len_utf8()..).unwrap_or_default();
        if ["发布之日", "印发之日", "公布之日"].contains(&told) {
            let own = own_day(head);
            keep(&mut head.effective, own);
        } else if let Some((day, used)) = date_at(told)
            && used == told.len()
            && is_own(before.get(..from).unwrap_or_default())
        {
            keep(&mut head.effective, Some(day));
        }
    }
    let first = head.effective;
    let told = term::terms(words);
    let end = told.iter().find_map(|(_, term)| term.end(first));
    keep(&mut head.repealed, end);
    for (at, _) in words.match_indices("同时废止") {
        let from = at - tail(words, at, 300).len();
        let clause = from
            + words
                .get(from..at)
                .and_then(|w| w.rfind('。'))
                .map_or(0, |p| p + 3);
        head.supersedes
            .extend(quoted(original.get(clause..at).unwrap_or_default()));
    }
    head.supersedes.sort();
    head.supersedes.dedup();
    head.supersedes.truncate(MOST_NAMES);
}

/// Whether a date before `起施行` is of this text: `本办法自`, or the beginning of a sentence.
fn is_own(before: &str) -> bool {
    let clause = before
        .rsplit(['。', '；', '\n', '，', ','])
        .next()
        .unwrap_or_default()
        .trim();
    clause.contains('本') || clause.is_empty() || clause.starts_with('第')
}

/// Where a text says for how long it holds, and when that ends is not known.
pub(crate) fn unread_term(head: &Head, words: &str) -> Option<Range<usize>> {
    if head.repealed.is_some() {
        return None;
    }
    let mut told = term::terms(words).into_iter();
    told.find_map(|(place, term)| term.end(head.effective).is_none().then_some(place))
}

/// Names in `《》`, and the numbers after them.
fn quoted(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('《') {
        let after = rest.get(open + '《'.len_utf8()..).unwrap_or_default();
        let Some(close) = after.find('》') else {
            break;
        };
        let name = after.get(..close).unwrap_or_default();
        if !name.is_empty() {
            names.push(name.to_owned());
        }
        rest = after.get(close + '》'.len_utf8()..).unwrap_or_default();
        let inside = rest
            .strip_prefix(['(', '（'])
            .and_then(|rest| rest.split([')', '）']).next());
        names.extend(inside.and_then(document_number));
    }
    names
}

/// The years of its own plan: in the title, or after `规划期限`.
fn own_period(title: &str, words: &str) -> Option<super::Period> {
    let named = title.rfind(['(', '（']).and_then(|at| title.get(at..));
    let in_title = named.and_then(period);
    let told = || {
        let (_, after) = words.split_once("规划期")?;
        let near: String = after.chars().take(20).collect();
        period(&near)
    };
    in_title
        .or_else(told)
        .or_else(|| plan_period(&simplified(title)))
}

/// The place: of the issuer, of the title, or the one that the title's own word names.
fn place(head: &Head, words: &str) -> Option<String> {
    let of_issuer = head.issuer.as_deref().and_then(place_of);
    let named = of_issuer
        .or_else(|| place_of(&head.title))
        .map(str::to_owned);
    named.or_else(|| place_in_words(&simplified(&head.title), words))
}

/// A place of two characters that the text names often and whose name is in the title: `通辽市` for
/// a title with `数字通辽`.
fn place_in_words(title: &str, words: &str) -> Option<String> {
    let title: Vec<char> = bare(without_brackets(title)).chars().take(40).collect();
    let near = words.floor_char_boundary(NEAR);
    let words = words.get(..near).unwrap_or_default();
    let stems = title
        .windows(2)
        .filter(|pair| pair.iter().all(|char| is_han(*char)));
    let mut best: Option<(usize, String)> = None;
    for stem in stems {
        let stem: String = stem.iter().collect();
        for end in ["市", "盟", "旗", "县"] {
            let name = format!("{stem}{end}");
            let vague = place_of(&name).is_none() || name.ends_with("城市");
            let times = words.matches(&name).count();
            let more = best.as_ref().is_none_or(|(most, _)| times > *most);
            if !vague && times >= 3 && more {
                best = Some((times, name));
            }
        }
    }
    best.map(|(_, name)| name)
}

fn keep(place: &mut Option<Date>, value: Option<Date>) {
    if place.is_none() {
        *place = value;
    }
}

/// At most so many bytes before a place, from a character's beginning on.
fn tail(text: &str, at: usize, most: usize) -> &str {
    let mut from = at.saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..at).unwrap_or_default()
}
