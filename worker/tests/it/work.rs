//! Models at work: a replica and a batch with a real model.

use crate::support::scheduler::{Scheduler, Session};
use crate::support::tasks::{Story, assign, follow, stop, task};
use crate::support::{Place, cached_model, start_plain};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Request;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::replicas_client::ReplicasClient;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_proto::v1::tokenize_request::Input as Countable;
use zhisuan_proto::v1::worker_message::Message as Report;
use zhisuan_proto::v1::{
    Assign, BatchWork, Chat, ChatMessage, GenerateRequest, ModelFile, ModelKind, ModelManifest,
    ModelSource, ReplicaReady, ServeWork, TokenizeRequest,
};

/// SmolLM2-135M-Instruct, Q4_1.
pub(crate) const SMOLLM2: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
pub(crate) const TOKEN: &str = "replica-token";

/// The manifest of the model, or `None` after a loud skip.
pub(crate) fn smollm2() -> Option<ModelManifest> {
    let path = cached_model(SMOLLM2)?;
    Some(ModelManifest {
        name: "smollm2".into(),
        version: 1,
        kind: ModelKind::Base as i32,
        architecture: "llama".into(),
        files: vec![ModelFile {
            path: "model.gguf".into(),
            sha256: SMOLLM2.into(),
            bytes: path.metadata().unwrap().len(),
            sources: vec![ModelSource {
                source: Some(Source::LocalPath(path.display().to_string())),
            }],
        }],
        ..ModelManifest::default()
    })
}

/// An assignment with the model.
pub(crate) fn with_model(job_id: u64, work: Work, model: &ModelManifest) -> Assign {
    Assign {
        models: vec![model.clone()],
        replica_token: TOKEN.into(),
        ..assign(task(job_id, 1), work)
    }
}

pub(crate) async fn until_ready(session: &mut Session, story: &mut Story) -> ReplicaReady {
    loop {
        match session.report().await {
            Report::ReplicaReady(ready) => return ready,
            other => assert!(!story.take(other), "{:?}\n{}", story.ended, story.log),
        }
    }
}

pub(crate) fn request<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn question(max_tokens: u32) -> GenerateRequest {
    GenerateRequest {
        request_id: "r1".into(),
        model: "smollm2".into(),
        input: Some(Input::Chat(Chat {
            messages: vec![ChatMessage {
                role: "user".into(),
                content: "What color is the sky?".into(),
                ..ChatMessage::default()
            }],
            ..Chat::default()
        })),
        max_tokens,
        ignore_eos: max_tokens > 100,
        top_logprobs: Some(2),
        ..GenerateRequest::default()
    }
}

/// Deltas, then exactly one end.
async fn answers_with_one_end(client: &mut ReplicasClient<tonic::transport::Channel>) {
    let answer = client.generate(request(question(24), TOKEN)).await.unwrap();
    let (mut events, mut text, mut ends) = (answer.into_inner(), String::new(), 0);
    let mut prompt_tokens = 0;
    while let Some(event) = events.message().await.unwrap() {
        match event.event.unwrap() {
            Event::Started(accepted) => {
                assert!(text.is_empty() && prompt_tokens == 0, "first and once");
                prompt_tokens = accepted.prompt_tokens;
            }
            Event::Delta(delta) => {
                assert!(delta.logprob.is_some_and(|found| found.top.len() == 2));
                text.push_str(&delta.text);
            }
            Event::Done(done) => {
                let usage = done.usage.unwrap();
                assert!(prompt_tokens > 5 && usage.prompt_tokens == prompt_tokens);
                ends += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(text.contains("blue") && ends == 1, "{text}");
}

/// Tokens are counted without computing, and the worker's page shows the replica's numbers.
async fn counts_and_numbers(
    client: &mut ReplicasClient<tonic::transport::Channel>,
    address: SocketAddr,
) {
    let ask = TokenizeRequest {
        model: "smollm2".into(),
        input: Some(Countable::Text("Hello world".into())),
    };
    let counted = client.tokenize(request(ask, TOKEN)).await.unwrap();
    assert_eq!(counted.into_inner().tokens.len(), 2);
    let nothing = client
        .tokenize(request(TokenizeRequest::default(), TOKEN))
        .await
        .unwrap_err();
    let detail = zhisuan_proto::detail_of(&nothing).unwrap();
    assert_eq!(detail.field, "input");
    let mut browser = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /metrics HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n";
    browser.write_all(ask).await.unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).await.unwrap();
    let wanted = "zhisuan_replica_requests_ended_total{deployment=\"smollm2\",job=\"1\"} 1";
    assert!(page.contains(wanted), "{page}");
    assert!(
        page.contains("zhisuan_replica_step_seconds_bucket"),
        "{page}"
    );
}

#[tokio::test]
async fn a_replica_answers_only_its_token_and_drains() {
    let Some(model) = smollm2() else { return };
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (worker, mut session) = start_plain(&mut scheduler, &place).await;
    let work = ServeWork {
        deployment: "smollm2".into(),
        model: "smollm2".into(),
        max_context: 1024,
        ..ServeWork::default()
    };
    session.order(Order::Assign(with_model(1, Work::Serve(work), &model)));
    let mut story = Story::default();
    let ready = until_ready(&mut session, &mut story).await;
    assert_eq!(
        (ready.models, ready.context_length),
        (vec!["smollm2".to_owned()], 1024)
    );
    let address = format!("http://{}", worker.replica_address());
    let mut client = ReplicasClient::connect(address).await.unwrap();
    let refused = client
        .generate(request(question(5), "wrong"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    let mut unknown = question(5);
    unknown.model = "other".into();
    let refused = client.generate(request(unknown, TOKEN)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    let mut long = question(5);
    long.input = Some(Input::Prompt("word ".repeat(3_000)));
    let refused = client.generate(request(long, TOKEN)).await.unwrap_err();
    let detail = zhisuan_proto::detail_of(&refused).unwrap();
    assert_eq!(detail.code, "ZS-ENGINE-CONTEXT-EXCEEDED");
    answers_with_one_end(&mut client).await;
    counts_and_numbers(&mut client, worker.replica_address()).await;
    // A caller that goes away frees its place, so that the drain is short.
    let endless = client
        .generate(request(question(900), TOKEN))
        .await
        .unwrap();
    let mut endless = endless.into_inner();
    endless.message().await.unwrap();
    drop(endless);
    session.order(stop(task(1, 1), 60_000));
    let ended = tokio::time::timeout(Duration::from_secs(15), story.until_end(&mut session));
    let story = ended.await.expect("no wait for a caller that left");
    assert_eq!(story.ended.outcome, "stopped");
    assert_eq!(story.started, 1);
    let refused = client
        .generate(request(question(5), TOKEN))
        .await
        .unwrap_err();
    assert_eq!(
        refused.code(),
        tonic::Code::Unauthenticated,
        "the token has ended"
    );
}

fn batch_line(id: &str, content: &str) -> String {
    json!({
        "custom_id": id, "method": "POST", "url": "/v1/chat/completions",
        "body": {"messages": [{"role": "user", "content": content}],
                 "max_tokens": 12, "temperature": 0},
    })
    .to_string()
}

fn batch(scheduler: &Scheduler, text: &str) -> Work {
    Work::Batch(BatchWork {
        model: "smollm2".into(),
        input_sha256: scheduler.put(text.as_bytes()),
        max_tokens: 12,
        ..BatchWork::default()
    })
}

/// What the lines of the other endpoints complete and embed.
const BEGUN: &str = "The sky is blue and the grass is";

/// Lines of the endpoints beside chat.
fn other_lines() -> String {
    let to = |id: &str, url: &str, body: Value| {
        json!({"custom_id": id, "method": "POST", "url": url, "body": body}).to_string()
    };
    [
        to(
            "d",
            "/v1/completions",
            json!({"prompt": BEGUN, "temperature": 0, "max_tokens": 4}),
        ),
        to(
            "e",
            "/v1/embeddings",
            json!({"input": [BEGUN, "x"], "dimensions": 8}),
        ),
        to(
            "f",
            "/v1/embeddings",
            json!({"input": [1, 2, 3], "dimensions": 8}),
        ),
        to(
            "g",
            "/v1/responses",
            json!({"input": "What color is the sky?", "temperature": 0, "max_output_tokens": 12}),
        ),
    ]
    .join("\n")
}

/// Answers of [`other_lines`], from the first of them on.
fn check_other_lines(lines: &[Value]) {
    let body = |line: usize| &lines[line]["response"]["body"];
    let text = body(0)["choices"][0]["text"].as_str().unwrap();
    assert!(text.contains("green"), "{text}");
    let vectors = body(1)["data"].as_array().unwrap();
    assert_eq!(
        (vectors.len(), body(2)["data"].as_array().unwrap().len()),
        (2, 1)
    );
    assert!(
        vectors
            .iter()
            .all(|one| one["embedding"].as_array().unwrap().len() == 8)
    );
    let text = body(3)["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("blue"), "{text}");
}

#[tokio::test]
async fn a_batch_answers_in_order_and_keeps_bad_lines_as_errors() {
    let Some(model) = smollm2() else { return };
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    let text = format!(
        "{}\nnot json\n\n{}\n{}",
        batch_line("a", "What color is the sky?"),
        batch_line("b", "What is the capital of Italy?"),
        batch_line("c", &"long ".repeat(20_000)),
    );
    let text = format!("{text}\n{}", other_lines());
    let work = batch(&scheduler, &text);
    session.order(Order::Assign(with_model(1, work, &model)));
    let story = follow(&mut session).await;
    assert_eq!(
        story.ended.outcome, "succeeded",
        "{:?}\n{}",
        story.ended, story.log
    );
    let output = scheduler.artifact(&story.ended.outputs["output.jsonl"]);
    let lines: Vec<Value> = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let ids: Vec<&Value> = lines.iter().map(|line| &line["custom_id"]).collect();
    assert_eq!(
        ids[..4],
        [&json!("a"), &Value::Null, &json!("b"), &json!("c")]
    );
    check_other_lines(&lines[4..]);
    let content = &lines[0]["response"]["body"]["choices"][0]["message"]["content"];
    assert!(content.as_str().unwrap().contains("blue"), "{content}");
    assert_eq!(lines[1]["error"]["code"], "invalid_json");
    assert_eq!(lines[1]["error"]["line"], 2);
    assert_eq!(lines[3]["error"]["code"], "ZS-ENGINE-CONTEXT-EXCEEDED");
    assert!(story.progress.iter().any(|text| text.starts_with("line ")));

    session.order(Order::Assign(with_model(
        2,
        batch(&scheduler, "{}\n[]\n"),
        &model,
    )));
    let story = follow(&mut session).await;
    assert_eq!(
        (story.ended.outcome.as_str(), story.ended.code.as_str()),
        ("failed", "ZS-BATCH-INPUT")
    );
    assert!(story.ended.outputs.contains_key("output.jsonl"));
}

#[tokio::test]
async fn a_stopped_batch_hands_over_what_it_has() {
    let Some(model) = smollm2() else { return };
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    let text: Vec<String> = (0..400)
        .map(|i| batch_line(&i.to_string(), "Tell me a story."))
        .collect();
    let work = batch(&scheduler, &text.join("\n"));
    session.order(Order::Assign(with_model(1, work, &model)));
    let mut story = Story::default();
    while !story.progress.iter().any(|text| text.starts_with("line ")) {
        assert!(!story.take(session.report().await), "{:?}", story.ended);
    }
    session.order(stop(task(1, 1), 10_000));
    let story = story.until_end(&mut session).await;
    assert_eq!(story.ended.outcome, "stopped");
    let output = scheduler.artifact(&story.ended.outputs["output.jsonl"]);
    let count = output.split(|byte| *byte == b'\n').count() - 1;
    assert!((1..400).contains(&count), "{count} lines");
}
