//! What a caller sees: streaming, stops, limits, cancel, faults, overload, shutdown.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::support::{
    QWEN, SMOLLM2, Tiny, channel_sink, collect, load, real_model, run, start, text_request,
};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use zhisuan_engine::{
    ChatMessage, EmbedRequest, Engine, EngineError, FinishReason, GenerateEvent, GenerateRequest,
    LoadOptions, Prompt, Sampling,
};

/// A request whose answer is `letter`, over and over.
fn repeating(engine: &Engine, letter: &str, stop: &[&str]) -> GenerateRequest {
    let ids = engine.tokenize(letter).unwrap();
    assert_eq!(ids.len(), 1, "one token only");
    let sampling = Sampling {
        logit_bias: vec![(ids[0], 100.0)],
        ..Sampling::default()
    };
    GenerateRequest {
        sampling,
        stop: stop.iter().map(|s| (*s).to_owned()).collect(),
        ..text_request("go", 9)
    }
}

#[test]
fn stop_strings_cut_across_tokens() {
    let (_dir, path) = Tiny::default().gguf();
    let engine = load(&path);
    let outcome = run(&engine, repeating(&engine, "z", &["zzzz"]));
    assert_eq!(
        (outcome.text().as_str(), outcome.end),
        ("", Ok(FinishReason::StopString(0)))
    );
    assert_eq!(outcome.usage.completion_tokens, 4);
    let outcome = run(&engine, repeating(&engine, "z", &["zzzq"]));
    assert_eq!(
        (outcome.text().as_str(), outcome.end),
        ("zzzzzzzzz", Ok(FinishReason::Length))
    );
}

#[test]
fn streamed_text_is_whole_characters() {
    let (mut held_back, mut shown) = (false, String::new());
    for (sha256, question) in [
        (SMOLLM2, "请用一句话介绍北京。"),
        (QWEN, "请原样重复这句话：算力券🎫已发放👨‍👩‍👧🙂，请查收。"),
    ] {
        let Some(path) = real_model(sha256) else {
            return;
        };
        let engine = load(&path);
        let prompt = engine
            .render_chat(&[ChatMessage::new("user", question)])
            .unwrap();
        let outcome = run(&engine, text_request(&prompt, 24));
        // Only the end of an answer may cut a character.
        let inside: String = outcome.texts[..23].concat();
        assert!(!inside.contains('\u{FFFD}'), "{:?}", outcome.texts);
        held_back |= outcome.texts.iter().any(String::is_empty);
        shown += &inside;
    }
    assert!(held_back, "some character needed two tokens: {shown}");
    assert!(shown.contains("算力券") && shown.contains('🎫'), "{shown}");
}

#[test]
fn a_real_chat_answers_in_chinese_and_ends_its_turn() {
    let Some(path) = real_model(QWEN) else { return };
    let engine = load(&path);
    let question = "资料：本次公开征求意见的截止日期是2025年10月27日。\n问题：截止日期是哪天？";
    let chat = [ChatMessage::new("user", question)];
    let prompt = engine.render_chat(&chat).unwrap();
    let outcome = run(&engine, GenerateRequest::new(Prompt::Text(prompt), 40));
    assert!(outcome.text().contains("10月27日"), "{}", outcome.text());
    assert_eq!(outcome.end, Ok(FinishReason::Stop));
}

#[test]
fn limits_are_named_before_anything_runs() {
    let (_dir, path) = Tiny {
        context: 32,
        ..Tiny::default()
    }
    .gguf();
    let engine = load(&path);
    let refuse = |request: GenerateRequest| {
        let error = engine.generate(request, channel_sink().0).unwrap_err();
        (error.code(), error.to_string())
    };
    let (code, text) = refuse(text_request(&"x".repeat(40), 1));
    assert_eq!(code, "context_exceeded");
    assert!(text.contains("40") && text.contains("32"), "{text}");
    assert_eq!(
        refuse(text_request(&"x".repeat(32), 1)).0,
        "context_exceeded"
    );
    for (request, field) in [
        (text_request("", 1), "prompt"),
        (text_request("a", 0), "max_tokens"),
        (
            GenerateRequest::new(Prompt::Tokens(vec![1, 9999]), 1),
            "tokens[1]",
        ),
        (
            GenerateRequest {
                logprobs: Some(99),
                ..text_request("a", 1)
            },
            "logprobs",
        ),
        (
            GenerateRequest {
                stop: vec![String::new()],
                ..text_request("a", 1)
            },
            "stop",
        ),
    ] {
        let (code, text) = refuse(request);
        assert_eq!(code, "invalid_request");
        assert!(text.contains(field), "{text}");
    }
    let adapter = Some("none".to_owned());
    assert_eq!(
        refuse(GenerateRequest {
            adapter,
            ..text_request("a", 1)
        })
        .0,
        "adapter_unknown"
    );
    // The context ends an answer that would outgrow it.
    let outcome = run(&engine, text_request(&"x".repeat(30), 100));
    assert_eq!(outcome.end, Ok(FinishReason::Length));
    assert_eq!(outcome.usage.completion_tokens, 2);
    assert_eq!(engine.stats().finished, 1);
}

#[test]
fn logprobs_are_reported() {
    let (_dir, path) = Tiny::default().gguf();
    let engine = load(&path);
    let events = start(
        &engine,
        GenerateRequest {
            logprobs: Some(3),
            ..text_request("a", 2)
        },
    );
    let Ok(GenerateEvent::Token {
        token,
        logprob: Some(logprob),
        ..
    }) = events.recv()
    else {
        panic!("a token with its probability comes first")
    };
    assert_eq!(logprob.top.len(), 3);
    assert_eq!(logprob.top[0].token, token);
    assert!((logprob.top[0].logprob - logprob.logprob).abs() < 1e-6 && logprob.logprob < 0.0);
}

#[test]
fn cancelling_ends_running_and_waiting_requests() {
    let (_dir, path) = Tiny {
        context: 100_000,
        ..Tiny::default()
    }
    .gguf();
    let engine = Engine::load(LoadOptions {
        max_batch: 1,
        ..LoadOptions::new(&path)
    })
    .unwrap();
    let (sink, first) = channel_sink();
    let first_id = engine.generate(text_request("a", 90_000), sink).unwrap();
    let (sink, second) = channel_sink();
    let second_id = engine.generate(text_request("b", 90_000), sink).unwrap();
    first.recv().unwrap();
    engine.cancel(second_id);
    assert_eq!(collect(&second).end, Ok(FinishReason::Cancelled));
    engine.cancel(first_id);
    let outcome = collect(&first);
    assert_eq!(outcome.end, Ok(FinishReason::Cancelled));
    assert_eq!(outcome.tokens.len() + 1, outcome.usage.completion_tokens);
    // A sink that breaks off, and one that panics, end their request and nothing else.
    let (sink, gone) = channel_sink();
    engine.generate(text_request("c", 90_000), sink).unwrap();
    drop(gone);
    let boom = |_: GenerateEvent| -> ControlFlow<()> { panic!("a sink of the test") };
    engine
        .generate(text_request("d", 90_000), Box::new(boom))
        .unwrap();
    assert_eq!(run(&engine, text_request("e", 3)).tokens.len(), 3);
    assert_eq!(engine.stats().finished, 5);
}

#[test]
fn not_a_number_fails_one_request_and_the_engine_goes_on() {
    let (_dir, path) = Tiny {
        tied: false,
        broken_token: Some(7),
        ..Tiny::default()
    }
    .gguf();
    let engine = load(&path);
    let request = |token| GenerateRequest {
        sampling: Sampling {
            logit_bias: vec![(3, 100.0)],
            ..Sampling::default()
        },
        ..GenerateRequest::new(Prompt::Tokens(vec![1, token]), 4)
    };
    let (bad, good) = (start(&engine, request(7)), start(&engine, request(8)));
    let bad = collect(&bad);
    assert_eq!(bad.end, Err("numeric_fault".to_owned()));
    // Nothing was written, so nothing is charged for an answer.
    assert_eq!((bad.tokens.len(), bad.usage.completion_tokens), (0, 0));
    assert_eq!(collect(&good).end, Ok(FinishReason::Length));
    // Keys and values carry it to every later token.
    let early = GenerateRequest {
        ignore_eos: true,
        ..GenerateRequest::new(Prompt::Tokens([&[7], &[1; 40][..]].concat()), 4)
    };
    assert_eq!(run(&engine, early).end, Err("numeric_fault".to_owned()));
    let embed = |text: &str| engine.embed(&EmbedRequest::new(vec![text.to_owned()]));
    assert_eq!(embed("a\u{7}b").unwrap_err().code(), "numeric_fault");
    assert!(embed("ab").is_ok());
    assert_eq!(run(&engine, request(8)).end, Ok(FinishReason::Length));
}

#[test]
fn a_full_queue_refuses_with_both_numbers() {
    let (_dir, path) = Tiny {
        context: 100_000,
        ..Tiny::default()
    }
    .gguf();
    let options = LoadOptions {
        max_batch: 1,
        max_waiting: 2,
        ..LoadOptions::new(&path)
    };
    let engine = Engine::load(options).unwrap();
    let running: Vec<_> = (0..3)
        .map(|_| start(&engine, text_request("a", 90_000)))
        .collect();
    let error = engine
        .generate(text_request("a", 1), channel_sink().0)
        .unwrap_err();
    assert_eq!(error.code(), "overloaded");
    assert!(error.to_string().contains('2'), "{error}");
    // Before it: three answers, of a length that nobody knows yet, on a tiny model.
    assert!(
        matches!(error, EngineError::Overloaded { retry_ms, .. } if (1..600_000).contains(&retry_ms)),
        "{error:?}"
    );
    assert_eq!(
        engine
            .embed(&EmbedRequest::new(vec!["a".to_owned()]))
            .unwrap_err()
            .code(),
        "overloaded"
    );
    drop(running);
    let begin = Instant::now();
    while engine.stats().finished < 3 && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(run(&engine, text_request("a", 1)).tokens.len(), 1);
}
