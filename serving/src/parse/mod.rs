//! An answer's text to what clients want to see: thoughts, content, tool calls. Pure.
//!
//! Text comes in pieces of any size; every parser here looks at one character after the other,
//! so where the stream is cut never matters. Nothing is lost: what looks like a call or a
//! thought and turns out to be none comes out as content.

mod calls;
mod constraint;
mod ids;
mod object;
mod reasoning;
mod style;
mod xml;

#[cfg(test)]
mod constraint_tests;
#[cfg(test)]
mod tests;

pub(crate) use constraint::{Choice, ToolProblem, constraint_for_tools};
pub(crate) use ids::CallIds;
pub(crate) use reasoning::Thinking;
pub(crate) use style::ToolStyle;

use calls::CallSplitter;
use reasoning::ReasoningSplitter;
use zhisuan_proto::v1::Tool;

/// A part of an answer, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What the model thinks before it answers.
    Reasoning(String),
    /// What it says.
    Content(String),
    /// It calls a tool; its arguments follow.
    Call {
        /// 0 for the first call.
        index: usize,
        id: String,
        name: String,
    },
    /// The next part of a call's arguments: JSON text.
    Arguments { index: usize, delta: String },
}

/// Takes one answer apart while it is written.
#[derive(Debug)]
pub(crate) struct AnswerParser {
    reasoning: ReasoningSplitter,
    calls: Option<CallSplitter>,
}

impl AnswerParser {
    /// For an answer of a model that calls tools in `style`. Without tools nothing is taken for
    /// a call.
    pub(crate) fn new(thinking: Thinking, style: ToolStyle, tools: &[Tool], ids: CallIds) -> Self {
        Self {
            reasoning: ReasoningSplitter::new(thinking),
            calls: (!tools.is_empty()).then(|| CallSplitter::new(style, tools, ids)),
        }
    }

    /// Adds text; returns what is certain now.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Piece> {
        let mut out = Pieces::default();
        for c in text.chars() {
            self.reasoning.push(c, &mut out);
            self.pass_on(&mut out);
        }
        out.done
    }

    /// Ends the answer: what was held back comes out.
    pub(crate) fn finish(&mut self) -> Vec<Piece> {
        let mut out = Pieces::default();
        self.reasoning.finish(&mut out);
        self.pass_on(&mut out);
        if let Some(calls) = &mut self.calls {
            calls.finish(&mut out);
        }
        out.done
    }

    /// Calls that began so far; an answer with one ends for the reason "tool_calls".
    pub(crate) fn calls(&self) -> usize {
        self.calls.as_ref().map_or(0, CallSplitter::count)
    }

    /// Hands content on to the parser of calls.
    fn pass_on(&mut self, out: &mut Pieces) {
        let said = std::mem::take(&mut out.said);
        match &mut self.calls {
            Some(calls) => said.chars().for_each(|c| calls.push(c, out)),
            None => out.content(&said),
        }
    }
}

/// Pieces under way; neighbours of one kind are joined.
#[derive(Debug, Default)]
struct Pieces {
    done: Vec<Piece>,
    /// Text outside thoughts, before it is looked through for calls.
    said: String,
}

impl Pieces {
    fn reasoning(&mut self, text: &str) {
        match self.done.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Reasoning(last)) => last.push_str(text),
            _ => self.done.push(Piece::Reasoning(text.to_owned())),
        }
    }

    fn content(&mut self, text: &str) {
        match self.done.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Content(last)) => last.push_str(text),
            _ => self.done.push(Piece::Content(text.to_owned())),
        }
    }

    fn call(&mut self, index: usize, id: String, name: String) {
        self.done.push(Piece::Call { index, id, name });
    }

    fn arguments(&mut self, index: usize, text: &str) {
        match self.done.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Arguments { index: last, delta }) if *last == index => {
                delta.push_str(text);
            }
            _ => self.done.push(Piece::Arguments {
                index,
                delta: text.to_owned(),
            }),
        }
    }
}
