//! Pieces to lines, in reading order.

use super::glyphs::Piece;

/// A gap wider than this many font sizes parts cells of a table.
const CELL_GAP: f64 = 1.4;
/// Pieces whose baselines differ by at most this share of the font size are on one line.
const SAME_LINE: f64 = 0.45;

/// A line of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Its cells; one where no wide gap parts it.
    pub(super) cells: Vec<String>,
    pub(super) x: f64,
    pub(super) end: f64,
    pub(super) y: f64,
    pub(super) size: f64,
}

impl Line {
    /// The whole line.
    pub(super) fn text(&self) -> String {
        self.cells.join(" ")
    }
}

/// The lines of a page from its pieces.
///
/// Programs write text in reading order, columns included, so their order is kept where it goes
/// down the page most of the time; else lines are ordered by their place.
pub(super) fn of_pieces(pieces: Vec<Piece>) -> Vec<Line> {
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| same_line(last, &piece)) => {
                group.push(piece);
            }
            _ => groups.push(vec![piece]),
        }
    }
    let baseline = |group: &[Piece]| group.first().map_or(0.0, |piece| piece.y);
    let upward = groups
        .windows(2)
        .filter(|pair| baseline(&pair[1]) > baseline(&pair[0]) + 1.0)
        .count();
    if upward * 4 > groups.len() {
        groups = by_place(groups);
    }
    groups.into_iter().filter_map(line).collect()
}

fn same_line(last: &Piece, next: &Piece) -> bool {
    let size = last.size.max(next.size);
    (last.y - next.y).abs() <= SAME_LINE * size && next.x > last.x - 0.5 * size
}

/// Lines ordered from the top to the bottom; those on one baseline are one.
fn by_place(groups: Vec<Vec<Piece>>) -> Vec<Vec<Piece>> {
    let mut pieces: Vec<Piece> = groups.into_iter().flatten().collect();
    pieces.sort_by(|a, b| b.y.total_cmp(&a.y).then(a.x.total_cmp(&b.x)));
    let mut ordered: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        match ordered.last_mut() {
            Some(group)
                if group.first().is_some_and(|first| {
                    (first.y - piece.y).abs() <= SAME_LINE * first.size.max(piece.size)
                }) =>
            {
                group.push(piece);
            }
            _ => ordered.push(vec![piece]),
        }
    }
    ordered
}

fn line(mut pieces: Vec<Piece>) -> Option<Line> {
    pieces.sort_by(|a, b| a.x.total_cmp(&b.x));
    let (x, y) = pieces.first().map(|piece| (piece.x, piece.y))?;
    let size = pieces.iter().map(|piece| piece.size).fold(0.0, f64::max);
    let mut cells = vec![String::new()];
    let mut end = x;
    for piece in pieces {
        let gap = piece.x - end;
        let cell = cells.last_mut()?;
        if gap > CELL_GAP * size && !cell.trim().is_empty() {
            cells.push(piece.text);
        } else {
            let narrow = |char: Option<char>| char.is_some_and(|char| char < '\u{2e80}');
            let words = narrow(cell.chars().next_back()) && narrow(piece.text.chars().next());
            if gap > 0.2 * size && words {
                cell.push(' ');
            }
            cell.push_str(&piece.text);
        }
        end = end.max(piece.end);
    }
    for cell in &mut cells {
        *cell = cell.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    cells.retain(|cell| !cell.is_empty());
    (!cells.is_empty()).then_some(Line {
        cells,
        x,
        end,
        y,
        size,
    })
}
