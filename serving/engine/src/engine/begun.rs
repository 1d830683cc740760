//! The text of an answer until here: nothing of a new one, or what another engine has told.

use crate::error::EngineError;
use crate::output::grammar::Grammar;
use crate::output::stop::StopMatcher;
use crate::tokenizer::{Detokenizer, TextTokenizer};

/// What decides how the text goes on: bytes and text that are held back, and the grammar.
pub(super) struct Begun {
    pub(super) detokenizer: Detokenizer,
    pub(super) stop: StopMatcher,
    pub(super) grammar: Option<Grammar>,
}

impl Begun {
    /// Before the first token.
    pub(super) fn new(stop: &[String], grammar: Option<Grammar>) -> Self {
        Self {
            detokenizer: Detokenizer::default(),
            stop: StopMatcher::new(stop),
            grammar,
        }
    }

    /// Takes tokens that were told elsewhere, exactly as when they were chosen. Their text is
    /// not told again; tokens after which the answer had ended are refused.
    pub(super) fn replay(
        &mut self,
        answer: &[u32],
        tokenizer: &TextTokenizer,
    ) -> Result<(), EngineError> {
        let refuse = |at: usize, why: &str| {
            let detail = format!("第 {} 个词元{why}，这不是本请求的回答", at + 1);
            Err(EngineError::invalid("resume", detail))
        };
        for (at, token) in answer.iter().enumerate() {
            if let Some(grammar) = &mut self.grammar {
                // What is forced is decided by where it was first looked for.
                grammar.forced();
                if grammar.accept(*token).is_err() {
                    return refuse(at, "不合所给的格式");
                }
                if grammar.is_complete() {
                    return refuse(at, "已使回答完整");
                }
            }
            let shown = self.detokenizer.push(tokenizer.token_bytes(*token));
            if self.stop.push(&shown).stopped.is_some() {
                return refuse(at, "已到停止文本");
            }
        }
        Ok(())
    }
}
