//! A runner that fails on purpose: who is told, and that all others go on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use super::decoder::{DecoderEngine, scheduler};
use super::request::{FinishReason, GenerateEvent, GenerateRequest, Prompt};
use super::{LoadOptions, lock};
use crate::error::EngineError;
use crate::load;
use crate::model::testing::{SMOLLM2, real_model};
use crate::runner::{FlatBatch, ModelRunner, RunnerShape, StepOutput, Wants};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Tokens of a prompt that make the fake runner fail.
const PANIC: u32 = 13;
const ERROR: u32 = 14;
const NAN: u32 = 15;
const LOOP: u32 = 16;

/// Answers the token after the last one; computes nothing that a language model computes.
struct FaultyRunner {
    shape: RunnerShape,
    /// The next look at the shape panics: a fault in the loop, outside the model.
    armed: AtomicBool,
}

impl ModelRunner for FaultyRunner {
    fn shape(&self) -> RunnerShape {
        assert!(
            !self.armed.swap(false, Ordering::SeqCst),
            "a fault of the loop, on purpose"
        );
        self.shape
    }

    fn run(&mut self, batch: &FlatBatch) -> Result<StepOutput, EngineError> {
        assert!(
            !batch.tokens.contains(&PANIC),
            "a fault of the model, on purpose"
        );
        if batch.tokens.contains(&ERROR) {
            let detail = "an error of the model, on purpose".to_owned();
            return Err(EngineError::Internal { detail });
        }
        self.armed = AtomicBool::new(batch.tokens.contains(&LOOP));
        let mut output = StepOutput::default();
        for span in &batch.spans {
            if let Wants::Logits { rows, .. } = span.wants {
                let tokens = &batch.tokens[span.rows.clone()];
                for token in &tokens[tokens.len() - rows..] {
                    let from = output.logits.len();
                    let rest = if tokens.contains(&NAN) { f32::NAN } else { 0.0 };
                    output.logits.resize(from + self.shape.vocab, rest);
                    output.logits[from + (*token as usize + 1) % self.shape.vocab] = 1.0;
                }
            }
        }
        Ok(output)
    }
}

fn engine() -> Option<DecoderEngine> {
    // Only its tokenizer and its sizes are used.
    let path = real_model(SMOLLM2)?;
    let source = load::open(&path).unwrap();
    let options = LoadOptions::new(&path);
    let shape = RunnerShape {
        vocab: source.spec.vocab,
        hidden: source.spec.hidden,
        blocks: 256,
        block_bytes: 1 << 20,
    };
    let scheduler = scheduler(&options, shape.block_bytes).unwrap();
    let runner = FaultyRunner {
        shape,
        armed: AtomicBool::new(false),
    };
    let pool = crate::threads::pool(Some(1)).unwrap();
    Some(DecoderEngine::start(source, &options, pool, Box::new(runner), scheduler).unwrap())
}

fn start(engine: &DecoderEngine, prompt: &[u32], tokens: usize) -> Receiver<GenerateEvent> {
    let (send, events) = channel();
    let sink = move |event| match send.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let request = GenerateRequest {
        ignore_eos: true,
        ..GenerateRequest::new(Prompt::Tokens(prompt.to_vec()), tokens)
    };
    engine.generate(request, Box::new(sink)).unwrap();
    events
}

/// How a request ended, with the code of its error.
fn end(events: &Receiver<GenerateEvent>) -> Result<FinishReason, &'static str> {
    loop {
        match events.recv_timeout(Duration::from_mins(1)).unwrap() {
            GenerateEvent::Token { .. } => {}
            GenerateEvent::Done { finish, .. } => return Ok(finish),
            GenerateEvent::Failed { error, .. } => return Err(error.code()),
            GenerateEvent::Unfinished { .. } => return Err("unfinished"),
        }
    }
}

fn is_clean(engine: &DecoderEngine) -> bool {
    let stats = engine.stats();
    stats.kv_blocks_used == 0 && stats.running == 0 && lock(&engine.shared.door).len() == 0
}

#[test]
fn a_fault_of_the_model_ends_the_requests_of_its_step() {
    let Some(engine) = engine() else { return };
    for bad in [PANIC, ERROR] {
        let events = start(&engine, &[1, bad, 2], 5);
        assert_eq!(end(&events), Err("internal"));
        assert!(is_clean(&engine));
        assert_eq!(end(&start(&engine, &[1, 2], 5)), Ok(FinishReason::Length));
    }
}

#[test]
fn not_a_number_ends_its_own_request_only() {
    let Some(engine) = engine() else { return };
    let long = start(&engine, &[100], 2000);
    assert_eq!(end(&start(&engine, &[1, NAN, 2], 5)), Err("numeric_fault"));
    assert_eq!(end(&long), Ok(FinishReason::Length));
    assert!(is_clean(&engine));
}

#[test]
fn a_fault_of_the_loop_ends_its_requests_and_not_the_engine() {
    let Some(engine) = engine() else { return };
    let long = start(&engine, &[100], 2000);
    assert_eq!(end(&start(&engine, &[1, LOOP, 2], 5)), Err("internal"));
    assert!(matches!(
        end(&long),
        Err("internal") | Ok(FinishReason::Length)
    ));
    assert!(is_clean(&engine));
    assert_eq!(end(&start(&engine, &[1, 2], 5)), Ok(FinishReason::Length));
    assert!(engine.stats().steps > 0);
}
