//! Who waits, for how long, and what is left behind: fair share, bounds, deadlines.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::support::{Tiny, channel_sink, collect, run, start, text_request};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zhisuan_engine::{
    Engine, EngineError, FinishReason, GenerateEvent, GenerateRequest, LoadOptions, Sampling,
};

fn tiny() -> (tempfile::TempDir, PathBuf) {
    Tiny {
        context: 100_000,
        ..Tiny::default()
    }
    .gguf()
}

fn of(tenant: &str, tokens: usize) -> GenerateRequest {
    GenerateRequest {
        tenant: tenant.to_owned(),
        ..text_request("a", tokens)
    }
}

/// One place, so that order shows.
fn one_place(path: &PathBuf) -> Engine {
    Engine::load(LoadOptions {
        max_batch: 1,
        max_waiting_tenant: 12,
        ..LoadOptions::new(path)
    })
    .unwrap()
}

#[test]
fn a_flood_does_not_hold_up_another_tenant() {
    let (_dir, path) = tiny();
    let engine = one_place(&path);
    let order = Arc::new(Mutex::new(Vec::new()));
    let submit = |tenant: &'static str, tokens| {
        let (order, (mut inner, events)) = (Arc::clone(&order), channel_sink());
        let sink = move |event: GenerateEvent| {
            if matches!(event, GenerateEvent::Done { .. }) {
                order.lock().unwrap().push(tenant);
            }
            inner.push(event)
        };
        engine.generate(of(tenant, tokens), Box::new(sink)).unwrap();
        events
    };
    let mut all = vec![submit("flood", 4000)];
    all.extend((0..10).map(|_| submit("flood", 100)));
    all.extend((0..2).map(|_| submit("quiet", 100)));
    for events in &all {
        assert_eq!(collect(events).end, Ok(FinishReason::Length));
    }
    // The long answer came first and gave its place up; nobody waits for its end.
    assert_eq!(order.lock().unwrap()[..3], ["quiet", "quiet", "flood"]);
}

#[test]
fn one_tenant_cannot_take_all_waiting_places() {
    let (_dir, path) = tiny();
    let engine = one_place(&path);
    let mut kept: Vec<_> = (0..13)
        .map(|_| start(&engine, of("flood", 90_000)))
        .collect();
    let refuse = |tenant| match engine.generate(of(tenant, 5), channel_sink().0) {
        Err(EngineError::Overloaded {
            waiting,
            limit,
            retry_ms,
        }) => (waiting, limit, retry_ms),
        other => panic!("not refused: {other:?}"),
    };
    let (waiting, limit, retry_ms) = refuse("flood");
    assert_eq!((waiting, limit), (12, 12));
    kept.push(start(&engine, of("quiet", 5)));
    assert!(retry_ms > 0);
    assert_eq!(engine.stats().refused, 1);
    engine.shutdown(Duration::ZERO);
}

#[test]
fn who_waits_too_long_is_told_so() {
    let (_dir, path) = tiny();
    let engine = one_place(&path);
    let long = start(&engine, of("a", 90_000));
    long.recv().unwrap();
    let hurried = GenerateRequest {
        queue_ms: 30,
        ..of("a", 5)
    };
    let events = start(&engine, hurried.clone());
    let Ok(GenerateEvent::Failed {
        error:
            EngineError::DeadlineExceeded {
                waited_ms,
                limit_ms,
            },
        usage,
    }) = events.recv_timeout(Duration::from_mins(1))
    else {
        panic!("a deadline ends the waiting")
    };
    assert!(waited_ms >= limit_ms && limit_ms == 30);
    assert_eq!(usage.completion_tokens, 0);
    drop(long);
    // Nobody is in the way: the same request runs.
    while engine.stats().running > 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(run(&engine, hurried).end, Ok(FinishReason::Length));
}

#[test]
fn the_urgent_take_the_place_of_the_patient() {
    let (_dir, path) = tiny();
    let engine = one_place(&path);
    let alone = run(&engine, of("a", 3000));
    let running = start(&engine, of("a", 3000));
    running.recv().unwrap();
    let band = |priority| {
        let request = GenerateRequest {
            priority,
            ..of("a", 300)
        };
        start(&engine, request)
    };
    let (patient, urgent) = (band(3), band(0));
    assert_eq!(collect(&urgent).tokens.len(), 300);
    // Nobody else has ended, and who made room goes on as if nothing had been.
    let stats = engine.stats();
    assert_eq!((stats.finished, stats.preemptions), (2, 1));
    assert_eq!(collect(&running).tokens, alone.tokens[1..]);
    assert_eq!(collect(&patient).end, Ok(FinishReason::Length));
}

#[test]
fn the_end_of_a_request_frees_its_blocks() {
    let (_dir, path) = tiny();
    let engine = one_place(&path);
    for round in 0..3 {
        let (sink, events) = channel_sink();
        let id = engine.generate(of("a", 90_000), sink).unwrap();
        for _ in 0..100 {
            events.recv().unwrap();
        }
        assert!(engine.stats().kv_blocks_used >= 3);
        match round {
            0 => engine.cancel(id),
            1 => drop(events),
            _ => engine.shutdown(Duration::ZERO),
        }
        while engine.stats().finished <= round {
            std::thread::sleep(Duration::from_millis(1));
        }
        let stats = engine.stats();
        assert_eq!(
            (stats.kv_blocks_used, stats.kv_tokens, stats.running),
            (0, 0, 0)
        );
    }
}

#[test]
fn least_lengths_and_stop_tokens_are_kept() {
    let (_dir, path) = tiny();
    let engine = one_place(&path);
    // The model's end token wins everywhere.
    let ending = |min_tokens| GenerateRequest {
        min_tokens,
        ignore_eos: false,
        sampling: Sampling {
            logit_bias: vec![(258, 100.0)],
            ..Sampling::default()
        },
        ..of("a", 20)
    };
    assert_eq!(run(&engine, ending(0)).usage.completion_tokens, 0);
    let outcome = run(&engine, ending(7));
    assert_eq!(
        (outcome.usage.completion_tokens, outcome.end),
        (7, Ok(FinishReason::Stop))
    );
    let letter = engine.tokenize("z").unwrap()[0];
    let stopping = GenerateRequest {
        stop_tokens: vec![letter],
        sampling: Sampling {
            logit_bias: vec![(letter, 100.0)],
            ..Sampling::default()
        },
        ..of("a", 20)
    };
    let outcome = run(&engine, stopping);
    assert_eq!(
        (outcome.text().as_str(), outcome.end),
        ("", Ok(FinishReason::Stop))
    );
    let impossible = GenerateRequest {
        min_tokens: 21,
        ..of("a", 20)
    };
    let error = engine.generate(impossible, channel_sink().0).unwrap_err();
    assert!(error.to_string().contains("min_tokens"), "{error}");
}
