//! Scores of a decoder that judges: one prompt for each document, and how much more likely its
//! answer is yes than no.

use super::decoder::DecoderEngine;
use super::embed::{self, Wish};
use super::shared::Shared;
use super::similar::{ScoreRequest, Scores};
use super::validate;
use crate::error::EngineError;
use crate::load::ModelSource;
use crate::load::judge::{OWN_HEAD, Verdict};
use crate::load::spec::Pooling;
use crate::tokenizer::TextTokenizer;

/// The prompt that Qwen3-Reranker was trained with (its model card), around query and document.
const BEFORE: &str = "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n";
const INSTRUCT: &str = "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n<Query>: ";
const DOCUMENT: &str = "\n<Document>: ";
const AFTER: &str = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";

/// What makes a score of a document.
pub(super) struct Judge {
    before: Vec<u32>,
    after: Vec<u32>,
    /// Output row of yes less that of no: its product with the last hidden state is the
    /// difference of their logits, and no other output is computed.
    direction: Vec<f32>,
}

impl Judge {
    /// For a model whose files say that it judges.
    pub(super) fn load(source: &ModelSource) -> Result<Option<Self>, EngineError> {
        let Some(verdict) = source.verdict else {
            return Ok(None);
        };
        let spec = &source.spec;
        let (name, rows, yes, no) = match verdict {
            Verdict::Own { yes, no } => (OWN_HEAD, 2, yes, no),
            Verdict::Tokens { yes, no } => {
                let tied = spec.tied_head;
                let name = if tied {
                    "token_embd.weight"
                } else {
                    "output.weight"
                };
                (name, spec.vocab, yes as usize, no as usize)
            }
        };
        let table = source.weights.table(name, &[rows, spec.hidden])?;
        let pairs = table.row(yes)?.into_iter().zip(table.row(no)?);
        Ok(Some(Self {
            before: source.tokenizer.encode_part(BEFORE)?,
            after: source.tokenizer.encode_part(AFTER)?,
            direction: pairs.map(|(yes, no)| yes - no).collect(),
        }))
    }

    /// The prompt for one document. Control tokens written in query or document stay text, so
    /// that no document can answer for the model.
    fn prompt(
        &self,
        tokenizer: &TextTokenizer,
        query: &str,
        document: &str,
    ) -> Result<Vec<u32>, EngineError> {
        let asked = format!("{INSTRUCT}{query}{DOCUMENT}{document}");
        let asked = tokenizer.encode_data(&asked)?;
        Ok([&self.before[..], &asked, &self.after].concat())
    }

    /// Probability of yes against no, given the last hidden state.
    fn probability(&self, state: &[f64]) -> Result<f32, EngineError> {
        let products = state.iter().zip(&self.direction);
        let logit: f64 = products.map(|(a, b)| a * f64::from(*b)).sum();
        if logit.is_finite() {
            Ok((1.0 / (1.0 + (-logit).exp())) as f32)
        } else {
            Err(EngineError::NumericFault)
        }
    }
}

/// Scores of all documents of a request.
pub(super) fn score(
    engine: &DecoderEngine,
    judge: &Judge,
    request: &ScoreRequest,
    wanted: &dyn Fn() -> bool,
) -> Result<Scores, EngineError> {
    let shared: &Shared = &engine.shared;
    let documents = request.documents.iter().map(|document| {
        validate::text_fits(shared, request.query.len().saturating_add(document.len()))?;
        let prompt = judge.prompt(&shared.tokenizer, &request.query, document)?;
        validate::tokens_fit(shared, prompt)
    });
    let prompts = documents.collect::<Result<Vec<_>, _>>()?;
    let tokens = prompts.iter().map(Vec::len).sum();
    let wish = Wish {
        tenant: &request.tenant,
        priority: request.priority,
        pooling: Pooling::LastToken,
    };
    let states = embed::states(engine, &wish, prompts, wanted)?;
    let scores = states.iter().map(|state| judge.probability(state));
    Ok(Scores {
        scores: scores.collect::<Result<_, _>>()?,
        tokens,
    })
}
