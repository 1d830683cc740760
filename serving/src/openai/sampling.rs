//! From the shared fields of a request to what a replica is asked. Pure.

use super::ApiError;
use super::types::Common;
use super::validate::{integer, invalid_value, real, stops};
use std::collections::{BTreeMap, HashMap};
use zhisuan_proto::v1::Sampling;
use zhisuan_proto::v1::generate_request::Input;

const MAX_BIASES: usize = 1_024;
/// Longest completion that may be asked for at all; the model's own context bounds it further.
const MAX_TOKENS: u32 = 1 << 20;

/// Everything that decides a completion but the model's own limits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    pub(crate) input: Input,
    /// Upper bound of the prompt's tokens.
    pub(crate) max_prompt_tokens: u64,
    /// `None`: as many as the context has room for. With it the name of its field.
    pub(crate) max_tokens: Option<(u32, &'static str)>,
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<String>,
    pub(crate) top_logprobs: Option<u32>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

/// Upper bound of a prompt's tokens: a byte-level tokenizer never makes more tokens than the text
/// has bytes, and a chat template adds a few markers per message and a short preamble.
pub(crate) fn prompt_bound(texts_bytes: usize, messages: usize) -> u64 {
    let bytes = u64::try_from(texts_bytes).unwrap_or(u64::MAX);
    let messages = u64::try_from(messages).unwrap_or(u64::MAX);
    bytes
        .saturating_add(64)
        .saturating_add(messages.saturating_mul(32))
}

/// `max_tokens` and its newer name mean the same; both must agree where both are given.
pub(crate) fn max_tokens(
    common: Option<i64>,
    newer: Option<i64>,
) -> Result<Option<(u32, &'static str)>, ApiError> {
    let bounds = (1, MAX_TOKENS);
    let old = integer("max_tokens", common, bounds)?;
    let new = integer("max_completion_tokens", newer, bounds)?;
    match (old, new) {
        (Some(old), Some(new)) if old != new => Err(invalid_value(
            "max_completion_tokens",
            new,
            "the same number as in max_tokens, or only one of the two",
            "与 max_tokens 相同的值，或只给其中一个",
        )),
        (_, Some(new)) => Ok(Some((new, "max_completion_tokens"))),
        (Some(old), None) => Ok(Some((old, "max_tokens"))),
        (None, None) => Ok(None),
    }
}

impl Common {
    pub(crate) fn sampling(&self) -> Result<Sampling, ApiError> {
        Ok(Sampling {
            temperature: real("temperature", self.temperature, (0.0, 2.0), 1.0)?,
            top_k: self.top_k()?,
            top_p: self.top_p()?,
            min_p: real("min_p", self.min_p, (0.0, 1.0), 0.0)?,
            repetition_penalty: real(
                "repetition_penalty",
                self.repetition_penalty,
                (0.01, 10.0),
                1.0,
            )?,
            presence_penalty: real("presence_penalty", self.presence_penalty, (-2.0, 2.0), 0.0)?,
            frequency_penalty: real(
                "frequency_penalty",
                self.frequency_penalty,
                (-2.0, 2.0),
                0.0,
            )?,
            // Two's complement: every integer of the official interface is its own seed.
            seed: self.seed.map(i64::cast_unsigned),
            logit_bias: biases(self.logit_bias.as_ref())?,
        })
    }

    pub(crate) fn stop(&self) -> Result<Vec<String>, ApiError> {
        stops(self.stop.as_ref())
    }

    pub(crate) fn stream(&self) -> Result<(bool, bool), ApiError> {
        let stream = self.stream.unwrap_or(false);
        if self.stream_options.is_some() && !stream {
            return Err(invalid_value(
                "stream_options",
                "set without stream",
                "stream_options only together with 'stream': true",
                "仅在 stream 为 true 时给出 stream_options",
            ));
        }
        let usage = self
            .stream_options
            .as_ref()
            .and_then(|options| options.include_usage)
            .unwrap_or(false);
        Ok((stream, usage))
    }

    /// -1 and 0 both mean "not limited", as in other engines.
    fn top_k(&self) -> Result<u32, ApiError> {
        let asked = self.top_k.filter(|&k| k != -1);
        Ok(integer("top_k", asked, (0, 1 << 20))?.unwrap_or(0))
    }

    /// Zero would leave no token at all.
    fn top_p(&self) -> Result<f32, ApiError> {
        if self
            .top_p
            .is_some_and(|p| (0.0..f64::from(f32::MIN_POSITIVE)).contains(&p))
        {
            return Err(invalid_value(
                "top_p",
                0,
                "a number above 0 and up to 1",
                "大于 0 且不超过 1 的数",
            ));
        }
        real("top_p", self.top_p, (0.0, 1.0), 1.0)
    }
}

fn biases(asked: Option<&BTreeMap<String, f64>>) -> Result<HashMap<u32, f32>, ApiError> {
    let Some(asked) = asked else {
        return Ok(HashMap::new());
    };
    if asked.len() > MAX_BIASES {
        return Err(invalid_value(
            "logit_bias",
            format!("{} entries", asked.len()),
            "at most 1024 entries",
            "至多 1024 项",
        ));
    }
    let mut biases = HashMap::with_capacity(asked.len());
    for (token, &bias) in asked {
        let path = format!("logit_bias.{token}");
        let Ok(id) = token.parse::<u32>() else {
            return Err(invalid_value(
                "logit_bias",
                token,
                "token numbers as keys",
                "以词元编号为键",
            ));
        };
        biases.insert(id, real(&path, Some(bias), (-100.0, 100.0), 0.0)?);
    }
    Ok(biases)
}
