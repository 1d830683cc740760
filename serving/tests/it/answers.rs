//! Whole answers: exact JSON of models, chat, completions and embeddings, and what replicas get.

use crate::fake_replica::WORDS;
use crate::world::{KEY, chat, request_id, world};
use serde_json::{Value, json};
use zhisuan_proto::v1::generate_request::Input;

/// The counts of an answer without cached or thought tokens.
pub(crate) fn usage(prompt: u32, completion: u32) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0}})
}

#[tokio::test]
async fn models_are_those_the_caller_may_use() {
    let world = world().await;
    let list: Value = world
        .get("/v1/models", "zs-school")
        .await
        .json()
        .await
        .unwrap();
    let card = |id: &str, ready: bool| {
        json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "zhisuan",
            "context_length": 512, "ready": ready, "abilities": [],
            "state": if ready { "ready" } else { "starting" }})
    };
    assert_eq!(
        list,
        json!({"object": "list", "data": [card("starting", false), card("tiny", true)]})
    );
    let own: Value = world
        .get("/v1/models/private", KEY)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(own, card("private", true));
    let hidden = world.get("/v1/models/private", "zs-school").await;
    assert_eq!(hidden.status(), 404);
}

#[tokio::test]
async fn a_chat_answer_is_exact_and_its_request_reaches_the_replica_whole() {
    let world = world().await;
    let mut body = chat("hello");
    body["temperature"] = json!(0.5);
    body["seed"] = json!(42);
    body["stop"] = json!("END");
    body["logit_bias"] = json!({"7": -1.5});
    body["user"] = json!("clerk 7");
    let response = world.chat(&body).await;
    assert_eq!(response.status(), 200);
    let id = request_id(&response);
    assert!(id.starts_with("chatcmpl-") && id.len() == 9 + 32, "{id}");
    let mut answer: Value = response.json().await.unwrap();
    assert!(answer["created"].take().as_u64().unwrap() > 1_700_000_000);
    let fingerprint = answer["system_fingerprint"].take();
    assert!(fingerprint.as_str().unwrap().starts_with("fp_"));
    assert_eq!(
        answer,
        json!({
            "id": id, "object": "chat.completion", "created": null, "model": "tiny",
            "system_fingerprint": null, "service_tier": "default",
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                "message": {"role": "assistant", "content": WORDS.concat(), "refusal": null}}],
            "usage": usage(7, 6),
        })
    );

    let asked = world.replica.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.request_id, id);
    assert_eq!(asked.max_tokens, 511, "what the context has room for");
    assert_eq!(asked.stop, ["END"]);
    assert_eq!(asked.top_logprobs, None);
    let sampling = asked.sampling.unwrap();
    assert_eq!(sampling.seed, Some(42));
    assert!((sampling.temperature - 0.5).abs() < f32::EPSILON);
    assert!((sampling.repetition_penalty - 1.0).abs() < f32::EPSILON);
    assert!((sampling.logit_bias[&7] + 1.5).abs() < f32::EPSILON);

    let held = world.scheduler.authorized.lock().unwrap()[0].clone();
    assert_eq!(
        (held.tenant.as_str(), held.model.as_str()),
        ("hospital", "tiny")
    );
    assert_eq!(
        (held.max_prompt_tokens, held.max_completion_tokens),
        (5 + 64 + 32, 511)
    );
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 6));
}

#[tokio::test]
async fn a_cut_answer_says_length() {
    let world = world().await;
    let mut body = chat("hello");
    body["max_completion_tokens"] = json!(2);
    let answer: Value = world.chat(&body).await.json().await.unwrap();
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 2);
}

#[tokio::test]
async fn logprobs_have_the_shape_of_each_interface_and_no_infinities() {
    let world = world().await;
    let mut body = chat("hello");
    body["max_tokens"] = json!(1);
    body["logprobs"] = json!(true);
    body["top_logprobs"] = json!(1);
    let answer: Value = world.chat(&body).await.json().await.unwrap();
    let bytes = "你好".as_bytes();
    assert_eq!(
        answer["choices"][0]["logprobs"],
        json!({"content": [{"token": "你好", "logprob": -0.5, "bytes": bytes,
            "top_logprobs": [{"token": "x", "logprob": -9999.0, "bytes": [120]}]}], "refusal": null})
    );
    let body = json!({"model": "tiny", "prompt": "hello", "max_tokens": 2, "logprobs": 1});
    let response = world
        .post("/v1/completions")
        .json(&body)
        .send()
        .await
        .unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer["choices"][0]["logprobs"],
        json!({"tokens": ["你好", "，"], "token_logprobs": [-0.5, -0.5],
            "top_logprobs": [{"x": -9999.0}, {"x": -9999.0}], "text_offset": [0, 2]})
    );
}

#[tokio::test]
async fn the_stop_string_that_ended_an_answer_is_told() {
    let world = world().await;
    let mut body = chat("stop");
    body["stop"] = json!(["，"]);
    let answer: Value = world.chat(&body).await.json().await.unwrap();
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["stop_reason"]),
        (&json!("stop"), &json!("，"))
    );
    body["stream"] = json!(true);
    let text = world.chat(&body).await.text().await.unwrap();
    assert_eq!(text.matches(r#""stop_reason":"，""#).count(), 1, "{text}");
    let body = json!({"model": "tiny", "prompt": "stop", "stop": "，"});
    let request = world.post("/v1/completions").json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["choices"][0]["stop_reason"], "，");
    let plain: Value = world.chat(&chat("hello")).await.json().await.unwrap();
    assert!(plain["choices"][0].get("stop_reason").is_none());
}

#[tokio::test]
async fn a_completion_answer_is_exact() {
    let world = world().await;
    let body = json!({"model": "tiny", "prompt": "once", "max_tokens": 6});
    let response = world
        .post("/v1/completions")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let id = request_id(&response);
    assert!(id.starts_with("cmpl-"), "{id}");
    let mut answer: Value = response.json().await.unwrap();
    answer["created"].take();
    answer["system_fingerprint"].take();
    assert_eq!(
        answer,
        json!({"id": id, "object": "text_completion", "created": null, "model": "tiny",
            "system_fingerprint": null,
            "choices": [{"index": 0, "text": WORDS.concat(), "logprobs": null, "finish_reason": "stop"}],
            "usage": usage(7, 6)})
    );
    let asked = world.replica.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.input, Some(Input::Prompt("once".to_owned())));
}

#[tokio::test]
async fn embeddings_come_as_numbers_or_base64_and_are_settled() {
    let world = world().await;
    let ask = async |format: &str| -> (String, Value) {
        let body = json!({"model": "tiny", "input": ["ab", "c"], "encoding_format": format});
        let response = world
            .post("/v1/embeddings")
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        (request_id(&response), response.json().await.unwrap())
    };
    let (id, answer) = ask("float").await;
    assert!(id.starts_with("embd-"), "{id}");
    assert_eq!(
        answer,
        json!({"object": "list", "model": "tiny",
            "data": [
                {"object": "embedding", "index": 0, "embedding": [2.0, 0.5, -0.25]},
                {"object": "embedding", "index": 1, "embedding": [1.0, 0.5, -0.25]},
            ],
            "usage": {"prompt_tokens": 6, "total_tokens": 6}})
    );
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (6, 0));
    let (_, answer) = ask("base64").await;
    assert_eq!(answer["data"][0]["embedding"], "AAAAQAAAAD8AAIC+");
}
