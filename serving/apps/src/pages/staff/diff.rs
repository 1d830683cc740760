//! Which lines two texts do not share (longest common subsequence). Pure.

/// Beyond so many pairs of lines the middle is shown as replaced.
const MAX_PAIRS: usize = 4_000_000;

/// A line, or how many lines both have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change<'a> {
    Same(usize),
    Gone(&'a str),
    New(&'a str),
}

/// The changes from an old text to a new one.
pub(super) fn changes<'a>(old: &'a str, new: &'a str) -> Vec<Change<'a>> {
    let old: Vec<&str> = lines(old);
    let new: Vec<&str> = lines(new);
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (
        old.get(head..).unwrap_or_default(),
        new.get(head..).unwrap_or_default(),
    );
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let old = old.get(..old.len() - tail).unwrap_or_default();
    let new = new.get(..new.len() - tail).unwrap_or_default();
    let mut found = vec![Change::Same(head)];
    if old.len().saturating_mul(new.len()) > MAX_PAIRS {
        found.extend(old.iter().map(|line| Change::Gone(line)));
        found.extend(new.iter().map(|line| Change::New(line)));
    } else {
        walk(old, new, &mut found);
    }
    same(&mut found, tail);
    found
}

fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect()
}

fn same(found: &mut Vec<Change<'_>>, lines: usize) {
    match found.last_mut() {
        Some(Change::Same(known)) => *known += lines,
        _ => found.push(Change::Same(lines)),
    }
}

fn walk<'a>(old: &[&'a str], new: &[&'a str], found: &mut Vec<Change<'a>>) {
    let width = new.len() + 1;
    // longest[i * width + j]: common lines of old[i..] and new[j..].
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[at(i, j)] = if old[i] == new[j] {
                longest[at(i + 1, j + 1)] + 1
            } else {
                longest[at(i + 1, j)].max(longest[at(i, j + 1)])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            same(found, 1);
            (i, j) = (i + 1, j + 1);
        } else if j >= new.len()
            || (i < old.len() && longest[at(i + 1, j)] >= longest[at(i, j + 1)])
        {
            found.push(Change::Gone(old[i]));
            i += 1;
        } else {
            found.push(Change::New(new[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, changes};

    #[test]
    fn only_what_changed_is_told() {
        let found = changes("一\n二\n三\n四", "一\n贰\n三\n四\n五");
        let wanted = [
            Change::Same(1),
            Change::Gone("二"),
            Change::New("贰"),
            Change::Same(2),
            Change::New("五"),
            Change::Same(0),
        ];
        assert_eq!(found, wanted);
        assert_eq!(changes("a\nb", "a\nb\n"), [Change::Same(2)]);
        assert_eq!(
            changes("", "x"),
            [Change::Same(0), Change::New("x"), Change::Same(0)]
        );
    }
}
