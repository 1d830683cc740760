//! Models behind a gateway: vectors and scores over HTTP.

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::retrieve::{Embedder, ModelFault, Reranker, Side};

/// A call for vectors should be answered within this.
const PATIENCE: Duration = Duration::from_mins(1);
/// A question does not wait longer for vectors: words alone find and judge too.
const QUESTION: Duration = Duration::from_secs(5);
/// The list of models should be told within this.
const LIST: Duration = Duration::from_secs(10);
/// The connection should open within this.
const CONNECT: Duration = Duration::from_secs(5);

/// An OpenAI-compatible server and the key for it.
#[derive(Clone)]
pub struct ModelServer {
    http: Client,
    /// Up to and with `/v1`.
    url: String,
    key: String,
}

impl ModelServer {
    /// A server at a base address, up to and with `/v1`.
    pub fn new(url: &str, key: &str) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
        })
    }

    /// Names of the models that it serves and what each offers; empty while it cannot be asked.
    pub async fn models(&self) -> Vec<String> {
        let request = self
            .http
            .get(format!("{}/models", self.url))
            .timeout(LIST)
            .bearer_auth(&self.key);
        let Ok(answer) = request.send().await else {
            return Vec::new();
        };
        let listed: Value = answer.json().await.unwrap_or_default();
        let all = listed["data"].as_array().into_iter().flatten();
        all.filter_map(|model| model["id"].as_str().map(str::to_owned))
            .collect()
    }

    /// A request with the key.
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
    }

    async fn embed(
        &self,
        model: &str,
        texts: &[String],
        instruction: &str,
        patience: Duration,
    ) -> Result<Vec<Vec<f32>>, ModelFault> {
        let failed = |error: &dyn std::fmt::Display| {
            ModelFault(format!("向量模型 {model} 没有回答：{error}"))
        };
        let request = self.post("/embeddings").timeout(patience).json(&json!({
            "model": model, "input": texts, "instruction": instruction,
            "encoding_format": "float",
        }));
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(failed(&status));
        }
        let body: Value = answer.json().await.map_err(|error| failed(&error))?;
        let rows: Option<Vec<Vec<f32>>> = body["data"]
            .as_array()
            .map(|rows| rows.iter().map(|row| vector(&row["embedding"])).collect());
        rows.filter(|rows| rows.len() == texts.len() && rows.iter().all(|row| !row.is_empty()))
            .ok_or_else(|| failed(&"回答里没有向量"))
    }

    /// How well each document answers a query, in the order of the documents.
    async fn rerank(
        &self,
        model: &str,
        query: &str,
        documents: &[String],
    ) -> Result<Vec<f32>, ModelFault> {
        let failed = |error: &dyn std::fmt::Display| {
            ModelFault(format!("重排模型 {model} 没有回答：{error}"))
        };
        let request = self.post("/rerank").timeout(QUESTION).json(&json!({
            "model": model, "query": query, "documents": documents,
        }));
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(failed(&status));
        }
        let body: Value = answer.json().await.map_err(|error| failed(&error))?;
        let mut scores = vec![None; documents.len()];
        for result in body["results"].as_array().into_iter().flatten() {
            let at = result["index"]
                .as_u64()
                .and_then(|at| usize::try_from(at).ok());
            if let Some(slot) = at.and_then(|at| scores.get_mut(at)) {
                *slot = result["relevance_score"].as_f64().map(|score| score as f32);
            }
        }
        let scores: Option<Vec<f32>> = scores.into_iter().collect();
        let scores = scores.ok_or_else(|| failed(&"回答里少了分数"))?;
        if scores.iter().all(|score| (0.0..=1.0).contains(score)) {
            return Ok(scores);
        }
        Err(failed(&"分数不在 0 到 1 之间"))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "vectors are kept in single precision"
)]
fn vector(value: &Value) -> Vec<f32> {
    let numbers = value.as_array().into_iter().flatten();
    numbers
        .filter_map(|number| number.as_f64().map(|number| number as f32))
        .collect()
}

/// An embedding model behind a server. Its calls block; callers stand outside async threads.
pub struct RemoteEmbedder {
    server: ModelServer,
    model: String,
    runtime: Handle,
}

impl RemoteEmbedder {
    /// The model of a name; calls run on the runtime that this is made in.
    pub fn new(server: ModelServer, model: &str) -> Self {
        Self {
            server,
            model: model.to_owned(),
            runtime: Handle::current(),
        }
    }
}

impl Embedder for RemoteEmbedder {
    fn name(&self) -> String {
        self.model.clone()
    }

    fn embed(&self, texts: &[String], side: Side) -> Result<Vec<Vec<f32>>, ModelFault> {
        let patience = match side {
            Side::Query | Side::Sentence => QUESTION,
            Side::Passage | Side::Bank => PATIENCE,
        };
        let instruction = side.instruction(&self.model);
        let asked = self.server.embed(&self.model, texts, instruction, patience);
        self.runtime.block_on(asked)
    }
}

/// A model for reranking behind a server. Its calls block; callers stand outside async threads.
pub struct RemoteReranker {
    server: ModelServer,
    model: String,
    runtime: Handle,
}

impl RemoteReranker {
    /// The model of a name; calls run on the runtime that this is made in.
    pub fn new(server: ModelServer, model: &str) -> Self {
        Self {
            server,
            model: model.to_owned(),
            runtime: Handle::current(),
        }
    }
}

/// As much text as a model for reranking gets at work, to see whether it is one and quick enough.
const TRIAL: (usize, usize) = (24, 20);
const TRIAL_TEXT: &str = "办理时限为五个工作日。";

impl RemoteReranker {
    /// Lets it put some passages in order. Blocks.
    pub(super) fn tried(&self) -> Result<(), ModelFault> {
        let (passages, sentences) = TRIAL;
        let passages = vec![TRIAL_TEXT.repeat(sentences); passages];
        self.scores("多久能办好？", &passages).map(|_| ())
    }
}

impl Reranker for RemoteReranker {
    fn name(&self) -> String {
        self.model.clone()
    }

    fn scores(&self, question: &str, passages: &[String]) -> Result<Vec<f32>, ModelFault> {
        self.runtime
            .block_on(self.server.rerank(&self.model, question, passages))
    }
}
