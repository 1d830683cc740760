//! Texts by their tokens: prompts, embeddings, and the way back to text.

use crate::world::{World, request_id, world, world_of};
use serde_json::{Value, json};
use zhisuan_proto::v1::TokenIds;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_serving::{Decision, Decisions, GuardOptions, GuardPolicy, Operations};

/// A number that the fake replica's vocabulary does not have: no character.
const UNKNOWN: u32 = 0xD800;

async fn ask(world: &World, path: &str, body: &Value) -> (u16, String, Value) {
    let response = world.post(path).json(body).send().await.unwrap();
    let (status, id) = (response.status().as_u16(), request_id(&response));
    (status, id, response.json().await.unwrap())
}

fn ids(text: &str) -> Vec<u32> {
    text.chars().map(u32::from).collect()
}

fn prompt(text: &str) -> Input {
    Input::TokenIds(TokenIds { ids: ids(text) })
}

#[tokio::test]
async fn tokens_become_text_again_for_nothing() {
    let world = world().await;
    let body = json!({"model": "tiny", "tokens": ids("啊b🙂")});
    let (status, id, answer) = ask(&world, "/v1/detokenize", &body).await;
    assert_eq!((status, answer), (200, json!({"prompt": "啊b🙂"})));
    assert!(world.scheduler.authorized.lock().unwrap().is_empty());
    assert!(world.settlements(&id).is_empty());
    let cases = [
        (json!({"model": "tiny"}), "tokens"),
        (json!({"model": "tiny", "tokens": []}), "tokens"),
        (json!({"model": "tiny", "tokens": "啊"}), "tokens"),
        (json!({"model": "tiny", "tokens": [1, -1]}), "tokens[1]"),
        (json!({"model": "tiny", "tokens": [1, "a"]}), "tokens[1]"),
        (json!({"model": "tiny", "tokens": [1, 1.5]}), "tokens[1]"),
        (
            json!({"model": "tiny", "tokens": [1, 2, UNKNOWN]}),
            "tokens[2]",
        ),
        (
            json!({"model": "tiny", "tokens": [1], "skip": true}),
            "skip",
        ),
    ];
    for (body, param) in cases {
        let (status, _, answer) = ask(&world, "/v1/detokenize", &body).await;
        let told = (status, &answer["error"]["param"]);
        assert_eq!(told, (400, &json!(param)), "{answer}");
    }
}

#[tokio::test]
async fn prompts_by_tokens_are_answered_and_held_for_by_their_number() {
    let world = world().await;
    let body = json!({"model": "tiny", "prompt": ids("say 好"), "max_tokens": 5});
    let (status, id, answer) = ask(&world, "/v1/completions", &body).await;
    assert_eq!((status, &answer["choices"][0]["text"]), (200, &json!("好")));
    let asked = world.replica.asked.lock().unwrap()[0].input.clone();
    assert_eq!(asked, Some(prompt("say 好")));
    let hold = world.scheduler.authorized.lock().unwrap()[0].clone();
    assert_eq!((hold.request_id, hold.max_prompt_tokens), (id.clone(), 5));
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 1));

    let body = json!({"model": "tiny", "prompt": [ids("say a"), ids("say bc")], "n": 2});
    let (status, id, answer) = ask(&world, "/v1/completions", &body).await;
    let texts = answer["choices"].as_array().unwrap().iter();
    let texts: Vec<&str> = texts.map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!((status, texts), (200, vec!["a", "a", "bc", "bc"]));
    let held = world.scheduler.authorized.lock().unwrap()[1].max_prompt_tokens;
    assert_eq!(held, 11);
    assert_eq!(
        world.settlement(&id).await.prompt_tokens,
        14,
        "each prompt once"
    );
}

#[tokio::test]
async fn tokens_outside_the_vocabulary_are_named_before_anything_is_held() {
    let world = world().await;
    let cases = [
        (
            "/v1/completions",
            "prompt",
            json!([1, UNKNOWN]),
            "prompt[1]",
        ),
        (
            "/v1/completions",
            "prompt",
            json!([[1], [2, 3, UNKNOWN]]),
            "prompt[1][2]",
        ),
        (
            "/v1/completions",
            "prompt",
            json!([[UNKNOWN]]),
            "prompt[0][0]",
        ),
        ("/v1/completions", "prompt", json!([[1], []]), "prompt[1]"),
        ("/v1/completions", "prompt", json!([[1], "a"]), "prompt[1]"),
        ("/v1/completions", "prompt", json!(["a", [1]]), "prompt[1]"),
        ("/v1/completions", "prompt", json!([1, "a"]), "prompt[1]"),
        ("/v1/completions", "prompt", json!([]), "prompt"),
        ("/v1/embeddings", "input", json!([1, UNKNOWN]), "input[1]"),
        (
            "/v1/embeddings",
            "input",
            json!([[1], [UNKNOWN]]),
            "input[1][0]",
        ),
        (
            "/v1/embeddings",
            "input",
            json!([4_294_967_296_u64]),
            "input[0]",
        ),
    ];
    for (path, field, value, param) in cases {
        let mut body = json!({"model": "tiny"});
        body[field] = value;
        let (status, _, answer) = ask(&world, path, &body).await;
        let told = (status, &answer["error"]["param"]);
        assert_eq!(told, (400, &json!(param)), "{body}: {answer}");
    }
    assert!(world.scheduler.authorized.lock().unwrap().is_empty());
    assert!(world.replica.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn vectors_of_tokens_are_those_of_their_texts_and_may_be_shorter() {
    let world = world().await;
    let vectors = async |input: Value, more: Value| {
        let mut body = json!({"model": "tiny", "input": input});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (status, id, answer) = ask(&world, "/v1/embeddings", &body).await;
        assert_eq!(status, 200, "{answer}");
        let data = answer["data"].as_array().unwrap().clone();
        (
            data.into_iter()
                .map(|one| one["embedding"].clone())
                .collect::<Vec<_>>(),
            id,
        )
    };
    let (plain, _) = vectors(json!(["ab", "c"]), json!({})).await;
    let (given, id) = vectors(json!([ids("ab"), ids("c")]), json!({})).await;
    assert_eq!(plain, given);
    let held = world.scheduler.authorized.lock().unwrap()[1].max_prompt_tokens;
    assert_eq!((held, world.settlement(&id).await.prompt_tokens), (3, 6));
    assert_eq!(vectors(json!(ids("ab")), json!({})).await.0, plain[..1]);
    let (short, _) = vectors(json!("ab"), json!({"dimensions": 2})).await;
    assert_eq!(short, [json!([2.0, 0.5])]);
    let more = json!({"dimensions": 2, "encoding_format": "base64"});
    let (short, _) = vectors(json!("ab"), more).await;
    assert_eq!(short, [json!("AAAAQAAAAD8=")]);
    for (name, value, param) in [
        ("dimensions", json!(0), "dimensions"),
        ("dimensions", json!(-1), "dimensions"),
        ("dimensions", json!(4), "dimensions"),
        ("dimensions", json!("2"), "dimensions"),
        ("instruction", json!("query: "), "instruction"),
    ] {
        let mut body = json!({"model": "tiny", "input": [97]});
        body[name] = value;
        let (status, _, answer) = ask(&world, "/v1/embeddings", &body).await;
        let told = (status, &answer["error"]["param"]);
        assert_eq!(told, (400, &json!(param)), "{answer}");
    }
}

/// A filter that could be passed by spelling a prompt in tokens would be none.
#[tokio::test]
async fn the_filter_reads_tokens_as_their_text() {
    let prompt = Decisions {
        personal: Decision::Mask,
        secrecy: Decision::Refuse,
        terms: Decision::Ignore,
    };
    let policy = GuardPolicy {
        prompt,
        answer: Decisions::default(),
    };
    let operations = Operations {
        guard: GuardOptions {
            policy,
            ..GuardOptions::default()
        },
        ..Operations::default()
    };
    let world = world_of(8, None, operations).await;
    let body = json!({"model": "tiny", "prompt": ids("电话13812345678")});
    let (status, _, _) = ask(&world, "/v1/completions", &body).await;
    let asked = world.replica.asked.lock().unwrap()[0].input.clone();
    let masked = Some(Input::Prompt("电话[手机号]".to_owned()));
    assert_eq!((status, asked), (200, masked));
    for (path, field) in [("/v1/completions", "prompt"), ("/v1/embeddings", "input")] {
        let mut body = json!({"model": "tiny"});
        body[field] = json!([ids("机密★20年")]);
        let (status, _, answer) = ask(&world, path, &body).await;
        let told = (status, &answer["error"]["code"]);
        assert_eq!(told, (400, &json!("content_filter")), "{answer}");
    }
}
