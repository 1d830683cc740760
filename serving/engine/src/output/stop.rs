//! Stop strings, also where they lie across token borders.

/// Watches the text of one answer for stop strings.
#[derive(Debug, Clone, Default)]
pub(crate) struct StopMatcher {
    stops: Vec<String>,
    held: String,
}

/// What may be shown after a piece of text was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StopStep {
    /// Text that can no longer be part of a stop string.
    pub(crate) text: String,
    /// The place of the stop string that was found; it and everything after it are dropped.
    pub(crate) stopped: Option<usize>,
}

impl StopMatcher {
    /// Watches for `stops`, none of them empty.
    pub(crate) fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.to_vec(),
            held: String::new(),
        }
    }

    /// Adds text; returns what may be shown now. The earliest match wins, and of two at one
    /// place the one that was named first.
    pub(crate) fn push(&mut self, text: &str) -> StopStep {
        self.held.push_str(text);
        let found = self.stops.iter().enumerate();
        let found = found.filter_map(|(stop, s)| Some((self.held.find(s.as_str())?, stop)));
        if let Some((at, stop)) = found.min() {
            self.held.truncate(at);
            return StopStep {
                text: std::mem::take(&mut self.held),
                stopped: Some(stop),
            };
        }
        let keep = self.open_suffix();
        let rest = self.held.split_off(self.held.len() - keep);
        StopStep {
            text: std::mem::replace(&mut self.held, rest),
            stopped: None,
        }
    }

    /// Ends the text: what was held back is shown after all.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Length of the longest end of the text that begins a stop string.
    fn open_suffix(&self) -> usize {
        let longest = self
            .stops
            .iter()
            .map(String::len)
            .max()
            .unwrap_or(0)
            .saturating_sub(1);
        let from = self.held.len().saturating_sub(longest);
        (from..self.held.len())
            .filter(|at| self.held.is_char_boundary(*at))
            .find(|at| self.stops.iter().any(|s| s.starts_with(&self.held[*at..])))
            .map_or(0, |at| self.held.len() - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matcher(stops: &[&str]) -> StopMatcher {
        StopMatcher::new(&stops.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn finds_a_stop_across_borders() {
        let mut stop = matcher(&["结束。"]);
        assert_eq!(
            stop.push("好的结"),
            StopStep {
                text: "好的".into(),
                stopped: None
            }
        );
        assert_eq!(
            stop.push("束"),
            StopStep {
                text: String::new(),
                stopped: None
            }
        );
        assert_eq!(
            stop.push("。后面"),
            StopStep {
                text: String::new(),
                stopped: Some(0)
            }
        );
    }

    #[test]
    fn names_the_stop_that_matched() {
        let stops = ["zz", "bc", "b"];
        for (text, stop) in [("abc", 1), ("ab.", 2), ("zzb", 0), ("cb zz", 2)] {
            assert_eq!(matcher(&stops).push(text).stopped, Some(stop), "{text}");
        }
    }

    #[test]
    fn releases_what_turns_out_not_to_be_a_stop() {
        let mut stop = matcher(&["ENDE"]);
        assert_eq!(stop.push("an EN").text, "an ");
        assert_eq!(stop.push("gine").text, "ENgine");
        assert_eq!(stop.push("EN").text, "");
        assert_eq!(stop.finish(), "EN");
    }

    proptest! {
        #[test]
        fn equals_cutting_the_whole_text(text in "[ab\u{7b97}]{0,30}", stop in "[ab\u{7b97}]{1,4}", piece in 1usize..4) {
            let wanted = text.split(stop.as_str()).next().unwrap_or_default().to_owned();
            let mut matcher = StopMatcher::new(std::slice::from_ref(&stop));
            let mut shown = String::new();
            let chars: Vec<char> = text.chars().collect();
            let mut stopped = None;
            for part in chars.chunks(piece) {
                let step = matcher.push(&part.iter().collect::<String>());
                shown += &step.text;
                stopped = step.stopped;
                if stopped.is_some() { break; }
            }
            if stopped.is_none() { shown += &matcher.finish(); }
            prop_assert_eq!(shown, wanted);
        }
    }
}
