//! One line asked of the engine, to its end.

use super::Job;
use super::answers::{Answer, Computed, Written};
use super::bodies::{Embed, Form, Input, Write};
use super::lines::LineError;
use crate::convert::{error_code, finish_word};
use crate::vectors;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::oneshot;
use zhisuan_engine::{
    EngineError, FinishReason, GenerateEvent, GenerateRequest, Prompt, TokenSink,
};

/// Has a text written. Dropping the future gives its place back within a step.
pub(super) async fn write(job: &Arc<Job>, task: Write) -> Result<Answer, LineError> {
    let (sender, receiver) = oneshot::channel();
    let work = Arc::clone(job);
    let submitted = job.blocking.spawn_blocking(move || {
        let engine = &work.loaded.engine;
        let prompt = match task.input {
            Input::Chat(said) => Prompt::Text(engine.render_chat(&said)?),
            Input::Prompt(prompt) => prompt,
        };
        let collector = Collector {
            form: task.form,
            stop: task.stop.clone(),
            text: String::new(),
            done: Some(sender),
        };
        let request = GenerateRequest {
            adapter: work.adapter.clone(),
            sampling: task.sampling,
            stop: task.stop,
            ..GenerateRequest::new(prompt, task.max_tokens as usize)
        };
        engine.generate(request, Box::new(collector))
    });
    done(submitted.await)?;
    match receiver.await {
        Ok(result) => result.map(Answer::Text).map_err(|error| refused(&error)),
        Err(_) => Err(refused(&EngineError::Stopped)),
    }
}

/// Has vectors computed. Dropping the future gives them up.
pub(super) async fn embed(job: &Arc<Job>, task: Embed) -> Result<Answer, LineError> {
    if job.adapter.is_some() {
        let words = "向量只能由基础模型计算";
        return Err(LineError::new("invalid_request", words));
    }
    let _turn = job.vectors.acquire().await;
    let engine = job.loaded.engine.clone();
    let line = Arc::new(());
    let wanted = Arc::downgrade(&line);
    let (dimensions, base64) = (task.dimensions, task.base64);
    let computed = job.blocking.spawn_blocking(move || {
        let width = vectors::width(dimensions, engine.info().hidden_size)?;
        let found = engine.embed_while(&task.request, &|| wanted.strong_count() > 0)?;
        let vectors = found.vectors.into_iter();
        Ok(Computed {
            vectors: vectors.map(|one| vectors::shorten(one, width)).collect(),
            base64,
            tokens: found.tokens,
        })
    });
    let vectors = done(computed.await)?;
    drop(line);
    Ok(Answer::Vectors(vectors))
}

fn done<T>(ended: Result<Result<T, EngineError>, tokio::task::JoinError>) -> Result<T, LineError> {
    match ended {
        Ok(result) => result.map_err(|error| refused(&error)),
        Err(error) => Err(LineError::new("internal", error.to_string())),
    }
}

fn refused(error: &EngineError) -> LineError {
    LineError::new(&error_code(error), error.to_string())
}

/// Gathers the tokens of one answer.
struct Collector {
    form: Form,
    stop: Vec<String>,
    text: String,
    done: Option<oneshot::Sender<Result<Written, EngineError>>>,
}

impl Collector {
    fn finish(&mut self, result: Result<Written, EngineError>) {
        if let Some(done) = self.done.take() {
            // A stopped job no longer waits for its answers.
            let _ = done.send(result);
        }
    }
}

impl TokenSink for Collector {
    fn push(&mut self, event: GenerateEvent) -> ControlFlow<()> {
        match event {
            GenerateEvent::Token { text, .. } => self.text.push_str(&text),
            GenerateEvent::Done { finish, usage } => {
                let stop = match finish {
                    FinishReason::StopString(at) => self.stop.get(at).cloned(),
                    _ => None,
                };
                let answer = Written {
                    form: self.form,
                    text: std::mem::take(&mut self.text),
                    finish: finish_word(finish),
                    stop,
                    prompt_tokens: usage.prompt_tokens,
                    cached_tokens: usage.cached_tokens,
                    completion_tokens: usage.completion_tokens,
                };
                self.finish(Ok(answer));
            }
            GenerateEvent::Failed { error, .. } => self.finish(Err(error)),
            // The job stops; its next attempt asks again.
            GenerateEvent::Unfinished { .. } => self.finish(Err(EngineError::Stopped)),
        }
        if self.done.as_ref().is_some_and(oneshot::Sender::is_closed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
