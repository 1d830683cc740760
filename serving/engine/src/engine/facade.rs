//! The engine that others hold: a decoder or an encoder behind one handle.

use super::LoadOptions;
use super::decoder::DecoderEngine;
use super::encode::EncoderEngine;
use super::judge;
use super::request::{
    EmbedRequest, Embeddings, EngineStats, GenerateRequest, RequestId, TokenSink,
};
use super::similar::{ScoreRequest, Scores, likeness};
use super::validate::few_texts;
use crate::chat::{Chat, ChatAbilities, ChatMessage};
use crate::error::EngineError;
use crate::load::{self, ModelInfo};
use std::path::Path;
use std::time::Duration;

/// A loaded model that answers requests. Cheap to clone; when the last clone is dropped,
/// running requests finish and the thread ends.
#[derive(Clone)]
pub struct Engine(Kind);

#[derive(Clone)]
enum Kind {
    Decoder(DecoderEngine),
    Encoder(EncoderEngine),
}

impl Engine {
    /// Loads a model of either kind; blocks while weights are read.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers make the options for this one call"
    )]
    pub fn load(options: LoadOptions) -> Result<Self, EngineError> {
        options.validate()?;
        let Some(source) = load::encoder::open(&options.model)? else {
            return DecoderEngine::load(&options).map(Kind::Decoder).map(Self);
        };
        let in_flight = options.max_batch.saturating_add(options.max_waiting);
        let pool = crate::threads::pool(options.threads)?;
        EncoderEngine::start(source, options.max_context, in_flight, options.exact, pool)
            .map(Kind::Encoder)
            .map(Self)
    }

    /// What is known about the model.
    pub fn info(&self) -> &ModelInfo {
        match &self.0 {
            Kind::Decoder(engine) => engine.info(),
            Kind::Encoder(engine) => &engine.shared.info,
        }
    }

    /// The prompt text of a chat, ending with the opening of the assistant's turn. Control
    /// tokens written inside messages are neutralised.
    pub fn render_chat(&self, messages: &[ChatMessage]) -> Result<String, EngineError> {
        self.decoder("对话")?.render_chat(messages)
    }

    /// The prompt text of a chat with its tools and its wishes.
    pub fn prompt_of(&self, chat: &Chat) -> Result<String, EngineError> {
        self.decoder("对话")?.prompt_of(chat)
    }

    /// What chats with the model may ask for; `None` for an encoder.
    pub fn chat_abilities(&self) -> Option<ChatAbilities> {
        match &self.0 {
            Kind::Decoder(engine) => Some(engine.chat_abilities()),
            Kind::Encoder(_) => None,
        }
    }

    /// Number of tokens of `text`, those that an encoder puts around it included.
    pub fn count_tokens(&self, text: &str) -> Result<usize, EngineError> {
        Ok(self.tokenize(text)?.len())
    }

    /// Token ids of `text`. For a decoder control tokens written in it count as control
    /// tokens; an encoder puts its own around the text.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        match &self.0 {
            Kind::Decoder(engine) => engine.tokenize(text),
            Kind::Encoder(engine) => engine.tokenize(text),
        }
    }

    /// The text that tokens stand for; refuses those that are not in the vocabulary. Bytes that
    /// are no character show as U+FFFD. A decoder's control tokens show as their text; an
    /// encoder's are left out, as it puts them around every text again.
    pub fn detokenize(&self, tokens: &[u32]) -> Result<String, EngineError> {
        match &self.0 {
            Kind::Decoder(engine) => engine.detokenize(tokens),
            Kind::Encoder(engine) => engine.detokenize(tokens),
        }
    }

    /// Loads (or replaces) an adapter in PEFT's layout; refuses one of another base shape.
    /// Requests that run keep the adapter they began with.
    pub fn load_adapter(&self, name: &str, dir: &Path) -> Result<(), EngineError> {
        self.decoder("使用适配器")?.load_adapter(name, dir)
    }

    /// Forgets an adapter; `false` when there was none of that name.
    pub fn unload_adapter(&self, name: &str) -> bool {
        match &self.0 {
            Kind::Decoder(engine) => engine.unload_adapter(name),
            Kind::Encoder(_) => false,
        }
    }

    /// Names of the loaded adapters.
    pub fn adapters(&self) -> Vec<String> {
        match &self.0 {
            Kind::Decoder(engine) => engine.adapters(),
            Kind::Encoder(_) => Vec::new(),
        }
    }

    /// Queues a request. It is checked completely before: an error means that nothing was
    /// queued and the sink will never be called.
    pub fn generate(
        &self,
        request: GenerateRequest,
        sink: Box<dyn TokenSink>,
    ) -> Result<RequestId, EngineError> {
        self.decoder("生成文本")?.generate(request, sink)
    }

    /// Ends a request before its next step; unknown ids are ignored.
    pub fn cancel(&self, id: RequestId) {
        match &self.0 {
            Kind::Decoder(engine) => engine.cancel(id),
            // Callers of an encoder wait for it: `embed_while`, `score_while`.
            Kind::Encoder(_) => {}
        }
    }

    /// Embedding vectors of texts; blocks until all are computed. The texts share batches
    /// with what else runs.
    pub fn embed(&self, request: &EmbedRequest) -> Result<Embeddings, EngineError> {
        self.embed_while(request, &|| true)
    }

    /// Like [`Engine::embed`], but gives up when `wanted` says no. It is asked some fifty
    /// times a second.
    pub fn embed_while(
        &self,
        request: &EmbedRequest,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Embeddings, EngineError> {
        few_texts(request.texts.len().saturating_add(request.tokens.len()))?;
        match &self.0 {
            Kind::Decoder(engine) => engine.embed(request, wanted),
            Kind::Encoder(engine) => engine.embed(request, wanted),
        }
    }

    /// How well each document answers a query; blocks until all are computed.
    /// [`ModelInfo::rerank`] says how the model judges.
    pub fn score(&self, request: &ScoreRequest) -> Result<Scores, EngineError> {
        self.score_while(request, &|| true)
    }

    /// Like [`Engine::score`], but gives up when `wanted` says no; see
    /// [`Engine::embed_while`].
    pub fn score_while(
        &self,
        request: &ScoreRequest,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Scores, EngineError> {
        few_texts(request.documents.len())?;
        let engine = match &self.0 {
            Kind::Encoder(engine) => return engine.score(request, wanted),
            Kind::Decoder(engine) => engine,
        };
        if let Some(judge) = &engine.shared.judge {
            return judge::score(engine, judge, request, wanted);
        }
        let query = std::iter::once(&request.query);
        let texts = EmbedRequest {
            texts: query.chain(&request.documents).cloned().collect(),
            tenant: request.tenant.clone(),
            priority: request.priority,
            ..EmbedRequest::default()
        };
        let found = engine.embed(&texts, wanted)?;
        Ok(Scores {
            scores: likeness(&found.vectors),
            tokens: found.tokens,
        })
    }

    /// A look at the load.
    pub fn stats(&self) -> EngineStats {
        match &self.0 {
            Kind::Decoder(engine) => engine.stats(),
            Kind::Encoder(engine) => engine.stats(),
        }
    }

    /// Refuses new requests, lets those inside finish for at most `drain`, ends answers that
    /// are left with [`GenerateEvent::Unfinished`](super::request::GenerateEvent::Unfinished)
    /// and texts with [`EngineError::Stopped`] (an encoder: with [`EngineError::Cancelled`]),
    /// and returns when the thread has ended.
    pub fn shutdown(&self, drain: Duration) {
        match &self.0 {
            Kind::Decoder(engine) => engine.shutdown(drain),
            Kind::Encoder(engine) => engine.shutdown(drain),
        }
    }

    /// The decoder, or why `what` cannot be asked of this model.
    fn decoder(&self, what: &'static str) -> Result<&DecoderEngine, EngineError> {
        match &self.0 {
            Kind::Decoder(engine) => Ok(engine),
            Kind::Encoder(engine) => Err(EngineError::Incapable {
                what,
                architecture: engine.shared.info.architecture.clone(),
                instead: "计算向量（embeddings）或为文档打分（rerank）",
            }),
        }
    }
}
