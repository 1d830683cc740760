//! Embedding and scoring with an encoder; likeness of vectors where a model has no judgement.

use super::encode::EncoderEngine;
use super::request::{EmbedRequest, Embeddings};
use super::validate::in_vocabulary;
use crate::error::EngineError;
use crate::load::ability::RerankBy;
use crate::tokenizer::encoder::Tokens;

/// A text with more bytes than this for each token of the context is refused before it is
/// tokenised: no piece of a vocabulary is longer.
const BYTES_PER_TOKEN: usize = 512;

/// Documents to judge for a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScoreRequest {
    /// What is looked for.
    pub query: String,
    /// Where it may stand; at most 4,096.
    pub documents: Vec<String>,
    /// Who is served.
    pub tenant: String,
    /// Band: 0 is the most urgent, larger numbers yield.
    pub priority: u32,
}

/// How well each document answers the query.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// One for each document, in order: 0 (irrelevant) to 1. What they mean depends on the
    /// model, see [`crate::ModelInfo::rerank`]; only their order can be compared.
    pub scores: Vec<f32>,
    /// Tokens that were computed.
    pub tokens: usize,
}

impl EncoderEngine {
    /// Vectors of texts; blocks until all are computed.
    pub(super) fn embed(
        &self,
        request: &EmbedRequest,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Embeddings, EngineError> {
        self.must_embed()?;
        let mut tokens = self.prefixed(&request.texts, &request.instruction)?;
        for ids in &request.tokens {
            tokens.push(self.given(ids)?);
        }
        let count = tokens.iter().map(|t| t.ids.len()).sum();
        Ok(Embeddings {
            vectors: self.compute(&request.tenant, request.priority, tokens, wanted)?,
            tokens: count,
        })
    }

    /// Scores of documents; blocks until all are computed.
    pub(super) fn score(
        &self,
        request: &ScoreRequest,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Scores, EngineError> {
        let judges = self.shared.info.rerank == Some(RerankBy::Classifier);
        let tokens = if judges {
            self.check(&request.documents)?;
            self.check(std::slice::from_ref(&request.query))?;
            let pairs = request.documents.iter();
            pairs
                .map(|document| self.shared.tokenizer.pair(&request.query, document))
                .collect::<Result<Vec<_>, _>>()?
        } else {
            let mut both = self.prefixed(std::slice::from_ref(&request.query), "query")?;
            both.extend(self.prefixed(&request.documents, "passage")?);
            both
        };
        let count = tokens.iter().map(|t| t.ids.len()).sum();
        let results = self.compute(&request.tenant, request.priority, tokens, wanted)?;
        let scores = if judges {
            results.into_iter().flatten().collect()
        } else {
            likeness(&results)
        };
        Ok(Scores {
            scores,
            tokens: count,
        })
    }

    /// Token ids of one text, control tokens included.
    pub(super) fn tokenize(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.check(std::slice::from_ref(&text))?;
        Ok(self.shared.tokenizer.text(text)?.ids)
    }

    /// Text of tokens.
    pub(super) fn detokenize(&self, tokens: &[u32]) -> Result<String, EngineError> {
        in_vocabulary(tokens, self.shared.info.vocab_size)?;
        self.shared.tokenizer.decode(tokens)
    }

    /// Tokens that a caller gives, taken as those of one text.
    fn given(&self, ids: &[u32]) -> Result<Tokens, EngineError> {
        if ids.is_empty() {
            return Err(EngineError::invalid("tokens", "为空，至少要有一个词元"));
        }
        in_vocabulary(ids, self.shared.info.vocab_size)?;
        Ok(Tokens {
            ids: ids.to_vec(),
            types: vec![0; ids.len()],
        })
    }

    fn must_embed(&self) -> Result<(), EngineError> {
        if self.shared.info.rerank == Some(RerankBy::Classifier) {
            return Err(EngineError::Incapable {
                what: "计算向量",
                architecture: self.shared.info.architecture.clone(),
                instead: "为文档打分（rerank）",
            });
        }
        Ok(())
    }

    /// Texts behind an instruction: one of the model's own prompts by its name, or any text.
    /// A prompt that the model does not have is left out; so is none.
    fn prefixed<T: AsRef<str>>(
        &self,
        texts: &[T],
        instruction: &str,
    ) -> Result<Vec<Tokens>, EngineError> {
        self.check(texts)?;
        self.check(&[instruction])?;
        let spec = &self.shared.encoder.spec;
        let prefix = match (instruction, spec.prompts.get(instruction)) {
            ("", _) => spec.default_prompt.as_str(),
            (_, Some(prompt)) => prompt,
            ("query" | "passage" | "document", None) => "",
            (text, None) => text,
        };
        let tokens = |text: &T| {
            let text = text.as_ref();
            if prefix.is_empty() {
                self.shared.tokenizer.text(text)
            } else {
                self.shared.tokenizer.text(&format!("{prefix}{text}"))
            }
        };
        texts.iter().map(tokens).collect()
    }

    /// Refuses what could not fit before it is tokenised.
    fn check<T: AsRef<str>>(&self, texts: &[T]) -> Result<(), EngineError> {
        let limit = self.shared.info.context_length;
        let longest = texts.iter().map(|t| t.as_ref().len()).max().unwrap_or(0);
        if longest > limit.saturating_mul(BYTES_PER_TOKEN) {
            return Err(EngineError::ContextExceeded {
                prompt_tokens: longest / BYTES_PER_TOKEN,
                limit,
            });
        }
        Ok(())
    }
}

/// Likeness of the first vector with each of the others: its cosine, moved from -1..1 to 0..1.
pub(super) fn likeness(vectors: &[Vec<f32>]) -> Vec<f32> {
    let Some((query, documents)) = vectors.split_first() else {
        return Vec::new();
    };
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y));
        products.sum()
    };
    let own = dot(query, query);
    documents
        .iter()
        .map(|document| {
            let size = (own * dot(document, document)).sqrt();
            let cosine = if size > 0.0 {
                dot(query, document) / size
            } else {
                0.0
            };
            cosine.midpoint(1.0).clamp(0.0, 1.0) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::likeness;

    #[test]
    fn likeness_is_the_cosine_between_zero_and_one() {
        let vectors = [[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [0.0, 0.0]];
        let vectors = vectors.map(|v| v.to_vec());
        assert_eq!(likeness(&vectors), [1.0, 0.5, 0.0, 0.5]);
        assert!(likeness(&[]).is_empty());
    }
}
