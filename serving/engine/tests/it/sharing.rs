//! Blocks shared between requests, given up and computed again, and guesses: no token changes.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use crate::support::{Outcome, SMOLLM2, Tiny, collect, load, real_model, run, start, text_request};
use std::time::Duration;
use zhisuan_engine::{
    Constraint, EmbedRequest, Engine, FinishReason, GenerateRequest, LoadOptions, Prompt, Sampling,
};

/// Some 120 tokens of English with repetitions.
const STORY: &str = "The library opens at nine. The reading room opens at ten. The archive opens at noon and \
closes at four. Visitors leave their coats at the desk. Visitors leave their bags at the desk. The library \
closes at six. The reading room closes at five. Children under ten come with an adult. Books are returned at \
the desk. Maps are returned in the archive. Newspapers are read in the reading room and never leave it. The guard \
locks the front door at six and the back door at seven, and turns off the lights in the reading room. \
The library opens at nine. The reading room opens at";

fn of(tenant: &str, salt: &str, text: &str) -> GenerateRequest {
    GenerateRequest {
        tenant: tenant.to_owned(),
        cache_salt: salt.to_owned(),
        ..text_request(text, 12)
    }
}

#[test]
fn a_found_prefix_gives_what_a_cold_one_gives() {
    let Some(path) = real_model(SMOLLM2) else {
        return;
    };
    let engine = load(&path);
    let cold = run(&engine, of("a", "", STORY));
    assert!(cold.usage.prompt_tokens > 100);
    assert_eq!(cold.usage.cached_tokens, 0);
    let warm = run(&engine, of("a", "", STORY));
    assert_eq!(
        warm.usage.cached_tokens,
        (cold.usage.prompt_tokens - 1) / 32 * 32
    );
    assert_eq!(warm.without_cache(), cold);
    // Another tenant finds nothing, unless both name a cache.
    assert_eq!(run(&engine, of("b", "", STORY)), cold);
    assert_eq!(run(&engine, of("a", "policy", STORY)), cold);
    assert_eq!(run(&engine, of("b", "policy", STORY)), warm);
    // A question after the same beginning, and the answer's own blocks as a beginning.
    let longer = format!("{STORY}{} Then", warm.text());
    let begun = run(&engine, of("a", "", &longer));
    assert!(begun.usage.cached_tokens >= warm.usage.cached_tokens);
    assert_eq!(
        begun.without_cache(),
        run(&load(&path), of("a", "", &longer))
    );
    let stats = engine.stats();
    assert!(
        stats.prefix_hit_tokens > 300 && stats.kv_blocks_cached > 0,
        "{stats:?}"
    );
    assert_eq!(stats.kv_blocks_used, 0);
}

#[test]
fn a_burst_with_one_prefix_computes_it_once() {
    let Some(path) = real_model(SMOLLM2) else {
        return;
    };
    let engine = load(&path);
    let alone = run(&engine, of("alone", "", STORY));
    let burst: Vec<_> = (0..4)
        .map(|_| start(&engine, of("burst", "", STORY)))
        .collect();
    let outcomes: Vec<Outcome> = burst.iter().map(collect).collect();
    let cold = outcomes
        .iter()
        .filter(|o| o.usage.cached_tokens == 0)
        .count();
    assert_eq!(cold, 1);
    for outcome in outcomes {
        assert_eq!(outcome.without_cache(), alone);
    }
}

#[test]
fn a_preempted_answer_is_the_same() {
    let (_dir, path) = Tiny {
        context: 640,
        ..Tiny::default()
    }
    .gguf();
    let request = |i: u32| GenerateRequest {
        tenant: format!("t{i}"),
        sampling: Sampling {
            temperature: 0.7,
            seed: Some(u64::from(i)),
            ..Sampling::default()
        },
        ignore_eos: true,
        ..GenerateRequest::new(
            Prompt::Tokens((0..100).map(|t| (t * (i + 3)) % 250).collect()),
            150,
        )
    };
    let roomy = load(&path);
    let alone: Vec<Outcome> = (0..4).map(|i| run(&roomy, request(i))).collect();
    let block = 256 * 32;
    let tight = Engine::load(LoadOptions {
        kv_bytes: 20 * block,
        pin_bytes: 0,
        ..LoadOptions::new(&path)
    })
    .unwrap();
    let together: Vec<_> = (0..4).map(|i| start(&tight, request(i))).collect();
    for (alone, events) in alone.iter().zip(&together) {
        assert_eq!(*alone, collect(events).without_cache());
    }
    let stats = tight.stats();
    assert_eq!(stats.kv_blocks_total, 20);
    assert!(stats.preemptions > 0, "{stats:?}");
}

#[test]
fn a_preempted_text_has_the_same_vector() {
    let (_dir, path) = Tiny {
        context: 8192,
        ..Tiny::default()
    }
    .gguf();
    // Several chunks long each, and its end is unlike its beginning.
    let text = |i: u32| (0..3000u32).map(move |t| (t / 16 * (i + 3)) % 250);
    let request = EmbedRequest {
        tokens: (0..8).map(|i| text(i).collect()).collect(),
        tenant: "texts".to_owned(),
        priority: 3,
        ..EmbedRequest::default()
    };
    let calm = load(&path).embed(&request).unwrap();
    let engine = Engine::load(LoadOptions {
        max_batch: 1,
        ..LoadOptions::new(&path)
    })
    .unwrap();
    let disturbed = std::thread::scope(|scope| {
        let texts = scope.spawn(|| engine.embed(&request).unwrap());
        // Each of these takes the only place from a text that is half read.
        for _ in 0..8 {
            let before = engine.stats().steps;
            while engine.stats().steps < before + 2 && !texts.is_finished() {
                std::thread::sleep(Duration::from_micros(200));
            }
            run(&engine, of("chat", "", "a"));
        }
        texts.join().unwrap()
    });
    let stats = engine.stats();
    assert!(stats.preemptions > 2, "{stats:?}");
    for (calm, disturbed) in calm.vectors.iter().zip(&disturbed.vectors) {
        let pairs = calm.iter().zip(disturbed);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }
}

#[test]
fn speculation_changes_no_token() {
    let Some(path) = real_model(SMOLLM2) else {
        return;
    };
    let guessing = load(&path);
    let plain = Engine::load(LoadOptions {
        speculation: false,
        ..LoadOptions::new(&path)
    })
    .unwrap();
    for temperature in [0.0, 0.6] {
        for prediction in ["", "The archive opens at noon and closes at four."] {
            let request = GenerateRequest {
                sampling: Sampling {
                    temperature,
                    seed: Some(5),
                    ..Sampling::default()
                },
                prediction: prediction.to_owned(),
                logprobs: Some(2),
                ..text_request(STORY, 60)
            };
            let (a, b) = (run(&guessing, request.clone()), run(&plain, request));
            assert_eq!(a.without_cache(), b.without_cache());
        }
    }
    let stats = guessing.stats();
    assert!(stats.drafts_accepted > 20, "{stats:?}");
    assert_eq!(plain.stats().drafts_proposed, 0);
}

#[test]
fn constrained_answers_keep_their_form_with_and_without_guesses() {
    let Some(path) = real_model(SMOLLM2) else {
        return;
    };
    let engine = load(&path);
    let schema = r#"{"type":"object","properties":{"opens_at":{"type":"string","maxLength":12},
        "closes":{"type":"boolean"}},"required":["opens_at","closes"],"additionalProperties":false}"#;
    let request = GenerateRequest {
        constraint: Some(Constraint::JsonSchema(schema.to_owned())),
        ..GenerateRequest::new(Prompt::Text(format!("{STORY} ten.\nAs JSON: ")), 60)
    };
    let outcome = run(&engine, request.clone());
    let value: serde_json::Value = serde_json::from_str(&outcome.text()).unwrap();
    assert!(
        value["opens_at"].is_string() && value["closes"].is_boolean(),
        "{value}"
    );
    assert_eq!(outcome.end, Ok(FinishReason::Stop));
    // With probabilities every token has its own row: no jump, the same tokens.
    let rows = run(
        &engine,
        GenerateRequest {
            logprobs: Some(0),
            ..request
        },
    );
    assert_eq!(rows.tokens, outcome.tokens);
    let choice = GenerateRequest {
        constraint: Some(Constraint::Choices(vec!["noon".into(), "midnight".into()])),
        ..GenerateRequest::new(
            Prompt::Text(format!("{STORY} ten. The archive opens at ")),
            20,
        )
    };
    let text = run(&engine, choice).text();
    assert!(["noon", "midnight"].contains(&text.as_str()), "{text}");
    let bad = GenerateRequest {
        constraint: Some(Constraint::JsonSchema("{".to_owned())),
        ..text_request("a", 5)
    };
    let error = engine
        .generate(bad, crate::support::channel_sink().0)
        .unwrap_err();
    assert_eq!(error.code(), "invalid_request");
}

#[test]
fn pinned_prompts_stay_when_others_come() {
    let (_dir, path) = Tiny {
        context: 640,
        ..Tiny::default()
    }
    .gguf();
    let block = 256 * 32;
    let engine = Engine::load(LoadOptions {
        kv_bytes: 24 * block,
        pin_bytes: 8 * block,
        ..LoadOptions::new(&path)
    })
    .unwrap();
    let request = |first: u32, pin_s| GenerateRequest {
        pin_s,
        ..GenerateRequest::new(
            Prompt::Tokens((0..130).map(|i| (first + i) % 250).collect()),
            2,
        )
    };
    run(&engine, request(1, 600));
    run(&engine, request(2, 0));
    for other in 3..20 {
        run(&engine, request(other, 0));
    }
    assert_eq!(run(&engine, request(2, 0)).usage.cached_tokens, 0);
    assert_eq!(run(&engine, request(1, 0)).usage.cached_tokens, 128);
    assert_eq!(engine.stats().kv_blocks_used, 4);
}
