//! From the shared fields of a request to what a replica is asked. Pure.

use super::ApiError;
use super::constraint::Named;
use super::fields::unsupported;
use super::texts::Texts;
use super::tools::Toolbox;
use super::types::Common;
use super::validate::{integer, invalid_value, real, stops};
use std::collections::{BTreeMap, HashMap};
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{Chat, GenerateRequest, Sampling};

const MAX_BIASES: usize = 1_024;
/// Longest completion that may be asked for at all; the model's own context bounds it further.
const MAX_TOKENS: u32 = 1 << 20;
/// Answers to one request; each takes a place in a replica's batch.
const MAX_RUNS: u32 = 16;
const MAX_STOP_TOKENS: usize = 64;
const MAX_SALT_BYTES: usize = 128;
const MAX_PRIORITY: u32 = 3;

/// Everything that decides an answer but the model's own limits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    pub(crate) model: String,
    /// What replicas are asked; id, tenant and bound are filled in when it is sent.
    pub(crate) request: GenerateRequest,
    /// Prompts after the first, each answered as it is.
    pub(crate) more_prompts: Vec<Input>,
    /// All prompts, where they came by tokens that nobody has looked up yet.
    pub(crate) by_tokens: Option<Texts>,
    /// Upper bound of the tokens of all prompts together.
    pub(crate) max_prompt_tokens: u64,
    /// `None`: as many as the context has room for. With it the name of its field.
    pub(crate) max_tokens: Option<(u32, &'static str)>,
    /// Answers to each prompt that the caller gets.
    pub(crate) n: u32,
    /// Answers to each prompt that are generated; the best `n` of them are kept.
    pub(crate) best_of: u32,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// Whether the answer shows its tokens' log-probabilities.
    pub(crate) with_logprobs: bool,
    /// What may be called in the answer's text.
    pub(crate) toolbox: Toolbox,
    /// The field that the constraint came from.
    pub(crate) constraint_field: &'static str,
    /// The field that the prompt came in.
    pub(crate) prompt_field: &'static str,
}

impl Wish {
    /// One plain answer to what `request` has as its input.
    pub(crate) fn new(model: String, request: GenerateRequest, prompt_field: &'static str) -> Self {
        Self {
            model,
            request,
            more_prompts: Vec::new(),
            by_tokens: None,
            max_prompt_tokens: 0,
            max_tokens: None,
            n: 1,
            best_of: 1,
            stream: false,
            include_usage: false,
            with_logprobs: false,
            toolbox: Toolbox::default(),
            constraint_field: "response_format",
            prompt_field,
        }
    }

    /// Sets the constraint of the text; beside tools there is none, because a call is no such text.
    pub(crate) fn constrain(&mut self, named: Option<Named>) -> Result<(), ApiError> {
        let Some((constraint, field)) = named else {
            return Ok(());
        };
        if !self.toolbox.tools.is_empty() {
            return Err(invalid_value(
                field,
                "given beside tools",
                "no constraint of the text while tools may be called",
                "在可以调用工具时不约束文本",
            ));
        }
        self.request.constraint = Some(constraint);
        self.constraint_field = field;
        Ok(())
    }
}

/// Upper bound of a chat's tokens; JSON in a template may take six bytes for one.
pub(crate) fn chat_bound(chat: &Chat) -> u64 {
    let said: usize = chat
        .messages
        .iter()
        .map(|message| {
            let calls = message.tool_calls.iter();
            let calls =
                calls.map(|call| 64 + call.id.len() + 6 * (call.name.len() + call.arguments.len()));
            message.content.len()
                + message.reasoning.len()
                + message.name.len()
                + calls.sum::<usize>()
        })
        .sum();
    let tools = chat.tools.iter();
    let tools = tools
        .map(|tool| 256 + 6 * (tool.name.len() + tool.description.len() + tool.parameters.len()));
    let preamble = if chat.tools.is_empty() { 0 } else { 1_024 };
    prompt_bound(said + tools.sum::<usize>() + preamble, chat.messages.len())
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

/// The band that a caller puts its request in: 0 is the most urgent and the default, so that a
/// caller can only yield.
pub(crate) fn priority(asked: Option<i64>) -> Result<u32, ApiError> {
    Ok(integer("priority", asked, (0, MAX_PRIORITY))?.unwrap_or(0))
}

/// How many answers to each prompt are given, and how many are generated for them.
pub(crate) fn runs(
    n: Option<i64>,
    best_of: Option<i64>,
    stream: bool,
) -> Result<(u32, u32), ApiError> {
    let n = integer("n", n, (1, MAX_RUNS))?.unwrap_or(1);
    let best_of = integer("best_of", best_of, (1, MAX_RUNS))?.unwrap_or(n);
    if best_of < n || (stream && best_of > n) {
        return Err(invalid_value(
            "best_of",
            best_of,
            &format!("at least n ({n}), and equal to it in a stream"),
            &format!("不小于 n（{n}），流式时与 n 相等"),
        ));
    }
    Ok((n, best_of))
}

impl Common {
    /// Sets what is sampled, where it stops, and how it is served.
    pub(crate) fn fill(&self, request: &mut GenerateRequest) -> Result<(), ApiError> {
        request.sampling = Some(self.sampling()?);
        request.stop = stops("stop", self.stop.as_ref())?;
        let bounds = (0, MAX_TOKENS);
        request.min_tokens = integer("min_tokens", self.min_tokens, bounds)?.unwrap_or(0);
        request.stop_tokens = self.stop_token_ids.clone().unwrap_or_default();
        if request.stop_tokens.len() > MAX_STOP_TOKENS {
            let count = format!("{} tokens", request.stop_tokens.len());
            return Err(invalid_value(
                "stop_token_ids",
                count,
                "at most 64 tokens",
                "至多 64 个词元",
            ));
        }
        request.ignore_eos = self.ignore_eos.unwrap_or(false);
        request.priority = priority(self.priority)?;
        request.cache_salt = self.cache_salt.clone().unwrap_or_default();
        if request.cache_salt.len() > MAX_SALT_BYTES {
            let bytes = format!("{} bytes", request.cache_salt.len());
            return Err(invalid_value(
                "cache_salt",
                bytes,
                "at most 128 bytes",
                "至多 128 字节",
            ));
        }
        Ok(())
    }

    fn sampling(&self) -> Result<Sampling, ApiError> {
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
        let options = self.stream_options.as_ref();
        if options.is_some_and(|options| options.include_obfuscation == Some(true)) {
            return Err(unsupported("stream_options.include_obfuscation"));
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
