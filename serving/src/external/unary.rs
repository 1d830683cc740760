//! Embeddings, scores and tokens of another server.

use super::External;
use super::chunks::usage;
use crate::openai::{ApiError, Verdict};
use crate::trail::Trail;
use serde_json::{Value, json};
use zhisuan_proto::v1::tokenize_request::Input;
use zhisuan_proto::v1::{
    DetokenizeRequest, DetokenizeResponse, EmbedRequest, EmbedResponse, Embedding, ExternalServer,
    Route, ScoreRequest, ScoreResponse, TokenizeRequest, TokenizeResponse,
};

/// Largest answer that is taken.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of text per token where nobody counted.
const BYTES_PER_TOKEN: usize = 3;

impl External {
    /// Vectors of texts.
    pub(crate) async fn embed(
        &self,
        route: &Route,
        server: &ExternalServer,
        request: &EmbedRequest,
        trail: &Trail,
    ) -> Result<EmbedResponse, Verdict> {
        let with_instruction = |text: &String| format!("{}{text}", request.instruction);
        let texts: Vec<String> = request.texts.iter().map(with_instruction).collect();
        let lists: Vec<&[u32]> = request.token_ids.iter().map(|list| &*list.ids).collect();
        let tokens: usize = lists.iter().map(|ids| ids.len()).sum();
        let bytes = texts.iter().map(String::len).sum::<usize>() + tokens * BYTES_PER_TOKEN;
        let input = if lists.is_empty() {
            json!(texts)
        } else {
            json!(lists)
        };
        let mut body = json!({"model": server.model, "input": input, "encoding_format": "float"});
        if request.dimensions > 0 {
            body["dimensions"] = json!(request.dimensions);
        }
        let answer = self
            .json(route, server, "/embeddings", &body, trail)
            .await?;
        let mut embeddings = vec![Embedding::default(); texts.len() + lists.len()];
        for item in answer["data"].as_array().into_iter().flatten() {
            let index = item["index"].as_u64().and_then(|n| usize::try_from(n).ok());
            let place = index.and_then(|index| embeddings.get_mut(index));
            let values = item["embedding"].as_array().ok_or_else(malformed)?;
            place.ok_or_else(malformed)?.values = values
                .iter()
                .map(|value| value.as_f64().map(|value| value as f32))
                .collect::<Option<_>>()
                .ok_or_else(malformed)?;
        }
        if embeddings
            .iter()
            .any(|embedding| embedding.values.is_empty())
        {
            return Err(malformed());
        }
        Ok(EmbedResponse {
            embeddings,
            prompt_tokens: prompt_tokens(&answer, bytes, trail),
        })
    }

    /// How well documents answer a query, by the call that vLLM, Jina and Cohere share.
    pub(crate) async fn score(
        &self,
        route: &Route,
        server: &ExternalServer,
        request: &ScoreRequest,
        trail: &Trail,
    ) -> Result<ScoreResponse, Verdict> {
        let body = json!({
            "model": server.model, "query": request.query, "documents": request.documents,
        });
        let answer = self.json(route, server, "/rerank", &body, trail).await?;
        let mut scores = vec![f32::NAN; request.documents.len()];
        for item in answer["results"].as_array().into_iter().flatten() {
            let index = item["index"].as_u64().and_then(|n| usize::try_from(n).ok());
            let place = index.and_then(|index| scores.get_mut(index));
            let score = item["relevance_score"].as_f64().ok_or_else(malformed)?;
            *place.ok_or_else(malformed)? = score as f32;
        }
        if scores.iter().any(|score| score.is_nan()) {
            return Err(malformed());
        }
        let bytes: usize = request.documents.iter().map(String::len).sum();
        let bytes = bytes + request.query.len() * request.documents.len();
        Ok(ScoreResponse {
            scores,
            prompt_tokens: prompt_tokens(&answer, bytes, trail),
        })
    }

    /// The tokens of a text, by vLLM's call, which lies beside `/v1`.
    pub(crate) async fn tokenize(
        &self,
        route: &Route,
        server: &ExternalServer,
        request: &TokenizeRequest,
        trail: &Trail,
    ) -> Result<TokenizeResponse, Verdict> {
        let Some(Input::Text(text)) = &request.input else {
            let code = "backend_counts_no_chat";
            return Err(Verdict::Final(ApiError::replica_refused(
                "messages", code, "",
            )));
        };
        let body = json!({"model": server.model, "prompt": text});
        let server = beside(server);
        let answer = self.json(route, &server, "/tokenize", &body, trail).await?;
        let tokens = answer["tokens"].as_array().ok_or_else(malformed)?;
        let number = |token: &Value| token.as_u64().and_then(|token| u32::try_from(token).ok());
        let tokens: Option<Vec<u32>> = tokens.iter().map(number).collect();
        Ok(TokenizeResponse {
            tokens: tokens.ok_or_else(malformed)?,
        })
    }

    /// The texts of tokens, by vLLM's call.
    pub(crate) async fn detokenize(
        &self,
        route: &Route,
        server: &ExternalServer,
        request: &DetokenizeRequest,
        trail: &Trail,
    ) -> Result<DetokenizeResponse, Verdict> {
        let server = beside(server);
        let mut texts = Vec::with_capacity(request.token_ids.len());
        for list in &request.token_ids {
            let body = json!({"model": server.model, "tokens": list.ids});
            let answer = self.json(route, &server, "/detokenize", &body, trail);
            let answer = answer.await?;
            texts.push(answer["prompt"].as_str().ok_or_else(malformed)?.to_owned());
        }
        Ok(DetokenizeResponse { texts })
    }

    async fn json(
        &self,
        route: &Route,
        server: &ExternalServer,
        path: &str,
        body: &Value,
        trail: &Trail,
    ) -> Result<Value, Verdict> {
        let mut answer = self.post(route, server, path, body, trail).await?;
        trail.with(|record| record.replica.clone_from(&server.url));
        let mut bytes = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(piece)) if bytes.len() + piece.len() <= MAX_BYTES => bytes.extend(piece),
                Ok(None) => break,
                Ok(Some(_)) | Err(_) => return Err(malformed()),
            }
        }
        serde_json::from_slice(&bytes).map_err(|_| malformed())
    }
}

/// The server at its root, where vLLM has the calls of its own.
fn beside(server: &ExternalServer) -> ExternalServer {
    let root = server.url.trim_end_matches('/').trim_end_matches("/v1");
    ExternalServer {
        url: root.to_owned(),
        ..server.clone()
    }
}

fn malformed() -> Verdict {
    Verdict::Final(ApiError::replica_failed("backend_sent_nonsense", ""))
}

/// The server's count, else ours.
fn prompt_tokens(answer: &Value, bytes: usize, trail: &Trail) -> u32 {
    if let Some(usage) = usage(&answer["usage"]) {
        return usage.prompt_tokens;
    }
    trail.with(|record| record.estimated = true);
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}
