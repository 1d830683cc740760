//! The engine that others hold.

use super::LoadOptions;
use super::decoder::DecoderEngine;
use super::request::{
    EmbedRequest, Embeddings, EngineStats, GenerateRequest, RequestId, TokenSink, Unfinished,
};
use crate::chat::{Chat, ChatMessage};
use crate::error::EngineError;
use crate::load::ModelInfo;
use std::path::Path;
use std::time::Duration;

/// A loaded model that answers requests. Cheap to clone; when the last clone is dropped,
/// running requests finish and the thread ends.
#[derive(Clone)]
pub struct Engine(DecoderEngine);

impl Engine {
    /// Loads a model; blocks while weights are read.
    pub fn load(options: LoadOptions) -> Result<Self, EngineError> {
        options.validate()?;
        DecoderEngine::load(&options).map(Self)
    }

    /// What is known about the model.
    pub fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    /// The prompt text of a chat, ending with the opening of the assistant's turn. Control
    /// tokens written inside messages are neutralised.
    pub fn render_chat(&self, messages: &[ChatMessage]) -> Result<String, EngineError> {
        self.0.render_chat(messages)
    }

    /// The prompt text of a chat with its tools and its wishes.
    pub fn prompt_of(&self, chat: &Chat) -> Result<String, EngineError> {
        self.0.prompt_of(chat)
    }

    /// Number of tokens of `text`.
    pub fn count_tokens(&self, text: &str) -> Result<usize, EngineError> {
        Ok(self.tokenize(text)?.len())
    }

    /// Token ids of `text`; control tokens written in it count as control tokens.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.0.tokenize(text)
    }

    /// Loads (or replaces) an adapter in PEFT's layout; refuses one of another base shape.
    /// Requests that run keep the adapter they began with.
    pub fn load_adapter(&self, name: &str, dir: &Path) -> Result<(), EngineError> {
        self.0.load_adapter(name, dir)
    }

    /// Forgets an adapter; `false` when there was none of that name.
    pub fn unload_adapter(&self, name: &str) -> bool {
        self.0.unload_adapter(name)
    }

    /// Names of the loaded adapters.
    pub fn adapters(&self) -> Vec<String> {
        self.0.adapters()
    }

    /// Queues a request. It is checked completely before: an error means that nothing was
    /// queued and the sink will never be called.
    pub fn generate(
        &self,
        request: GenerateRequest,
        sink: Box<dyn TokenSink>,
    ) -> Result<RequestId, EngineError> {
        self.0.generate(request, sink)
    }

    /// Ends a request before its next step; unknown ids are ignored.
    pub fn cancel(&self, id: RequestId) {
        self.0.cancel(id);
    }

    /// Embedding vectors of texts; blocks until all are computed. The texts share the batch
    /// with running answers.
    pub fn embed(&self, request: &EmbedRequest) -> Result<Embeddings, EngineError> {
        self.0.embed(request)
    }

    /// A look at the load.
    pub fn stats(&self) -> EngineStats {
        self.0.stats()
    }

    /// Refuses new requests, lets those inside finish for at most `drain`, ends the rest with
    /// [`EngineError::Stopped`], and returns when the thread has ended: with all that another
    /// engine needs to go on with those (nothing on a second call).
    pub fn shutdown(&self, drain: Duration) -> Vec<Unfinished> {
        self.0.shutdown(drain)
    }
}
