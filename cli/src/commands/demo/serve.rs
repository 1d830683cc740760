//! The demo's answers: base and adapter over the OpenAI endpoint, and the knowledge base.

use super::stage::{Stage, TENANT, fail};
use super::work::{ADAPTER, dataset};
use crate::commands::{ask as ask_verb, deploy as deploy_verb};
use crate::error::Result;
use crate::words::{say, tr};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use zhisuan_proto::v1::{DeployRequest, Metering};

/// A replica is ready within this, also on two cores.
const READY: Duration = Duration::from_mins(5);
/// The gateway learns of a new route within this.
const ROUTED: Duration = Duration::from_secs(20);

/// Serves the base with the adapter and waits.
pub(super) async fn deploy(stage: &Stage, base: &str) -> Result<()> {
    let request = DeployRequest {
        model: base.to_owned(),
        adapters: vec![ADAPTER.to_owned()],
        replicas: 1,
        metering: Metering::Tokens.into(),
        name: "demo".to_owned(),
        tenant: TENANT.name.to_owned(),
        ..DeployRequest::default()
    };
    let deployment = stage.operator.models().deploy(request).await?.into_inner();
    let deadline = Instant::now() + READY;
    deploy_verb::ready(&stage.operator, &deployment.name, deadline, stage.out).await?;
    Ok(())
}

/// The same question to the base and to the adapter.
pub(super) async fn chat_both(stage: &Stage, base: &str, chinese: bool) -> Result<()> {
    let messages = first_question(stage, chinese)?;
    let asked = messages.as_array().and_then(|all| all.last());
    let asked = asked
        .and_then(|message| message["content"].as_str())
        .unwrap_or_default();
    stage.out.line(&say!("问:{}", "question: {}", asked))?;
    for (model, title) in [
        (base, tr("基座", "base")),
        (ADAPTER, tr("适配器", "adapter")),
    ] {
        stage
            .out
            .raw(say!("{} {} 答:", "{} {} answers: ", title, model).as_bytes())?;
        let body = json!({
            "model": model,
            "messages": messages,
            "max_tokens": 64,
            "temperature": 0,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        chat(stage, &body).await?;
    }
    Ok(())
}

/// One streamed answer; a route that the gateway has not heard of yet is asked for again.
async fn chat(stage: &Stage, body: &Value) -> Result<()> {
    let gateway = stage.gateway()?;
    let deadline = Instant::now() + ROUTED;
    loop {
        let mut began = false;
        let result = gateway
            .chat(body, |piece| {
                began = true;
                stage.out.raw(piece.as_bytes())
            })
            .await;
        match result {
            Ok(answer) if answer.content.trim().is_empty() => {
                return Err(fail(
                    "ZS-DEMO-CHAT",
                    tr("回答是空的", "an empty answer").to_owned(),
                ));
            }
            Ok(answer) => {
                stage.out.line("")?;
                stage.out.note(&say!(
                    "(输入 {} 词元,输出 {} 词元)",
                    "({} tokens in, {} tokens out)",
                    answer.usage["prompt_tokens"],
                    answer.usage["completion_tokens"]
                ));
                return Ok(());
            }
            Err(failure) if began || Instant::now() >= deadline => return Err(failure),
            Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
}

/// The first example of the training set, without its answer.
fn first_question(stage: &Stage, chinese: bool) -> Result<Value> {
    let text = std::fs::read_to_string(stage.example(dataset(chinese))?)?;
    let line = text.lines().next().unwrap_or_default();
    let example: Value = serde_json::from_str(line).map_err(std::io::Error::other)?;
    if let Some(messages) = example["messages"].as_array() {
        let kept = messages
            .iter()
            .filter(|message| message["role"] != "assistant");
        return Ok(kept.cloned().collect());
    }
    let prompt = example["prompt"].as_str().unwrap_or_default();
    Ok(json!([{"role": "user", "content": prompt}]))
}

/// A question to the knowledge base; no answer here is a failure of the demo.
pub(super) async fn ask(stage: &Stage, question: &str) -> Result<()> {
    stage.out.line(&say!("问:{}", "question: {}", question))?;
    let answer = ask_verb::ask(stage.gateway()?, question).await?;
    stage.out.raw(ask_verb::text_of(&answer).as_bytes())?;
    if answer["outcome"] == "answered" {
        Ok(())
    } else {
        Err(fail(
            "ZS-DEMO-ASK",
            tr("没有找到出处", "no source was found").to_owned(),
        ))
    }
}
