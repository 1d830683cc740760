//! How the next token is chosen, and which values are accepted.

use crate::error::EngineError;

/// How the next token is chosen. The default is greedy.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; larger values flatten the distribution. 0 to 2.
    pub temperature: f32,
    /// Keep the k most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of tokens with at least this probability together. Over 0, to 1.
    pub top_p: f32,
    /// Keep tokens with at least this share of the best token's probability. 0 to 1.
    pub min_p: f32,
    /// Divides (or multiplies, if negative) logits of tokens seen in prompt or answer; 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted once from logits of tokens seen in the answer. -2 to 2.
    pub presence_penalty: f32,
    /// Subtracted for each time a token was seen in the answer. -2 to 2.
    pub frequency_penalty: f32,
    /// Added to the logits of single tokens. -100 to 100 each.
    pub logit_bias: Vec<(u32, f32)>,
    /// Makes the choice repeatable; without it the engine draws one.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            seed: None,
        }
    }
}

impl Sampling {
    /// Refuses values outside the documented ranges by name.
    pub fn validate(&self, vocab: usize) -> Result<(), EngineError> {
        let ranges = [
            ("temperature", self.temperature, 0.0, 2.0),
            ("top_p", self.top_p, f32::MIN_POSITIVE, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            ("repetition_penalty", self.repetition_penalty, 0.01, 10.0),
            ("presence_penalty", self.presence_penalty, -2.0, 2.0),
            ("frequency_penalty", self.frequency_penalty, -2.0, 2.0),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                let least = if field == "top_p" { 0.0 } else { least };
                return Err(EngineError::invalid(
                    field,
                    format!("值为 {value}，应在 {least} 到 {most} 之间"),
                ));
            }
        }
        for (token, bias) in &self.logit_bias {
            if *token as usize >= vocab || !(-100.0..=100.0).contains(bias) {
                return Err(EngineError::invalid(
                    "logit_bias",
                    format!(
                        "词元 {token} 的值为 {bias}；词元应小于 {vocab}，值应在 -100 到 100 之间"
                    ),
                ));
            }
        }
        Ok(())
    }
}
