//! The content filter: prompts and answers, whole and streamed, by tenant.

use crate::records::{folder, lines};
use crate::world::{World, chat, eventually, parse_events, request_id, streamed, world_of};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_serving::{AuditOptions, Decision, Decisions, GuardOptions, GuardPolicy, Operations};

const MASK: Decisions = Decisions {
    personal: Decision::Mask,
    secrecy: Decision::Refuse,
    terms: Decision::Mask,
};

async fn guarded(name: &str, policy: GuardPolicy) -> (World, std::path::PathBuf) {
    let folder = folder(name);
    let terms = folder.join("terms.txt");
    std::fs::write(&terms, "# 词表\n敏感词\n").unwrap();
    let operations = Operations {
        guard: GuardOptions {
            policy: GuardPolicy::default(),
            tenants: BTreeMap::from([("hospital".to_owned(), policy)]),
            terms: Some(terms),
        },
        audit: Some(AuditOptions::in_folder(folder.join("audit"))),
        ..Operations::default()
    };
    (world_of(8, None, operations).await, folder)
}

fn content(text: &str) -> String {
    let chunks = parse_events(text).into_iter();
    let said = chunks.filter_map(|event| {
        let chunk: Value = serde_json::from_str(&event.1).ok()?;
        Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
    });
    said.collect()
}

#[tokio::test]
async fn personal_data_of_a_prompt_never_reaches_a_replica() {
    let policy = GuardPolicy {
        prompt: MASK,
        answer: Decisions::default(),
    };
    let (world, _) = guarded("guard-prompt", policy).await;
    let order = "我的电话是13812345678，身份证11010519491231002X";
    assert_eq!(world.chat(&chat(order)).await.status(), 200);
    let asked = world.replica.asked.lock().unwrap()[0].input.clone();
    let Some(Input::Chat(asked)) = asked else {
        panic!("a chat")
    };
    assert_eq!(
        asked.messages[0].content,
        "我的电话是[手机号]，身份证[身份证号]"
    );
    let refused = world.chat(&chat("附件为机密★20年文件")).await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "content_filter");
    assert!(!body.to_string().contains('★'), "{body}");
    assert_eq!(world.replica.asked.lock().unwrap().len(), 1);
    // Another tenant has no such policy.
    let school = world
        .http
        .post(format!("{}/v1/chat/completions", world.base))
        .bearer_auth("zs-school");
    assert_eq!(
        school
            .json(&chat("机密★20年"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let embed = json!({"model": "tiny", "input": ["机密★20年"]});
    let refused = world
        .post("/v1/embeddings")
        .json(&embed)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 400, "other interfaces are guarded too");
}

#[tokio::test]
async fn answers_are_masked_across_tokens_and_charged_as_made() {
    let policy = GuardPolicy {
        prompt: Decisions::default(),
        answer: MASK,
    };
    let (world, folder) = guarded("guard-answer", policy).await;
    let order = "say 写信到 a.b@gov.cn 或致电 138 1234 5678，敏感词完";
    let clean = "写信到 [邮箱] 或致电 [手机号]，[已隐去]完";
    let response = world.chat(&streamed(order)).await;
    let id = request_id(&response);
    let text = response.text().await.unwrap();
    assert_eq!(content(&text), clean);
    assert!(text.contains("\"finish_reason\":\"stop\""));
    let made = order.strip_prefix("say ").unwrap().chars().count() as u64;
    assert_eq!(world.settlement(&id).await.completion_tokens, made);
    let whole: Value = world.chat(&chat(order)).await.json().await.unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], clean);
    let ended = world.chat(&streamed("say 正文\n密级：绝密\n后文")).await;
    let id = request_id(&ended);
    let text = ended.text().await.unwrap();
    assert_eq!(content(&text), "正文\n");
    assert!(
        text.contains("\"finish_reason\":\"content_filter\"") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    assert!(world.settlement(&id).await.completion_tokens >= 8);
    let metrics = world.get("/metrics", "").await.text().await.unwrap();
    let line =
        "zhisuan_gateway_guard_findings_total{decision=\"mask\",rule=\"email\",side=\"answer\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    let files = folder.join("audit").join("audit-000000000001.jsonl");
    eventually("three events", || async { lines(&files).len() == 3 }).await;
    let event = &lines(&files)[2];
    assert_eq!(event["outcome"], "content_filter");
    assert_eq!(
        event["findings"][0],
        json!({"rule": "secrecy_mark", "decision": "refuse", "side": "answer", "count": 1})
    );
    let text = std::fs::read_to_string(files).unwrap();
    assert!(!text.contains("绝密") && !text.contains("gov.cn"));
}

#[tokio::test]
async fn log_probabilities_are_not_a_way_around_and_a_changed_list_is_read_again() {
    let policy = GuardPolicy {
        prompt: Decisions::default(),
        answer: MASK,
    };
    let (world, folder) = guarded("guard-list", policy).await;
    let mut body = chat("say 敏感词");
    body["logprobs"] = json!(true);
    let refused = world.chat(&body).await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("logprobs"));
    std::fs::write(folder.join("terms.txt"), "新词\n").unwrap();
    eventually("the new list", || async {
        let answer: Value = world
            .chat(&chat("say 新词敏感词"))
            .await
            .json()
            .await
            .unwrap();
        answer["choices"][0]["message"]["content"] == "[已隐去]敏感词"
    })
    .await;
}
