//! Sentences with their tokens out of a stream of text.

/// A sentence that a model wrote, with the numbers of the sources it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) sources: Vec<usize>,
}

/// Collects text until a sentence with its tokens is whole.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    waiting: String,
}

impl Splitter {
    /// Adds text and gives the sentences that are whole now.
    pub(super) fn push(&mut self, text: &str) -> Vec<Written> {
        self.waiting.push_str(text);
        let mut found = Vec::new();
        while let Some(end) = end_of_first(&self.waiting) {
            let rest = self.waiting.split_off(end);
            let sentence = std::mem::replace(&mut self.waiting, rest);
            found.extend(written(&sentence));
        }
        found
    }

    /// The last sentence, which may lack its full stop.
    pub(super) fn finish(self) -> Option<Written> {
        written(&self.waiting)
    }
}

/// Where the first sentence ends, the tokens after its full stop included; none while more of them
/// may come.
fn end_of_first(text: &str) -> Option<usize> {
    let stop = text.find(['。', '！', '？', '\n'])?;
    let char = text.get(stop..)?.chars().next()?;
    let mut end = stop + char.len_utf8();
    if char == '\n' {
        return Some(end);
    }
    loop {
        let rest = text.get(end..)?;
        let blank = rest.len() - rest.trim_start_matches(' ').len();
        let after = rest.get(blank..)?;
        let first = after.chars().next()?;
        if first != '[' && first != '［' {
            return Some(end);
        }
        let close = after.find([']', '］'])?;
        let closed = after.get(close..)?.chars().next()?;
        end += blank + close + closed.len_utf8();
    }
}

/// A sentence without its tokens and list marks; none where nothing is left.
fn written(sentence: &str) -> Option<Written> {
    let mut text = String::new();
    let mut sources = Vec::new();
    let mut rest = sentence;
    while let Some(open) = rest.find(['[', '［']) {
        text.push_str(rest.get(..open)?);
        let after = rest.get(open..)?;
        let close = after.find([']', '］']).unwrap_or(after.len());
        let inner = after.get(..close)?.trim_start_matches(['[', '［']);
        let numbers = inner.split(|char: char| !char.is_ascii_digit());
        sources.extend(numbers.filter_map(|number| number.parse::<usize>().ok()));
        let width = after.get(close..)?.chars().next().map_or(0, char::len_utf8);
        rest = after.get(close + width..)?;
    }
    text.push_str(rest);
    let text = text
        .trim()
        .trim_start_matches(['-', '*', '#', '>', '•', ' '])
        .trim();
    let text = text.to_owned();
    text.chars()
        .any(char::is_alphanumeric)
        .then_some(Written { text, sources })
}

#[cfg(test)]
mod tests {
    use super::Splitter;

    fn all(pieces: &[&str]) -> Vec<(String, Vec<usize>)> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for piece in pieces {
            found.extend(splitter.push(piece));
        }
        found.extend(splitter.finish());
        found.into_iter().map(|w| (w.text, w.sources)).collect()
    }

    #[test]
    fn tokens_before_and_after_the_full_stop() {
        let found = all(&[
            "每证10",
            "元[P1]。要带",
            "身份证。[P",
            "2][P3]\n- 免费",
            "[P1, P2]",
        ]);
        let expected = [
            ("每证10元。".to_owned(), vec![1]),
            ("要带身份证。".to_owned(), vec![2, 3]),
            ("免费".to_owned(), vec![1, 2]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn broken_tokens_are_no_trouble() {
        assert!(all(&["[[[", "]]。\n\n", "[P99999999999999999999999]"]).is_empty());
    }
}
