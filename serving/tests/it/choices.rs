//! Several answers to one request: n, best_of, several prompts; one hold, one bill.

use crate::answers::usage;
use crate::fake_replica::{PROMPT_TOKENS, WORDS};
use crate::world::{World, chat, parse_events, request_id, streamed, world};
use serde_json::{Value, json};

async fn complete(world: &World, body: &Value) -> reqwest::Response {
    let request = world.post("/v1/completions").json(body);
    request.send().await.unwrap()
}

#[tokio::test]
async fn n_answers_share_one_prompt_and_one_bill() {
    let world = world().await;
    let mut body = chat("hello");
    body["n"] = json!(3);
    body["seed"] = json!(40);
    let response = world.chat(&body).await;
    assert_eq!(response.status(), 200);
    let id = request_id(&response);
    let answer: Value = response.json().await.unwrap();
    let choices = answer["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3);
    for (index, choice) in choices.iter().enumerate() {
        assert_eq!(choice["index"], index);
        assert_eq!(choice["message"]["content"], WORDS.concat());
    }
    // Each prompt once, every completion.
    assert_eq!(answer["usage"], usage(PROMPT_TOKENS, 18));
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (7, 18));
    let held = world.scheduler.authorized.lock().unwrap()[0].clone();
    assert_eq!(held.max_completion_tokens, 3 * 511);
    let asked = world.replica.asked.lock().unwrap().clone();
    let mut ids: Vec<_> = asked.iter().map(|ask| ask.request_id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [id.clone(), format!("{id}-1"), format!("{id}-2")]);
    assert_eq!(asked[0].request_id, id, "the first goes first");
    let mut seeds: Vec<_> = asked
        .iter()
        .map(|ask| ask.sampling.as_ref().unwrap().seed.unwrap())
        .collect();
    seeds.sort_unstable();
    assert_eq!(
        seeds,
        [40, 41, 42],
        "the same seed would give the same answer"
    );
    assert!(asked.iter().all(|ask| ask.tenant == "hospital"));
}

#[tokio::test]
async fn a_stream_of_several_answers_tells_each_by_its_index() {
    let world = world().await;
    let mut body = streamed("hello");
    body["n"] = json!(2);
    body["stream_options"] = json!({"include_usage": true});
    let text = world.chat(&body).await.text().await.unwrap();
    let events = parse_events(&text);
    let mut texts = [String::new(), String::new()];
    let (mut reasons, mut counts) = (Vec::new(), Value::Null);
    for (_, data) in &events[..events.len() - 1] {
        let chunk: Value = serde_json::from_str(data).unwrap();
        if let Some(choice) = chunk["choices"].get(0) {
            let index = choice["index"].as_u64().unwrap() as usize;
            texts[index].push_str(choice["delta"]["content"].as_str().unwrap_or(""));
            reasons.extend(choice["finish_reason"].as_str().map(|_| index));
        } else {
            counts = chunk["usage"].clone();
        }
    }
    assert_eq!(texts, [WORDS.concat(), WORDS.concat()]);
    reasons.sort_unstable();
    assert_eq!(reasons, [0, 1]);
    assert_eq!(counts, usage(7, 12));
    assert_eq!(events.last().unwrap().1, "[DONE]");
}

#[tokio::test]
async fn one_broken_answer_breaks_the_request_and_is_billed_as_it_ran() {
    let world = world().await;
    let mut body = streamed("die");
    body["n"] = json!(2);
    let response = world.chat(&body).await;
    let id = request_id(&response);
    let text = response.text().await.unwrap();
    assert!(!text.contains("[DONE]"), "{text}");
    assert_eq!(parse_events(&text).last().unwrap().0, "error");
    let settled = world.settlement(&id).await;
    assert_eq!(settled.prompt_tokens, 7);
    assert!((2..=4).contains(&settled.completion_tokens));
}

#[tokio::test]
async fn several_prompts_are_answered_in_their_order() {
    let world = world().await;
    let body = json!({"model": "tiny", "prompt": ["say one", "say two"], "n": 2});
    let response = complete(&world, &body).await;
    let id = request_id(&response);
    let answer: Value = response.json().await.unwrap();
    let texts: Vec<_> = answer["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["one", "one", "two", "two"]);
    assert_eq!(answer["usage"], usage(14, 12));
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (14, 12));
}

#[tokio::test]
async fn best_of_keeps_the_likeliest_and_bills_all() {
    let world = world().await;
    let body = json!({"model": "tiny", "prompt": "once", "n": 1, "best_of": 3, "max_tokens": 6});
    let response = complete(&world, &body).await;
    let id = request_id(&response);
    let answer: Value = response.json().await.unwrap();
    let choices = answer["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 1);
    assert_eq!(choices[0]["text"], WORDS.concat());
    assert_eq!(choices[0]["logprobs"], Value::Null, "not asked for");
    assert_eq!(answer["usage"], usage(7, 18));
    assert_eq!(world.settlement(&id).await.completion_tokens, 18);
    let asked = world.replica.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|ask| ask.top_logprobs == Some(0)));
}

#[tokio::test]
async fn a_bad_prompt_among_several_is_refused_by_its_field_and_costs_nothing() {
    let world = world().await;
    let body = json!({"model": "tiny", "prompt": ["say one", "too long"]});
    let response = complete(&world, &body).await;
    assert_eq!(response.status(), 400);
    let id = request_id(&response);
    let error: Value = response.json().await.unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["param"]),
        (&json!("context_length_exceeded"), &json!("prompt"))
    );
    let settled = world.settlement(&id).await;
    assert_eq!((settled.prompt_tokens, settled.completion_tokens), (0, 0));
}
