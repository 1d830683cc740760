//! The next token from logits. Pure: the random number is an argument.

use crate::error::EngineError;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

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

/// How often tokens occurred: whether in the prompt, and how many times in the answer.
#[derive(Debug, Clone, Default)]
pub struct History {
    counts: BTreeMap<u32, u32>,
}

impl History {
    /// Remembers the prompt.
    pub fn new(prompt: &[u32]) -> Self {
        Self {
            counts: prompt.iter().map(|t| (*t, 0)).collect(),
        }
    }

    /// Remembers one token of the answer.
    pub fn push(&mut self, token: u32) {
        *self.counts.entry(token).or_insert(0) += 1;
    }
}

/// The uniform number in [0, 1) for position `index` of a request with `seed`. It depends
/// on nothing else, so no batch neighbour and no restart can change it (SplitMix64).
pub fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// Chooses a token. `logits` is changed by penalties and bias. `point` is in [0, 1).
/// Fails on NaN or infinite logits.
pub fn choose(
    logits: &mut [f32],
    history: &History,
    sampling: &Sampling,
    point: f64,
) -> Result<u32, EngineError> {
    check_finite(logits)?;
    adjust(logits, history, sampling);
    if sampling.temperature == 0.0 {
        return Ok(argmax(logits));
    }
    Ok(draw(logits, sampling, point))
}

/// Refuses NaN and infinities (a bias may drive a logit far down, never to infinity).
pub fn check_finite(logits: &[f32]) -> Result<(), EngineError> {
    if logits.is_empty() || logits.iter().any(|l| !l.is_finite()) {
        return Err(EngineError::NumericFault);
    }
    Ok(())
}

/// The most likely token; the lowest id among equals.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    best as u32
}

fn adjust(logits: &mut [f32], history: &History, s: &Sampling) {
    for (token, bias) in &s.logit_bias {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit += bias;
        }
    }
    let neutral = s.repetition_penalty.to_bits() == 1.0f32.to_bits();
    if neutral && s.presence_penalty == 0.0 && s.frequency_penalty == 0.0 {
        return;
    }
    for (token, count) in &history.counts {
        let Some(logit) = logits.get_mut(*token as usize) else {
            continue;
        };
        if *logit > 0.0 {
            *logit /= s.repetition_penalty;
        } else {
            *logit *= s.repetition_penalty;
        }
        if *count > 0 {
            *logit -= s.presence_penalty + s.frequency_penalty * *count as f32;
        }
    }
}

/// A candidate, ordered by weight, then by lower id.
#[derive(PartialEq)]
struct Candidate {
    weight: f64,
    token: u32,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.weight
            .total_cmp(&other.weight)
            .then(other.token.cmp(&self.token))
    }
}

/// Takes candidates from the most likely on until the filters are full, then draws.
fn draw(logits: &[f32], s: &Sampling, point: f64) -> u32 {
    let best = logits[argmax(logits) as usize];
    let weight = |l: f32| f64::from((l - best) / s.temperature).exp();
    let all: Vec<Candidate> = logits
        .iter()
        .enumerate()
        .map(|(id, l)| Candidate {
            weight: weight(*l),
            token: id as u32,
        })
        .filter(|c| c.weight >= f64::from(s.min_p) && c.weight > 0.0)
        .collect();
    let keep = if s.top_k == 0 { all.len() } else { s.top_k };
    let total: f64 = if s.top_k == 0 {
        all.iter().map(|c| c.weight).sum()
    } else {
        0.0
    };
    let mut heap = BinaryHeap::from(all);
    let mut kept = Vec::new();
    while kept.len() < keep
        && let Some(candidate) = heap.pop()
    {
        kept.push(candidate);
        // Without top-k the share of the whole is known, so most tokens are never sorted.
        if s.top_k == 0 && s.top_p < 1.0 {
            let sum: f64 = kept.iter().map(|c| c.weight).sum();
            if sum >= f64::from(s.top_p) * total {
                break;
            }
        }
    }
    let sum: f64 = kept.iter().map(|c| c.weight).sum();
    if s.top_k != 0 && s.top_p < 1.0 {
        let mut running = 0.0;
        let cut = kept.iter().position(|c| {
            running += c.weight;
            running >= f64::from(s.top_p) * sum
        });
        kept.truncate(cut.map_or(kept.len(), |at| at + 1));
    }
    pick(&kept, point)
}

fn pick(kept: &[Candidate], point: f64) -> u32 {
    let mut left = point * kept.iter().map(|c| c.weight).sum::<f64>();
    for candidate in kept {
        left -= candidate.weight;
        if left < 0.0 {
            return candidate.token;
        }
    }
    kept.last().map_or(0, |c| c.token)
}

/// Natural-log probability of `token` and of the `top` most likely tokens, before
/// temperature, penalties and bias.
pub fn logprobs(logits: &[f32], token: u32, top: usize) -> (f32, Vec<(u32, f32)>) {
    let best = f64::from(logits[argmax(logits) as usize]);
    let sum: f64 = logits.iter().map(|l| (f64::from(*l) - best).exp()).sum();
    let norm = best + sum.ln();
    let value = |id: u32| (f64::from(logits[id as usize]) - norm) as f32;
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    let by_logit = |a: &u32, b: &u32| {
        logits[*b as usize]
            .total_cmp(&logits[*a as usize])
            .then(a.cmp(b))
    };
    if top > 0 && top < ids.len() {
        ids.select_nth_unstable_by(top, by_logit);
    }
    ids.truncate(top);
    ids.sort_by(by_logit);
    (
        value(token),
        ids.into_iter().map(|id| (id, value(id))).collect(),
    )
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
