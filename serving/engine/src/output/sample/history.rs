//! Which tokens a sequence has, for penalties.

use super::Sampling;
use std::collections::BTreeMap;

/// How often tokens occurred: whether in the prompt, and how many times in the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    counts: BTreeMap<u32, u32>,
}

impl History {
    /// Remembers the prompt.
    pub(crate) fn new(prompt: &[u32]) -> Self {
        Self {
            counts: prompt.iter().map(|t| (*t, 0)).collect(),
        }
    }

    /// Remembers one token of the answer.
    pub(crate) fn push(&mut self, token: u32) {
        *self.counts.entry(token).or_insert(0) += 1;
    }

    /// Adds bias and subtracts penalties. What is not allowed (`-inf`) stays so, and nothing
    /// else becomes it.
    pub(super) fn adjust(&self, logits: &mut [f32], s: &Sampling) {
        for (token, bias) in &s.logit_bias {
            change(logits, *token, |logit| logit + bias);
        }
        let neutral = s.repetition_penalty.to_bits() == 1.0f32.to_bits();
        if neutral && s.presence_penalty == 0.0 && s.frequency_penalty == 0.0 {
            return;
        }
        for (token, count) in &self.counts {
            change(logits, *token, |logit| {
                let repeated = if logit > 0.0 {
                    logit / s.repetition_penalty
                } else {
                    logit * s.repetition_penalty
                };
                if *count == 0 {
                    return repeated;
                }
                repeated - (s.presence_penalty + s.frequency_penalty * *count as f32)
            });
        }
    }
}

fn change(logits: &mut [f32], token: u32, to: impl FnOnce(f32) -> f32) {
    if let Some(logit) = logits.get_mut(token as usize)
        && logit.is_finite()
    {
        *logit = to(*logit).clamp(f32::MIN, f32::MAX);
    }
}
