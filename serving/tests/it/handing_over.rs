//! Replicas that stop hand their answers over, and callers notice nothing.

use crate::fake_replica::{FakeReplica, PROMPT_TOKENS, WORDS};
use crate::records::{folder, lines};
use crate::world::{
    World, chat, eventually, parse_events, request_id, route, serve_replica, streamed, world,
    world_of,
};
use serde_json::Value;
use zhisuan_proto::v1::GenerateRequest;
use zhisuan_serving::{AuditOptions, LabelOptions, Operations};

/// Adds replicas to the first one.
async fn with_replicas(world: &World, more: usize) -> Vec<FakeReplica> {
    let mut replicas = vec![world.replica.clone()];
    let mut addresses = vec![world.replica_address];
    for _ in 0..more {
        let replica = FakeReplica::default();
        addresses.push(serve_replica(replica.clone()).await);
        replicas.push(replica);
    }
    world.reroute(vec![route("tiny", "", &addresses)], 2).await;
    replicas
}

/// The text of a streamed answer and the reason of its end.
fn told(body: &str) -> (String, String) {
    let (mut text, mut reason) = (String::new(), String::new());
    for (_, data) in parse_events(body) {
        let Ok(event) = serde_json::from_str::<Value>(&data) else {
            continue;
        };
        let choice = &event["choices"][0];
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        if let Some(ended) = choice["finish_reason"].as_str() {
            ended.clone_into(&mut reason);
        }
    }
    (text, reason)
}

/// What all replicas together were asked to go on with, by length.
fn resumed(replicas: &[FakeReplica]) -> Vec<GenerateRequest> {
    let mut asked: Vec<GenerateRequest> = replicas
        .iter()
        .flat_map(|replica| replica.asked.lock().unwrap().clone())
        .filter(|request| request.resume.is_some())
        .collect();
    asked.sort_by_key(|request| request.resume.as_ref().unwrap().answer.len());
    asked
}

#[tokio::test]
async fn an_answer_goes_on_at_another_replica_as_if_nothing_had_been() {
    for (every, hops) in [(4, 1), (2, 2)] {
        let world = world().await;
        let replicas = with_replicas(&world, hops).await;
        let mut body = streamed(&format!("hand over {every}"));
        body["stream_options"] = serde_json::json!({"include_usage": true});
        body["temperature"] = serde_json::json!(0.7);
        let response = world.chat(&body).await;
        let id = request_id(&response);
        let text = response.text().await.unwrap();
        assert_eq!(told(&text), (WORDS.concat(), "stop".to_owned()));
        assert!(text.contains("[DONE]"));
        let settled = world.settlement(&id).await;
        let tokens = (settled.prompt_tokens, settled.completion_tokens);
        assert_eq!(tokens, (u64::from(PROMPT_TOKENS), WORDS.len() as u64));
        let resumed = resumed(&replicas);
        assert_eq!(resumed.len(), hops, "each goes on once");
        let first = &resumed[0];
        let resume = first.resume.as_ref().unwrap();
        assert_eq!(resume.prompt.len(), PROMPT_TOKENS as usize);
        assert_eq!(resume.answer.len(), every);
        assert!(first.input.is_none(), "the prompt goes as tokens");
        assert_eq!(first.sampling.as_ref().map(|s| s.temperature), Some(0.7));
        assert_eq!(first.tenant, "hospital");
        let metrics = world.get("/metrics", "").await.text().await.unwrap();
        let line = format!("zhisuan_gateway_handovers_total{{outcome=\"continued\"}} {hops}");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn what_has_not_begun_is_handed_over_too_and_a_whole_answer_is_whole() {
    let world = world().await;
    let replicas = with_replicas(&world, 1).await;
    // Handed over before the first word, and by the next one too; then asked anew there.
    let failed = world.chat(&chat("hand over 0")).await;
    assert_eq!(failed.status(), 503);
    assert_eq!(resumed(&replicas).len(), 2);
    let whole = world.chat(&chat("hand over 3")).await;
    let whole: Value = whole.json().await.unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], WORDS.concat());
    assert_eq!(whole["usage"]["completion_tokens"], WORDS.len());
}

#[tokio::test]
async fn without_another_replica_the_answer_ends_with_an_error_and_the_right_bill() {
    let folder = folder("audit-handover");
    let operations = Operations {
        audit: Some(AuditOptions::in_folder(folder.clone())),
        label: LabelOptions {
            implicit: false,
            ..LabelOptions::default()
        },
        ..Operations::default()
    };
    let world = world_of(8, None, operations).await;
    let response = world.chat(&streamed("hand over 2")).await;
    let id = request_id(&response);
    let text = response.text().await.unwrap();
    assert!(text.contains("event: error"), "{text}");
    assert!(!text.contains("[DONE]"));
    let settled = world.settlement(&id).await;
    let tokens = (settled.prompt_tokens, settled.completion_tokens);
    assert_eq!(tokens, (u64::from(PROMPT_TOKENS), 2));
    with_replicas(&world, 1).await;
    let response = world.chat(&streamed("hand over 3")).await;
    assert_eq!(told(&response.text().await.unwrap()).0, WORDS.concat());
    let file = folder.join("audit-000000000001.jsonl");
    eventually("two events", || async { lines(&file).len() == 2 }).await;
    let outcomes: Vec<String> = lines(&file)
        .iter()
        .map(|event| event["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        outcomes,
        ["ZS-ENGINE-ENGINE-STOPPED", "stop"],
        "one event each"
    );
}
