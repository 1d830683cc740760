//! An answer that one engine begins and another one ends reads as if nothing had been.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::support::{
    SMOLLM2, Tiny, channel_sink, collect, load, real_model, run, start, text_request,
};
use std::sync::mpsc::Receiver;
use std::time::Duration;
use zhisuan_engine::{
    Constraint, Engine, FinishReason, GenerateEvent, GenerateRequest, Prompt, Resume, Sampling,
    TokenLogprob, Usage,
};

/// One token as it was told.
type Told = (u32, String, Option<TokenLogprob>);

/// Everything that was told, and the event that ended it.
fn listen(events: &Receiver<GenerateEvent>) -> (Vec<Told>, GenerateEvent) {
    let mut told = Vec::new();
    loop {
        match events.recv_timeout(Duration::from_mins(2)).unwrap() {
            GenerateEvent::Token {
                text,
                token,
                logprob,
            } => told.push((token, text, logprob)),
            end => return (told, end),
        }
    }
}

fn listen_to(engine: &Engine, request: GenerateRequest) -> (Vec<Told>, FinishReason, Usage) {
    match listen(&start(engine, request)) {
        (told, GenerateEvent::Done { finish, usage }) => (told, finish, usage),
        (_, end) => panic!("not a regular end: {end:?}"),
    }
}

/// Hands `request` over after every one of its tokens (each `stride`-th) and compares what is told
/// from there on with the undisturbed answer.
fn assert_seamless(engine: &Engine, other: &Engine, request: &GenerateRequest, stride: usize) {
    let (whole, finish, usage) = listen_to(engine, request.clone());
    let prompt = match &request.prompt {
        Prompt::Text(text) => engine.tokenize(text).unwrap(),
        Prompt::Tokens(tokens) => tokens.clone(),
        Prompt::Begun(_) => panic!("only whole requests are compared"),
    };
    let written = usage.completion_tokens;
    assert!(written >= 4, "an answer of {written} tokens says little");
    for split in (0..written).step_by(stride) {
        let resume = Resume {
            prompt: prompt.clone(),
            answer: whole[..split].iter().map(|told| told.0).collect(),
            seed: request.sampling.seed.unwrap_or(0),
            cached_tokens: 3,
        };
        let rest = GenerateRequest {
            prompt: Prompt::Begun(resume),
            ..request.clone()
        };
        let (told, rest_finish, rest_usage) = listen_to(other, rest);
        assert_eq!(told, whole[split..], "after {split} tokens");
        assert_eq!(rest_finish, finish);
        let counted = (usage.prompt_tokens, usage.completion_tokens);
        assert_eq!(
            (rest_usage.prompt_tokens, rest_usage.completion_tokens),
            counted
        );
        assert_eq!(rest_usage.cached_tokens, 3, "as the first engine found it");
    }
}

fn sampled(seed: u64) -> Sampling {
    Sampling {
        temperature: 0.9,
        top_p: 0.95,
        repetition_penalty: 1.1,
        presence_penalty: 0.3,
        frequency_penalty: 0.2,
        seed: Some(seed),
        ..Sampling::default()
    }
}

#[test]
fn wherever_an_answer_is_handed_over_it_goes_on_the_same() {
    let (_dir, path) = Tiny::default().gguf();
    let (one, two) = (load(&path), load(&path));
    let prompt: String = "the answer of two engines, ".repeat(3);
    let plain = text_request(&prompt, 40);
    assert_seamless(&one, &two, &plain, 1);
    for seed in [1, 7] {
        let request = GenerateRequest {
            sampling: sampled(seed),
            logprobs: Some(2),
            min_tokens: 30,
            ..plain.clone()
        };
        assert_seamless(&one, &two, &request, 1);
    }
    // Broken characters and a stop text that is held back again and again.
    let (told, ..) = listen_to(&one, plain.clone());
    let text: String = told.iter().map(|told| told.1.as_str()).collect();
    let from = text.char_indices().nth(20).unwrap().0;
    let to = text.char_indices().nth(26).unwrap().0;
    let stopping = GenerateRequest {
        stop: vec![text[from..to].to_owned()],
        ..plain
    };
    assert_seamless(&one, &two, &stopping, 1);
}

#[test]
fn a_real_model_goes_on_within_its_grammar_and_its_stop_texts() {
    let Some(path) = real_model(SMOLLM2) else {
        return;
    };
    let (one, two) = (load(&path), load(&path));
    let schema = r#"{"type": "object", "properties": {"city": {"enum": ["Hangzhou", "Ningbo"]},
        "population": {"type": "integer"}, "rivers": {"type": "array", "items": {"type": "string",
        "maxLength": 12}, "maxItems": 2}}, "required": ["city", "population", "rivers"],
        "additionalProperties": false}"#;
    for logprobs in [None, Some(1)] {
        let request = GenerateRequest {
            constraint: Some(Constraint::JsonSchema(schema.to_owned())),
            sampling: sampled(11),
            logprobs,
            ..GenerateRequest::new(Prompt::Text("A city as JSON: ".to_owned()), 80)
        };
        assert_seamless(&one, &two, &request, 3);
    }
    let chat = "杭州市民办事需要带什么材料？请逐条回答，并加上表情 😀。";
    let request = GenerateRequest {
        stop: vec!["。\n".to_owned(), "结束".to_owned()],
        sampling: sampled(5),
        ..text_request(chat, 40)
    };
    assert_seamless(&one, &two, &request, 5);
}

#[test]
fn shutdown_drains_then_hands_the_rest_over() {
    let (_dir, path) = Tiny {
        context: 100_000,
        ..Tiny::default()
    }
    .gguf();
    let (engine, other) = (load(&path), load(&path));
    // Nobody gave it a seed: the engine's own goes along.
    let long = GenerateRequest {
        sampling: Sampling {
            seed: None,
            ..sampled(0)
        },
        ..text_request("abc", 60_000)
    };
    let short = start(&engine, text_request("a", 5));
    let events = start(&engine, long.clone());
    engine.shutdown(Duration::from_millis(200));
    assert_eq!(collect(&short).end, Ok(FinishReason::Length));
    let (told, GenerateEvent::Unfinished { resume, usage }) = listen(&events) else {
        panic!("a long answer is handed over")
    };
    let tokens: Vec<u32> = told.iter().map(|told| told.0).collect();
    assert_eq!(resume.answer, tokens);
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens),
        (resume.prompt.len(), tokens.len())
    );
    let refused = engine
        .generate(long.clone(), channel_sink().0)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(refused.code(), "engine_stopped");
    engine.shutdown(Duration::from_millis(1));
    // The other engine with the same seed, from the beginning and from there.
    let whole_to = tokens.len() + 50;
    let request = |answer: Vec<u32>| GenerateRequest {
        prompt: Prompt::Begun(Resume {
            answer,
            ..(*resume).clone()
        }),
        max_tokens: whole_to,
        ..long.clone()
    };
    let whole = run(&other, request(Vec::new()));
    let rest = run(&other, request(tokens.clone()));
    assert_eq!(whole.tokens, [tokens, rest.tokens].concat());
    assert_eq!(whole.usage.completion_tokens, whole_to);
    assert_eq!(rest.usage.completion_tokens, whole_to);
}

#[test]
fn what_waits_is_handed_over_too() {
    let (_dir, path) = Tiny {
        context: 100_000,
        ..Tiny::default()
    }
    .gguf();
    let engine = Engine::load(zhisuan_engine::LoadOptions {
        max_batch: 1,
        ..zhisuan_engine::LoadOptions::new(&path)
    })
    .unwrap();
    let running = start(&engine, text_request("a", 90_000));
    let waiting = start(&engine, text_request("waits", 7));
    running.recv().unwrap();
    engine.shutdown(Duration::ZERO);
    let (told, GenerateEvent::Unfinished { resume, usage }) = listen(&waiting) else {
        panic!("a waiting request is handed over")
    };
    assert!(told.is_empty() && resume.answer.is_empty());
    assert_eq!(usage.completion_tokens, 0);
    let request = |prompt| GenerateRequest {
        prompt,
        ..text_request("", 7)
    };
    let other = load(&path);
    assert_eq!(
        run(&other, request(Prompt::Begun(*resume))).tokens,
        run(&other, text_request("waits", 7)).tokens
    );
}

#[test]
fn an_answer_that_is_not_this_requests_is_refused() {
    let (_dir, path) = Tiny::default().gguf();
    let engine = load(&path);
    let refused = |answer: Vec<u32>, change: &dyn Fn(&mut GenerateRequest)| {
        let prompt = Prompt::Begun(Resume {
            prompt: vec![1, 2, 3],
            answer,
            seed: 0,
            cached_tokens: 0,
        });
        let mut request = GenerateRequest::new(prompt, 5);
        change(&mut request);
        let error = engine.generate(request, channel_sink().0).unwrap_err();
        assert_eq!(error.code(), "invalid_request");
        assert!(error.to_string().contains("resume"), "{error}");
    };
    refused(vec![9, 9, 9, 9, 9], &|_| {});
    refused(vec![9, 100_000], &|_| {});
    let letters = engine.tokenize("xy").unwrap();
    refused(letters.clone(), &|r| r.stop = vec!["xy".to_owned()]);
    refused(letters, &|r| {
        r.constraint = Some(Constraint::Regex("[0-9]+".to_owned()));
    });
    let digit = engine.tokenize("7").unwrap();
    refused(digit, &|r| {
        r.constraint = Some(Constraint::Regex("[0-9]".to_owned()));
    });
    assert_eq!(engine.stats().finished, 0, "nothing was queued");
}
