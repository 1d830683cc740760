//! Where glyphs stand: the text state and its matrices (ISO 32000-1, 9.3 and 9.4.4).

use std::rc::Rc;

use lopdf::Object;
use lopdf::content::Operation;

use super::font::Font;
use super::page::Found;
use super::radicals;

/// A run of characters on a page; its place is in points from the lower left corner.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) end: f64,
    pub(super) size: f64,
}

/// A transformation of the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Matrix([f64; 6]);

impl Default for Matrix {
    fn default() -> Self {
        Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    }
}

impl Matrix {
    /// A matrix of six numbers; what is none counts as nothing.
    pub(super) fn of(numbers: &[Object]) -> Self {
        let mut matrix = Self::default();
        for (to, from) in matrix.0.iter_mut().zip(numbers) {
            *to = number(Some(from));
        }
        matrix
    }

    fn moved(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// This transformation, then another.
    #[expect(
        clippy::many_single_char_names,
        reason = "the standard's names of the six numbers"
    )]
    pub(super) fn then(self, next: Self) -> Self {
        let [a, b, c, d, e, f] = self.0;
        let [na, nb, nc, nd, ne, nf] = next.0;
        Self([
            a * na + b * nc,
            a * nb + b * nd,
            c * na + d * nc,
            c * nb + d * nd,
            e * na + f * nc + ne,
            e * nb + f * nd + nf,
        ])
    }

    fn origin(self) -> (f64, f64) {
        (self.0[4], self.0[5])
    }

    /// How long a vertical unit becomes.
    fn height(self) -> f64 {
        self.0[2].hypot(self.0[3])
    }
}

/// The graphics state, as far as text needs it.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) transform: Matrix,
    pub(super) font: Option<Rc<Font>>,
    pub(super) size: f64,
    line: Matrix,
    text: Matrix,
    leading: f64,
    char_space: f64,
    word_space: f64,
    /// Horizontal scaling less one.
    stretch: f64,
    rise: f64,
}

impl State {
    /// An operand as a number; nothing counts as 0.
    #[expect(clippy::unused_self, reason = "reads as part of the state's operators")]
    pub(super) fn number(&self, operation: &Operation, at: usize) -> f64 {
        number(operation.operands.get(at))
    }

    /// Applies an operator that shows nothing.
    pub(super) fn apply(&mut self, operation: &Operation) {
        let n = |at: usize| number(operation.operands.get(at));
        match operation.operator.as_str() {
            "cm" => self.transform = Matrix::of(&operation.operands).then(self.transform),
            "BT" => (self.text, self.line) = (Matrix::default(), Matrix::default()),
            "Tc" => self.char_space = n(0),
            "Tw" => self.word_space = n(0),
            "Tz" => self.stretch = n(0) / 100.0 - 1.0,
            "TL" => self.leading = n(0),
            "Ts" => self.rise = n(0),
            "Td" => self.next_line(n(0), n(1)),
            "TD" => {
                self.leading = -n(1);
                self.next_line(n(0), n(1));
            }
            "Tm" => {
                self.line = Matrix::of(&operation.operands);
                self.text = self.line;
            }
            "T*" => self.next_line(0.0, -self.leading),
            _ => {}
        }
    }

    /// What `'` and `"` do before they show their string.
    pub(super) fn before_showing(&mut self, operation: &Operation) {
        if operation.operator == "\"" {
            self.word_space = number(operation.operands.first());
            self.char_space = number(operation.operands.get(1));
        }
        if matches!(operation.operator.as_str(), "'" | "\"") {
            self.next_line(0.0, -self.leading);
        }
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line = Matrix::moved(x, y).then(self.line);
        self.text = self.line;
    }

    /// Moves by a number of a `TJ` array, in thousandths.
    pub(super) fn shift(&mut self, by: &Object) {
        let by = -number(Some(by)) / 1000.0 * self.size;
        self.advance(by * (1.0 + self.stretch));
    }

    fn advance(&mut self, by: f64) {
        let vertical = self.font.as_ref().is_some_and(|font| font.vertical);
        let step = if vertical {
            Matrix::moved(0.0, -by.abs())
        } else {
            Matrix::moved(by, 0.0)
        };
        self.text = step.then(self.text);
    }

    /// Shows a string: one piece at the place where it begins.
    pub(super) fn show(&mut self, string: &[u8], found: &mut Found) {
        let Some(font) = self.font.clone() else {
            found.unmapped += string.len();
            return;
        };
        let placed = |text: Matrix, transform: Matrix, rise: f64| {
            Matrix::moved(0.0, rise).then(text).then(transform)
        };
        let start = placed(self.text, self.transform, self.rise);
        let mut text = String::new();
        let mut width = 0.0;
        font.glyphs(string, |glyph| {
            found.unmapped += usize::from(glyph.text.is_none());
            text.push_str(glyph.text.unwrap_or("\u{fffd}"));
            width += glyph.width / 1000.0 * self.size + self.char_space;
            if glyph.blank {
                width += self.word_space;
            }
        });
        self.advance(width * (1.0 + self.stretch));
        let end = placed(self.text, self.transform, self.rise);
        let ((x, y), (end, _)) = (start.origin(), end.origin());
        let size = self.size.abs() * start.height();
        let finite = [x, y, end, size].iter().all(|number| number.abs() < 1.0e6);
        if text.is_empty() || !finite {
            return;
        }
        found.pieces.push(Piece {
            text: radicals::characters(&text).unwrap_or(text),
            x,
            y,
            end: end.max(x),
            size: size.max(0.1),
        });
    }
}

fn number(object: Option<&Object>) -> f64 {
    let number = object
        .and_then(|object| object.as_float().ok())
        .map_or(0.0, f64::from);
    if number.is_finite() { number } else { 0.0 }
}
