//! Negations and words of may and must, clause by clause.

use super::Unsupported;
use crate::retrieve::terms;

/// Words that deny or forbid. `不超过` and the like are bounds, not denials.
const NO: &[&str] = &["不", "未", "没有", "无需", "禁止", "非", "免", "无"];
/// Words with such a character that deny nothing.
const NOT_NO: &[&str] = &[
    "不超过",
    "不少于",
    "不低于",
    "不高于",
    "不足",
    "不满",
    "不动产",
    "不同",
    "不限于",
    "无障碍",
    "非物质",
    "免申即享",
    "未来",
    "除非",
    "不仅",
    "无论",
    "不论",
    "不断",
    "无人",
    "未成年",
];
/// Words of may, must and must not, each with those that say the same.
const MODALS: &[&[&str]] = &[
    &["不得", "禁止", "不可", "不能", "严禁", "不允许"],
    &["应当", "必须", "须", "应"],
    &["可以", "可", "允许", "能够"],
    &[
        "不需要",
        "无需",
        "不必",
        "不用",
        "免于",
        "免交",
        "免收",
        "免费",
    ],
];

/// Compares each clause of a folded sentence with the clause of its sources that is most like it.
pub(super) fn check(said: &str, sources: &str) -> Result<(), Unsupported> {
    for clause in clauses(said) {
        let near = clauses(sources)
            .map(|other| (alike(clause, other), other))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((share, near)) = near else {
            continue;
        };
        if share > 0.0 && denies(clause) != denies(near) {
            return Err(Unsupported::Negation(clause.to_owned()));
        }
    }
    // Longer words first: `不可` is no `可`.
    for group in MODALS {
        let used = group.iter().find(|word| has_word(said, word));
        if let Some(word) = used
            && !group.iter().any(|word| has_word(sources, word))
        {
            return Err(Unsupported::Modal((*word).to_owned()));
        }
    }
    Ok(())
}

fn clauses(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '。', '!', '?', ':', '\n', '，', '；', '：'])
        .map(str::trim)
        .filter(|clause| clause.chars().nth(1).is_some())
}

fn denies(clause: &str) -> bool {
    let mut rest = clause.to_owned();
    for word in NOT_NO {
        rest = rest.replace(word, " ");
    }
    NO.iter().any(|word| rest.contains(word))
}

/// Whether a text has a word that is not the end of a denying one.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        word.starts_with(['不', '禁', '严', '无', '免']) || !before.ends_with(['不', '无', '许'])
    })
}

/// Share of one clause's terms that another has.
fn alike(clause: &str, other: &str) -> f64 {
    let parts = terms(clause);
    let pairs: Vec<_> = parts
        .iter()
        .filter(|t| t.text.chars().nth(1).is_some())
        .collect();
    let found = pairs
        .iter()
        .filter(|term| other.contains(term.text))
        .count();
    found as f64 / pairs.len().max(1) as f64
}
