//! What a model can be asked for.

use super::judge::Verdict;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// Answers to a conversation.
    Chat,
    /// Continuations of a text.
    Completions,
    /// Vectors of texts.
    Embeddings,
    /// Scores of documents for a query.
    Rerank,
}

impl Ability {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
        }
    }

    /// A decoder answers, continues, embeds and compares; one that was taught to judge
    /// documents has unlearnt the rest.
    pub(crate) fn of_decoder(rerank: RerankBy) -> Vec<Self> {
        match rerank {
            RerankBy::YesNo => vec![Self::Rerank],
            RerankBy::Classifier | RerankBy::Similarity => vec![
                Self::Chat,
                Self::Completions,
                Self::Embeddings,
                Self::Rerank,
            ],
        }
    }

    /// An encoder with a classification head gives no vectors.
    pub(crate) fn of_encoder(rerank: RerankBy) -> Vec<Self> {
        match rerank {
            RerankBy::Classifier => vec![Self::Rerank],
            RerankBy::YesNo | RerankBy::Similarity => vec![Self::Embeddings, Self::Rerank],
        }
    }
}

/// How a model scores a document for a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerankBy {
    /// A classification head reads both texts together.
    Classifier,
    /// A decoder reads both texts and says yes or no.
    YesNo,
    /// The cosine of the two texts' vectors: no model of relevance, only of likeness.
    Similarity,
}

impl RerankBy {
    /// A decoder without a verdict can only compare vectors.
    pub(crate) fn of_decoder(verdict: Option<Verdict>) -> Self {
        verdict.map_or(Self::Similarity, |_| Self::YesNo)
    }

    /// Name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classifier => "classifier",
            Self::YesNo => "yes_no",
            Self::Similarity => "similarity",
        }
    }
}
