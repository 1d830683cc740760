//! The sentences of a block, as byte ranges; brackets and quotations are not torn apart.

use std::ops::Range;

/// Brackets and quotations up to this many bytes stay whole.
const WHOLE_BYTES: usize = 600;
/// A sentence longer than this, in bytes, is cut at a comma.
const LONGEST: usize = 1500;
/// Most brackets that are open at once; deeper ones are not matched.
const MAX_OPEN: usize = 16;

const PAIRS: [(char, char); 10] = [
    ('（', '）'),
    ('(', ')'),
    ('“', '”'),
    ('‘', '’'),
    ('「', '」'),
    ('『', '』'),
    ('《', '》'),
    ('〈', '〉'),
    ('【', '】'),
    ('[', ']'),
];

/// Adds the sentences of `text[range]` to `found`.
pub(super) fn split(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let block = text.get(range.clone()).unwrap_or_default();
    let whole = whole_ranges(block);
    let mut whole = whole.iter().peekable();
    let mut start = 0;
    let mut protected = 0;
    let mut chars = block.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        while let Some(next) = whole.next_if(|next| next.start <= at) {
            protected = protected.max(next.end);
        }
        let end = at + char.len_utf8();
        let next = chars.peek().map(|(_, next)| *next);
        let ends = if at < protected {
            // A quotation that ends its own sentence ends ours, unless the sentence goes on.
            end == protected && ended_inside(block, at) && next.is_some_and(begins_sentence)
        } else {
            is_end(char, next)
        };
        if !ends || next.is_some_and(|next| is_end(next, None) || is_close(next)) {
            continue;
        }
        push(text, range.start + start..range.start + end, found);
        start = end;
    }
    push(text, range.start + start..range.end, found);
}

/// Whether a sentence ends at a character.
fn is_end(char: char, next: Option<char>) -> bool {
    match char {
        '。' | '！' | '？' | '；' => true,
        // In addresses and code these are signs among others.
        '!' | '?' | ';' => next.is_none_or(|next| !next.is_ascii_graphic()),
        _ => false,
    }
}

fn is_close(char: char) -> bool {
    PAIRS.iter().any(|(_, close)| *close == char)
}

fn begins_sentence(char: char) -> bool {
    char.is_alphanumeric() && !matches!(char, '的' | '等' | '和' | '与' | '及')
        || PAIRS.iter().any(|(open, _)| *open == char)
}

/// Whether the last character before `at` ends a sentence.
fn ended_inside(block: &str, at: usize) -> bool {
    let before = block
        .get(..at)
        .and_then(|before| before.chars().next_back());
    before.is_some_and(|char| matches!(char, '。' | '！' | '？'))
}

/// Ranges of matched brackets and quotations, ordered by their beginning.
fn whole_ranges(block: &str) -> Vec<Range<usize>> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut whole: Vec<Range<usize>> = Vec::new();
    for (at, char) in block.char_indices() {
        if char < '\u{80}' && !matches!(char, '(' | ')' | '[' | ']') {
            continue;
        }
        if let Some((_, close)) = PAIRS.iter().find(|(open, _)| *open == char) {
            if open.len() == MAX_OPEN {
                open.remove(0);
            }
            open.push((*close, at));
        } else if let Some(found) = open.iter().rposition(|(close, _)| *close == char) {
            let start = open[found].1;
            open.truncate(found);
            let end = at + char.len_utf8();
            if end - start <= WHOLE_BYTES {
                whole.push(start..end);
            }
        }
    }
    whole.sort_unstable_by_key(|range| range.start);
    whole
}

/// Adds a range without blanks and list marks, in pieces of bearable length.
fn push(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let Some(piece) = text.get(range.clone()) else {
        return;
    };
    let body = piece.trim_start();
    let marks = ["- ", "* ", "> ", "+ ", "• ", "● ", "· "];
    let body = marks
        .iter()
        .find_map(|mark| body.strip_prefix(mark))
        .unwrap_or(body);
    let body = body.trim_start();
    let mut start = range.start + (piece.len() - body.len());
    let mut rest = body.trim_end();
    while rest.len() > LONGEST {
        let cut = cut_at(rest);
        let (piece, after) = rest.split_at(cut);
        found.push(start..start + piece.trim_end().len());
        let blanks = after.len() - after.trim_start().len();
        start += cut + blanks;
        rest = after.trim_start();
    }
    if rest.chars().any(char::is_alphanumeric) {
        found.push(start..start + rest.len());
    }
}

/// Where an overlong sentence is cut: after its last comma or blank within bounds, else anywhere
/// between two characters.
fn cut_at(rest: &str) -> usize {
    let limit = rest.floor_char_boundary(LONGEST);
    let head = rest.get(..limit).unwrap_or(rest);
    let mark = head.rfind(['，', '、', ',', ' ', '\t', '|']);
    mark.and_then(|at| head[at..].chars().next().map(|char| at + char.len_utf8()))
        .filter(|cut| *cut > LONGEST / 4)
        .unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::split;

    fn sentences(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        split(text, 0..text.len(), &mut found);
        found.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn sentences_end_where_people_end_them() {
        let cases: [(&str, &[&str]); 9] = [
            ("甲。乙；丙", &["甲。", "乙；", "丙"]),
            (
                "按“谁主管；谁负责”原则。办理。",
                &["按“谁主管；谁负责”原则。", "办理。"],
            ),
            ("他说：“好。”然后走了。", &["他说：“好。”", "然后走了。"]),
            (
                "建成。（责任单位：甲局；乙局）",
                &["建成。", "（责任单位：甲局；乙局）"],
            ),
            (
                "(牵头:甲局、各旗(区)，时限:2025年。)下一项。",
                &["(牵头:甲局、各旗(区)，时限:2025年。)", "下一项。"],
            ),
            ("括号没有关（甲。乙。", &["括号没有关（甲。", "乙。"]),
            (
                "见http://a.cn/?x=1;y=2页。",
                &["见http://a.cn/?x=1;y=2页。"],
            ),
            (
                "达99.4%。真的吗？！是。",
                &["达99.4%。", "真的吗？！", "是。"],
            ),
            ("- 身份证;\u{3000}", &["身份证;"]),
        ];
        for (text, expected) in cases {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn endless_sentences_are_cut_and_nothing_is_lost() {
        let text = "甲乙丙，".repeat(1000);
        let found = sentences(&text);
        assert!(found.len() > 5);
        assert_eq!(found.concat(), text);
        let solid = "甲".repeat(5000);
        assert_eq!(sentences(&solid).concat(), solid);
    }
}
