//! Fine-tuning with a real model: progress, a checkpoint at a stop, exact resuming, and an
//! adapter that a replica then serves.

use crate::support::scheduler::{Scheduler, Session};
use crate::support::tasks::{Story, follow, stop, task};
use crate::support::{Place, start_plain};
use crate::work::{smollm2, with_model};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_proto::v1::worker_message::Message as Report;
use zhisuan_proto::v1::{ModelKind, ModelManifest, ServeWork, TrainWork, UpdateReplica};

fn work(scheduler: &Scheduler, steps: u32) -> Work {
    let lines: Vec<String> = (0..6)
        .map(|i| json!({"prompt": format!("Q{i}: "), "completion": "blue"}).to_string())
        .collect();
    Work::Train(TrainWork {
        base_model: "smollm2".into(),
        dataset_sha256: scheduler.put(lines.join("\n").as_bytes()),
        output_model: "smollm2-blue".into(),
        steps,
        batch_size: 2,
        max_tokens_per_example: 32,
        lora_rank: 2,
        lora_last_layers: 1,
        seed: 1,
        ..TrainWork::default()
    })
}

async fn ready_again(session: &mut Session, story: &mut Story) -> Vec<String> {
    loop {
        match session.report().await {
            Report::ReplicaReady(ready) => return ready.models,
            other => assert!(!story.take(other), "{:?}\n{}", story.ended, story.log),
        }
    }
}

/// The adapter comes into a replica that runs, under a name of its own, and leaves it again.
async fn comes_and_goes(session: &mut Session, model: &ModelManifest, adapter: ModelManifest) {
    let base = ServeWork {
        model: "smollm2".into(),
        ..ServeWork::default()
    };
    session.order(Order::Assign(with_model(
        2,
        Work::Serve(base.clone()),
        model,
    )));
    let mut story = Story::default();
    assert_eq!(ready_again(session, &mut story).await, ["smollm2"]);
    let both = ServeWork {
        adapters: vec!["smollm2-blue".into()],
        served_as: HashMap::from([("smollm2-blue".into(), "painter".into())]),
        ..base.clone()
    };
    let update = |serve, models| {
        Order::UpdateReplica(UpdateReplica {
            task: Some(task(2, 1)),
            serve: Some(serve),
            models,
        })
    };
    session.order(update(both, vec![model.clone(), adapter]));
    let names = ready_again(session, &mut story).await;
    assert_eq!(names, ["painter", "smollm2"], "{}", story.log);
    session.order(update(base, vec![model.clone()]));
    let names = ready_again(session, &mut story).await;
    assert_eq!(names, ["smollm2"], "{}", story.log);
    assert_eq!(story.started, 1, "no restart");
}

#[tokio::test]
async fn training_stops_with_a_checkpoint_resumes_and_hands_over_an_adapter() {
    let Some(model) = smollm2() else { return };
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    let steps = 40;
    session.order(Order::Assign(with_model(
        1,
        work(&scheduler, steps),
        &model,
    )));
    let mut story = Story::default();
    story.until_log(&mut session, "step 2/40 loss").await;
    session.order(stop(task(1, 1), 30_000));
    let story = story.until_end(&mut session).await;
    assert_eq!(
        story.ended.outcome, "stopped",
        "{:?}\n{}",
        story.ended, story.log
    );
    assert!(story.progress.iter().any(|text| text.starts_with("step ")));
    let checkpoint = story.ended.outputs["checkpoint"].clone();
    assert!(!scheduler.artifact(&checkpoint).is_empty());

    let mut again = with_model(1, work(&scheduler, steps), &model);
    again.task = Some(task(1, 2));
    again.checkpoint_sha256 = checkpoint;
    session.order(Order::Assign(again));
    let story = follow(&mut session).await;
    assert_eq!(
        story.ended.outcome, "succeeded",
        "{:?}\n{}",
        story.ended, story.log
    );
    assert!(story.log.contains("从检查点的第") && !story.log.contains("step 1/40"));
    let metrics = scheduler.artifact(&story.ended.outputs["metrics.jsonl"]);
    let last = metrics
        .split(|byte| *byte == b'\n')
        .rfind(|line| !line.is_empty())
        .unwrap();
    let last: Value = serde_json::from_slice(last).unwrap();
    assert_eq!(last["step"], steps);
    let adapter = story.ended.model.unwrap();
    assert_eq!(
        (adapter.name.as_str(), adapter.kind),
        ("smollm2-blue", ModelKind::Adapter as i32)
    );
    assert_eq!(adapter.base_sha256, model.files[0].sha256);
    assert_eq!(adapter.lineage.as_ref().unwrap().job_id, 1);
    for file in &adapter.files {
        assert_eq!(story.ended.outputs[&file.path], file.sha256);
    }

    comes_and_goes(&mut session, &model, adapter).await;
}

#[tokio::test]
async fn a_stop_is_heard_within_a_long_step() {
    let Some(model) = smollm2() else { return };
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    let Work::Train(mut long) = work(&scheduler, 2) else {
        return;
    };
    // Minutes for one step.
    long.gradient_accumulation = 4096;
    session.order(Order::Assign(with_model(1, Work::Train(long), &model)));
    let mut story = Story::default();
    while story.started == 0 {
        assert!(!story.take(session.report().await), "{:?}", story.ended);
    }
    // Now the first step is under way.
    tokio::time::sleep(Duration::from_millis(500)).await;
    session.order(stop(task(1, 1), 30_000));
    let story = story.until_end(&mut session).await;
    assert_eq!(story.ended.outcome, "stopped");
    assert!(
        story.ended.message.contains("已保存检查点"),
        "{:?}",
        story.ended
    );
    assert!(
        !scheduler
            .artifact(&story.ended.outputs["checkpoint"])
            .is_empty()
    );
}

#[tokio::test]
async fn bad_data_fails_with_the_line() {
    let Some(model) = smollm2() else { return };
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    let Work::Train(mut bad) = work(&scheduler, 2) else {
        return;
    };
    bad.dataset_sha256 =
        scheduler.put(b"{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": 3}\n");
    session.order(Order::Assign(with_model(1, Work::Train(bad), &model)));
    let ended = follow(&mut session).await.ended;
    assert_eq!(
        (ended.outcome.as_str(), ended.code.as_str()),
        ("failed", "ZS-ENGINE-DATA-INVALID")
    );
    assert!(ended.message.contains("第 2 行"), "{}", ended.message);
}
