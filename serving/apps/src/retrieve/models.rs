//! Models that help to find: one that turns texts into vectors, one that says how well a passage
//! answers. Their calls block; callers keep them off async threads.

use std::fmt;

use thiserror::Error;

/// What a text is to the model that embeds it; many models want to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A question.
    Query,
    /// A question of the bank, for its index.
    Bank,
    /// A passage that may answer one, for the index.
    Passage,
    /// A sentence of a passage, while somebody waits for an answer.
    Sentence,
}

impl Side {
    /// What a model wants before a text, by the family that its name tells, in the words of their
    /// cards: e5 (Wang et al., 2024), bge (Xiao et al., 2023), Qwen3-Embedding (Zhang et al.,
    /// 2025). Nothing for any other, and before passages of most.
    pub fn instruction(self, model: &str) -> &'static str {
        let name = model.to_lowercase();
        let has = |part: &str| name.contains(part);
        let is_query = matches!(self, Self::Query | Self::Bank);
        if has("e5") && !has("instruct") {
            return if is_query { "query: " } else { "passage: " };
        }
        if !is_query {
            return "";
        }
        if has("qwen3-embedding") {
            return "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:";
        }
        match (has("bge"), has("-zh"), has("-en")) {
            (true, true, _) => "为这个句子生成表示以用于检索相关文章：",
            (true, _, true) => "Represent this sentence for searching relevant passages: ",
            _ => "",
        }
    }
}

/// Why a model gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ModelFault(pub String);

/// A model that turns texts into vectors.
pub trait Embedder: Send + Sync {
    /// Name and version of the model: equal names give equal vectors.
    fn name(&self) -> String;

    /// One vector for each text, all of one length.
    fn embed(&self, texts: &[String], side: Side) -> Result<Vec<Vec<f32>>, ModelFault>;
}

impl fmt::Debug for dyn Embedder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Embedder({})", self.name())
    }
}

/// A model that reads a question and a passage together.
pub trait Reranker: Send + Sync {
    /// Name and version of the model: equal names give equal scores.
    fn name(&self) -> String;

    /// How well each passage answers the question, from zero to one.
    fn scores(&self, question: &str, passages: &[String]) -> Result<Vec<f32>, ModelFault>;
}

impl fmt::Debug for dyn Reranker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Reranker({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Side;

    #[test]
    fn families_are_told_by_their_names() {
        let qwen = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:";
        let cases = [
            ("multilingual-e5-small", "query: ", "passage: "),
            ("intfloat/multilingual-E5-large-instruct", "", ""),
            (
                "bge-small-zh-v1.5",
                "为这个句子生成表示以用于检索相关文章：",
                "",
            ),
            ("bge-m3", "", ""),
            ("Qwen3-Embedding-0.6B", qwen, ""),
            ("vectors", "", ""),
        ];
        for (model, query, passage) in cases {
            assert_eq!(Side::Query.instruction(model), query, "{model}");
            assert_eq!(Side::Bank.instruction(model), query, "{model}");
            assert_eq!(Side::Sentence.instruction(model), passage, "{model}");
        }
    }
}
