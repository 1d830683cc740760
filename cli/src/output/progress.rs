//! Signs of life on stderr: a spinner or bar on a terminal, one plain line per change elsewhere.

use super::Printer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A phase that takes a while. Dropping it clears the line.
pub(crate) struct Progress {
    bar: ProgressBar,
    printer: Printer,
    last: String,
}

impl Progress {
    /// A spinner with a text; `set` changes the text.
    pub(crate) fn spinner(printer: Printer, text: &str) -> Self {
        let bar = if printer.shows_progress() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        } else {
            ProgressBar::hidden()
        };
        let mut progress = Self {
            bar,
            printer,
            last: String::new(),
        };
        progress.set(text);
        progress
    }

    /// A bar over bytes, without plain lines: its end is told by the caller.
    pub(crate) fn bytes(printer: Printer, text: &str, total: u64) -> Self {
        let bar = if printer.shows_progress() {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(text.to_owned());
        Self {
            bar,
            printer,
            last: text.to_owned(),
        }
    }

    /// Says what happens now.
    pub(crate) fn set(&mut self, text: &str) {
        if self.last == text {
            return;
        }
        text.clone_into(&mut self.last);
        if self.printer.shows_progress() {
            self.bar.set_message(text.to_owned());
        } else {
            self.printer.note(text);
        }
    }

    /// Counts bytes.
    pub(crate) fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
