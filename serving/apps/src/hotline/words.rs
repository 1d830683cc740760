//! The word lists of the hotline, read once from the files beside this one.

use std::sync::LazyLock;

use super::class::Class;

/// A word, the class that it speaks for, and how strongly.
pub(super) struct Term {
    pub(super) class: Class,
    pub(super) weight: f32,
    pub(super) word: &'static str,
}

/// Somebody who takes tickets.
pub(super) struct Body {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    /// Words in the names of such bodies.
    pub(super) issuers: Vec<&'static str>,
    /// Words of tickets that are plainly theirs.
    pub(super) strong: Vec<&'static str>,
    /// Words of tickets that may be theirs.
    pub(super) weak: Vec<&'static str>,
}

pub(super) static TERMS: LazyLock<Vec<Term>> = LazyLock::new(|| {
    let lines = content(include_str!("terms.txt"));
    lines.flat_map(terms_of).collect()
});

pub(super) static BODIES: LazyLock<Vec<Body>> = LazyLock::new(|| {
    content(include_str!("bodies.txt"))
        .filter_map(|line| {
            let mut parts = line.split('|');
            Some(Body {
                code: parts.next()?,
                name: parts.next()?,
                issuers: parts.next()?.split_whitespace().collect(),
                strong: parts.next()?.split_whitespace().collect(),
                weak: parts.next()?.split_whitespace().collect(),
            })
        })
        .collect()
});

fn content(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

fn terms_of(line: &'static str) -> Vec<Term> {
    let mut parts = line.split_whitespace();
    let class = parts.next().and_then(Class::parse);
    let weight = parts.next().and_then(|weight| weight.parse().ok());
    match (class, weight) {
        (Some(class), Some(weight)) => parts
            .map(|word| Term {
                class,
                weight,
                word,
            })
            .collect(),
        _ => Vec::new(),
    }
}
