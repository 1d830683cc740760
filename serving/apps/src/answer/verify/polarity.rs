//! Negations and words of may and must, clause by clause.

use super::Unsupported;
use super::denials::read;
use super::segment::{Rival, Segment, is_about, pairs};

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
        "不收费",
        "不收取",
    ],
];

/// Compares each clause of a folded sentence with the clause of its sources that is most like it,
/// and each part of it with the parts that say yes and those that say no of what it is about.
/// Parts `beside` the sources only compete.
pub(super) fn check(
    said: &[Segment<'_>],
    sources: &[Segment<'_>],
    beside: &[Segment<'_>],
    titles: &str,
) -> Result<(), Unsupported> {
    let known: Vec<String> = sources
        .iter()
        .flat_map(|part| read(part.text).objects)
        .collect();
    for clause in said.iter().flat_map(|part| clauses(part.text)) {
        let mine = read(clause);
        let theirs = nearest(clause, sources).map(read);
        // Two denials may make one claim.
        let turned = theirs.is_some_and(|theirs| {
            let (mine, theirs) = (mine.objects.len(), theirs.objects.len());
            (mine > 0) != (theirs > 0) || mine % 2 != theirs % 2
        });
        if turned || !mine.objects.iter().all(|object| known.contains(object)) {
            return Err(Unsupported::Negation(clause.to_owned()));
        }
    }
    for part in said {
        let rival = |segment: &Segment<'_>| Rival {
            words: read(&segment.words()).about,
            agrees: segment.denies == part.denies,
        };
        let others = beside.iter().map(rival).filter(|rival| !rival.agrees);
        let rivals: Vec<Rival> = sources.iter().map(rival).chain(others).collect();
        if !is_about(&read(&part.words()).about, &rivals, titles) {
            return Err(Unsupported::Negation(part.text.to_owned()));
        }
    }
    modals(said, sources)
}

/// The clause of the sources that has most of a clause's words, or the part with several clauses
/// where that has more.
fn nearest<'a>(clause: &str, sources: &'a [Segment<'a>]) -> Option<&'a str> {
    let best = |all: &mut dyn Iterator<Item = &'a str>| {
        let ranked = all.map(|other| (alike(clause, other), other));
        ranked.max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let in_clause = best(&mut sources.iter().flat_map(|part| clauses(part.text)))?;
    let in_part = best(&mut sources.iter().map(|part| part.text))?;
    let (share, near) = if in_part.0 > in_clause.0 {
        in_part
    } else {
        in_clause
    };
    (share > 0.0).then_some(near)
}

fn modals(said: &[Segment<'_>], sources: &[Segment<'_>]) -> Result<(), Unsupported> {
    let any =
        |parts: &[Segment<'_>], word: &str| parts.iter().any(|part| has_word(part.text, word));
    // Longer words first: `不可` is no `可`.
    for group in MODALS {
        let used = group.iter().find(|word| any(said, word));
        if let Some(word) = used
            && !group.iter().any(|word| any(sources, word))
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

/// Whether a text has a word that is not the end of a denying one.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        word.starts_with(['不', '禁', '严', '无', '免']) || !before.ends_with(['不', '无', '许'])
    })
}

/// Share of one clause's pairs that another has.
fn alike(clause: &str, other: &str) -> f64 {
    let mine = pairs(clause);
    let found = mine.iter().filter(|(pair, _)| other.contains(pair)).count();
    found as f64 / mine.len().max(1) as f64
}
