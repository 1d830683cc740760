//! Embeddings' extensions, rerank, tokenize, and what models say of themselves.

use crate::world::{KEY, World, request_id, route, world};
use serde_json::{Value, json};
use zhisuan_proto::v1::{ExternalServer, Routes};

async fn ask(world: &World, path: &str, body: &Value) -> (u16, String, Value) {
    let response = world.post(path).json(body).send().await.unwrap();
    let (status, id) = (response.status().as_u16(), request_id(&response));
    (status, id, response.json().await.unwrap())
}

#[tokio::test]
async fn documents_come_back_best_first_and_are_billed_once() {
    let world = world().await;
    let body = json!({"model": "tiny", "query": "q", "top_n": 2, "return_documents": true,
        "documents": ["a", {"text": "longest of all"}, "longer"]});
    let (status, id, answer) = ask(&world, "/v1/rerank", &body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(id.starts_with("rerank-"), "{id}");
    let result = |index: usize, text: &str| json!({"index": index, "relevance_score": text.len() as f32 / 64.0, "document": {"text": text}});
    assert_eq!(
        answer,
        json!({"id": id, "model": "tiny",
            "results": [result(1, "longest of all"), result(2, "longer")],
            "usage": {"prompt_tokens": 15, "total_tokens": 15}})
    );
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (15, 0));
}

#[tokio::test]
async fn bad_requests_to_rerank_name_the_field() {
    let world = world().await;
    let cases = [
        (json!({"query": ""}), "query"),
        (json!({"documents": []}), "documents"),
        (json!({"documents": ["a", ""]}), "documents[1]"),
        (json!({"documents": [{"title": "a"}]}), "documents[0].text"),
        (json!({"documents": [7]}), "documents[0]"),
        (json!({"top_n": 0}), "top_n"),
        (json!({"rank_fields": ["a"]}), "rank_fields"),
        (json!({"max_chunks_per_doc": 3}), "max_chunks_per_doc"),
    ];
    for (change, param) in cases {
        let mut body = json!({"model": "tiny", "query": "q", "documents": ["a"]});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (status, _, answer) = ask(&world, "/v1/rerank", &body).await;
        assert_eq!(
            (status, &answer["error"]["param"]),
            (400, &json!(param)),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn tokens_are_counted_for_nothing() {
    let world = world().await;
    let body = json!({"model": "tiny", "prompt": "啊b"});
    let (status, id, answer) = ask(&world, "/v1/tokenize", &body).await;
    assert_eq!(
        (status, answer),
        (
            200,
            json!({"count": 2, "max_model_len": 512, "tokens": [21834, 98]})
        )
    );
    let body = json!({"model": "tiny", "messages": [{"role": "user", "content": "hi"}]});
    let (_, _, answer) = ask(&world, "/v1/tokenize", &body).await;
    assert_eq!(answer["count"], 10);
    assert!(world.scheduler.authorized.lock().unwrap().is_empty());
    assert!(world.settlements(&id).is_empty());
    let body = json!({"model": "tiny", "prompt": "a", "messages": []});
    let (status, _, answer) = ask(&world, "/v1/tokenize", &body).await;
    assert_eq!(
        (status, &answer["error"]["param"]),
        (400, &json!("messages"))
    );
}

#[tokio::test]
async fn models_tell_state_and_abilities_and_are_held_to_them() {
    let world = world().await;
    let mut embedder = route("embedder", "", &[world.replica_address]);
    embedder.abilities = vec!["embeddings".to_owned()];
    let mut asleep = route("asleep", "", &[]);
    asleep.wakes = true;
    let mut away = route("away", "", &[]);
    away.external = Some(ExternalServer::default());
    world.scheduler.routes.send_replace(Routes {
        routes: vec![embedder, asleep, away],
        revision: 2,
    });
    crate::world::eventually("the new routes", || async {
        world.get("/v1/models/embedder", KEY).await.status() == 200
    })
    .await;
    let list: Value = world.get("/v1/models", KEY).await.json().await.unwrap();
    let states: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|card| {
            (
                card["id"].as_str().unwrap(),
                card["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("asleep", "asleep"),
            ("away", "ready"),
            ("embedder", "ready")
        ]
    );
    let body = json!({"model": "embedder", "messages": [{"role": "user", "content": "hi"}]});
    let (status, _, answer) = ask(&world, "/v1/chat/completions", &body).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("operation_not_offered"))
    );
    let body = json!({"model": "embedder", "input": "hi"});
    assert_eq!(ask(&world, "/v1/embeddings", &body).await.0, 200);
}
