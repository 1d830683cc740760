//! Thoughts apart from the answer.

use super::Pieces;

/// Tags around thoughts: Qwen3 and DeepSeek-R1, their variants, Magistral.
const TAGS: [(&str, &str); 5] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
];

/// What an answer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Thinking {
    /// Tags are text like any other.
    Off,
    /// A thought, if the answer begins with its tag.
    #[default]
    Tagged,
    /// A thought: the template opened it in the prompt already.
    Opened,
}

/// Splits one answer.
#[derive(Debug)]
pub(super) struct ReasoningSplitter {
    state: State,
    /// Text that may be white space at an end, or (part of) a tag.
    held: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space and perhaps a part of an opening tag came.
    Start,
    /// In a thought; the index of its tag, or none where the template opened it. `begun` once it
    /// has text.
    Thought {
        tag: Option<usize>,
        begun: bool,
    },
    /// After a thought, in the white space before the content.
    Between,
    Content,
}

impl ReasoningSplitter {
    pub(super) fn new(thinking: Thinking) -> Self {
        Self {
            state: match thinking {
                Thinking::Off => State::Content,
                Thinking::Tagged => State::Start,
                Thinking::Opened => State::Thought {
                    tag: None,
                    begun: false,
                },
            },
            held: String::new(),
        }
    }

    pub(super) fn push(&mut self, c: char, out: &mut Pieces) {
        match self.state {
            State::Content => out.said.push(c),
            State::Between if c.is_whitespace() => {}
            State::Between => {
                self.state = State::Content;
                out.said.push(c);
            }
            State::Start => self.start(c, out),
            State::Thought { tag, begun } => self.thought(c, (tag, begun), out),
        }
    }

    fn start(&mut self, c: char, out: &mut Pieces) {
        self.held.push(c);
        let text = self.held.trim_start();
        if let Some(tag) = TAGS.iter().position(|(open, _)| *open == text) {
            self.held.clear();
            self.state = State::Thought {
                tag: Some(tag),
                begun: false,
            };
        } else if !TAGS.iter().any(|(open, _)| open.starts_with(text)) {
            out.said.push_str(&self.held);
            self.held.clear();
            self.state = State::Content;
        }
    }

    fn thought(&mut self, c: char, (tag, begun): (Option<usize>, bool), out: &mut Pieces) {
        self.held.push(c);
        let closes = |index: usize| tag.is_none_or(|tag| tag == index);
        // A template that opened the thought may be answered with the tag all the same.
        let opens = |index: usize| tag.is_none() && !begun && closes(index);
        let tags = || TAGS.iter().enumerate();
        let text = self.held.trim_start();
        if tags().any(|(i, (_, close))| closes(i) && text == *close) {
            self.held.clear();
            self.state = State::Between;
        } else if let Some((i, _)) = tags().find(|(i, (open, _))| opens(*i) && text == *open) {
            self.held.clear();
            self.state = State::Thought {
                tag: Some(i),
                begun: false,
            };
        } else if !tags().any(|(i, (open, close))| {
            closes(i) && close.starts_with(text) || opens(i) && open.starts_with(text)
        }) {
            self.release(begun, out);
        }
    }

    /// Lets go of held text that is no tag, but for an end that may still begin one.
    fn release(&mut self, begun: bool, out: &mut Pieces) {
        let last = self.held.char_indices().last();
        let keep = last.filter(|(_, c)| matches!(c, '<' | '[') || c.is_whitespace());
        // Only the last character can begin a tag: all before were tried when they came.
        let at = match keep {
            Some((at, _)) => self.held[..at].trim_end().len(),
            None => self.held.len(),
        };
        let rest = self.held.split_off(at);
        let shown = std::mem::replace(&mut self.held, rest);
        let shown = if begun { &shown } else { shown.trim_start() };
        if let State::Thought { begun, .. } = &mut self.state {
            *begun |= !shown.is_empty();
        }
        out.reasoning(shown);
    }

    pub(super) fn finish(&mut self, out: &mut Pieces) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Thought { begun: true, .. } => out.reasoning(held.trim_end()),
            State::Thought { begun: false, .. } => out.reasoning(held.trim()),
            _ => out.said.push_str(&held),
        }
        self.state = State::Content;
    }
}
