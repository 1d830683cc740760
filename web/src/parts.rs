//! Small parts of pages: badges, tiles, empty states, definition lists, alerts, code.
//!
//! State is always told by a word and a shape, never by colour alone.

use maud::{Markup, Render, html};

/// What a badge, a tile or an alert says about its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to judge.
    Neutral,
    /// Worth knowing.
    Info,
    /// As it should be.
    Good,
    /// Someone should look.
    Warn,
    /// Someone must act.
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Info => "info",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// The shape drawn beside the word, so that the tone survives printing in black.
    fn shape(self) -> &'static str {
        match self {
            Self::Neutral => "○",
            Self::Info => "◆",
            Self::Good => "●",
            Self::Warn => "▲",
            Self::Bad => "■",
        }
    }
}

/// A short state word with its shape.
pub fn badge(tone: Tone, text: impl Render) -> Markup {
    html! {
        span class={ "badge " (tone.class()) } {
            span.shape aria-hidden="true" { (tone.shape()) }
            (text)
        }
    }
}

/// One figure with what it counts, and a link to the rows behind it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Tile {
    label: String,
    value: String,
    note: Option<String>,
    href: Option<String>,
    tone: Tone,
}

impl Tile {
    /// A figure and its label.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            note: None,
            href: None,
            tone: Tone::Neutral,
        }
    }

    /// Adds the small line under the figure: its unit, age or whole.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Links to the rows behind the figure.
    pub fn href(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    /// Sets the tone; neutral unless told.
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl Render for Tile {
    fn render(&self) -> Markup {
        let inside = html! {
            span.tile-label { (self.label) }
            span.tile-value { (self.value) }
            @if let Some(note) = &self.note { span.tile-note { (note) } }
        };
        html! {
            @match &self.href {
                Some(href) => { a class={ "tile " (self.tone.class()) } href=(href) { (inside) } },
                None => { div class={ "tile " (self.tone.class()) } { (inside) } },
            }
        }
    }
}

/// A row of tiles that wraps on narrow screens.
pub fn tiles(tiles: &[Tile]) -> Markup {
    html! { div.tiles { @for tile in tiles { (tile) } } }
}

/// What is shown where there is nothing to show: why, and what to do next.
pub fn empty_state(title: &str, hint: impl Render) -> Markup {
    html! {
        div.empty {
            p.empty-title { (title) }
            div.empty-hint { (hint) }
        }
    }
}

/// Terms and their values, in order.
pub fn definitions<L: Render, V: Render>(rows: &[(L, V)]) -> Markup {
    html! {
        dl.defs {
            @for (label, value) in rows {
                div { dt { (label) } dd { (value) } }
            }
        }
    }
}

/// A framed message that says what happened and what to do.
pub fn alert(tone: Tone, title: &str, body: impl Render) -> Markup {
    let role = if matches!(tone, Tone::Bad | Tone::Warn) {
        "alert"
    } else {
        "note"
    };
    html! {
        div class={ "alert " (tone.class()) } role=(role) {
            p.alert-title { span.shape aria-hidden="true" { (tone.shape()) } (title) }
            div.alert-body { (body) }
        }
    }
}

/// Text shown as it is, in a fixed pitch: a command, a log, a file.
pub fn code(text: &str) -> Markup {
    html! { pre.code tabindex="0" { code { (text) } } }
}

/// A framed part of a page with its own heading.
pub fn card(title: &str, body: impl Render) -> Markup {
    html! { section.card { h2 { (title) } (body) } }
}

/// The visible label that the rules on machine-made content ask for: a short mark, then what the
/// machine did.
pub fn machine_made(mark: &str, text: &str) -> Markup {
    html! { p.machine { span.machine-mark { (mark) } (text) } }
}

/// Links to the neighbouring pages of a list; a missing neighbour is left out.
pub fn pager(previous: Option<&str>, place: &str, next: Option<&str>) -> Markup {
    html! {
        nav.pager aria-label="翻页" {
            @if let Some(href) = previous { a rel="prev" href=(href) { "上一页" } }
            span { (place) }
            @if let Some(href) = next { a rel="next" href=(href) { "下一页" } }
        }
    }
}
