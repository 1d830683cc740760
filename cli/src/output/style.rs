//! Colours: one meaning each, and never the only sign.

use anstyle::{AnsiColor, Style};

/// A failure.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What to do next.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();
/// Of less weight.
pub(crate) const DIM: Style = Style::new().dimmed();

/// Wraps a text in a style when colour is on.
pub(crate) fn paint(on: bool, style: Style, text: &str) -> String {
    if on {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}
