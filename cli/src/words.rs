//! The language of messages: Chinese unless the user asked for English. Codes and JSON keys are never translated.

use std::sync::atomic::{AtomicBool, Ordering};

/// One process speaks one language; it is chosen before the first message.
static ENGLISH: AtomicBool = AtomicBool::new(false);

/// Language of everything that is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lang {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// `en` (also `en_US` and the like) is English, everything else is Chinese.
    pub(crate) fn parse(text: &str) -> Self {
        if text.to_ascii_lowercase().starts_with("en") {
            Self::En
        } else {
            Self::Zh
        }
    }
}

/// Sets the language of the process.
pub(crate) fn choose(lang: Lang) {
    ENGLISH.store(lang == Lang::En, Ordering::Relaxed);
}

/// The language of the process.
pub(crate) fn lang() -> Lang {
    if ENGLISH.load(Ordering::Relaxed) {
        Lang::En
    } else {
        Lang::Zh
    }
}

/// Picks one of two fixed texts.
pub(crate) fn tr(zh: &'static str, en: &'static str) -> &'static str {
    match lang() {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// Picks one of two texts that came from a server; an empty one gives way to the other.
pub(crate) fn either<'a>(zh: &'a str, en: &'a str) -> &'a str {
    match lang() {
        Lang::Zh if !zh.is_empty() => zh,
        Lang::En if en.is_empty() => zh,
        Lang::Zh | Lang::En => en,
    }
}

/// Formats one of two texts with the same arguments.
macro_rules! say {
    ($zh:literal, $en:literal $(, $arg:expr)* $(,)?) => {
        match $crate::words::lang() {
            $crate::words::Lang::Zh => format!($zh $(, $arg)*),
            $crate::words::Lang::En => format!($en $(, $arg)*),
        }
    };
}
pub(crate) use say;

/// The nearest of `known` to what was typed, when it is near enough to be a slip.
pub(crate) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(typed, word), word))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_noise_finds_none() {
        let verbs = ["submit", "show", "statement"];
        assert_eq!(nearest("sumbit", verbs), Some("submit"));
        assert_eq!(nearest("xyz", verbs), None);
    }

    #[test]
    fn only_en_is_english() {
        assert_eq!(Lang::parse("en_US.UTF-8"), Lang::En);
        assert_eq!(Lang::parse("zh"), Lang::Zh);
        assert_eq!(Lang::parse(""), Lang::Zh);
    }
}
