//! Users' programs: started, logged, stopped, bounded, and refused where they are not allowed.

use crate::support::scheduler::Scheduler;
use crate::support::tasks::{Story, assign, command, follow, shell, stop, task, wait_for_death};
use crate::support::{Place, start, start_plain};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_worker::Options;

#[tokio::test]
async fn a_command_runs_with_its_inputs_and_hands_over_its_outputs() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (worker, mut session) = start_plain(&mut scheduler, &place).await;
    assert_eq!(session.register.node, "node-1");
    assert!(session.register.work.contains(&"command".to_owned()));
    assert!(session.register.cpu_milli >= 1 && !session.register.simulated);
    let mut work = shell(
        "echo job=$ZHISUAN_JOB_ID home=$HOME key=$SECRET cargo=${CARGO-none}; echo err >&2; \
         tr a-z A-Z < data.txt > out/big.txt; ln -s /etc/passwd out/link; sleep 0.2",
    );
    work.inputs = HashMap::from([("data.txt".into(), scheduler.put(b"hello"))]);
    work.env = HashMap::from([("ZHISUAN_JOB_ID".into(), "99".into())]);
    session.order(Order::Assign(assign(task(7, 1), Work::Command(work))));
    let story = follow(&mut session).await;
    assert_eq!(story.started, 1);
    assert_eq!(story.ended.outcome, "succeeded", "{:?}", story.ended);
    assert!(story.ended.used_ms >= 200 && story.ended.used_ms < 10_000);
    assert!(
        story.log.contains("job=7 "),
        "the worker's own names win: {}",
        story.log
    );
    assert!(story.log.contains("key= cargo=none") && story.log.contains("err"));
    assert_eq!(
        story.ended.outputs.len(),
        1,
        "no link: {:?}",
        story.ended.outputs
    );
    assert_eq!(
        scheduler.artifact(&story.ended.outputs["big.txt"]),
        b"HELLO"
    );
    let tasks = std::fs::read_dir(place.path("data/tasks")).unwrap();
    assert_eq!(tasks.count(), 0, "the working folder is removed");
    worker.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_failing_program_reports_its_code() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    session.order(command(task(1, 1), "exit 3"));
    let story = follow(&mut session).await;
    assert_eq!(
        (story.ended.outcome.as_str(), story.ended.exit_code),
        ("failed", 3)
    );
    assert_eq!(story.ended.code, "ZS-COMMAND-EXIT");
}

#[tokio::test]
async fn a_stop_asks_first_and_kills_after_the_grace() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    session.order(command(
        task(1, 1),
        "trap 'echo saved; echo x > out/state; exit 0' TERM; echo up; while :; do sleep 0.05; done",
    ));
    let mut story = Story::default();
    story.until_log(&mut session, "up").await;
    session.order(stop(task(1, 1), 5_000));
    let story = story.until_end(&mut session).await;
    assert_eq!(story.ended.outcome, "stopped");
    assert!(story.log.contains("saved") && story.ended.outputs.contains_key("state"));

    session.order(command(
        task(2, 2),
        "trap '' TERM; sleep 600 & echo pid $$ child $!; while :; do sleep 0.05; done",
    ));
    let mut story = Story::default();
    story.until_log(&mut session, "child").await;
    let words: Vec<&str> = story.log.split_whitespace().collect();
    let (shell, child) = (words[1].to_owned(), words[3].to_owned());
    let asked = Instant::now();
    session.order(stop(task(2, 2), 400));
    let story = story.until_end(&mut session).await;
    assert!(
        asked.elapsed() >= Duration::from_millis(400),
        "it had its grace"
    );
    assert_eq!(
        (story.ended.outcome.as_str(), story.ended.exit_code),
        ("stopped", 137)
    );
    assert!(story.log.contains("SIGKILL"), "{}", story.log);
    wait_for_death(&shell).await;
    wait_for_death(&child).await;
}

#[tokio::test]
async fn the_log_limit_keeps_the_tail_and_shows_the_gap() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    let work = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo the end");
    let mut order = assign(task(1, 1), Work::Command(work));
    order.log_limit_bytes = 1_000;
    session.order(Order::Assign(order));
    let story = follow(&mut session).await;
    assert!(story.log.ends_with("the end\n"));
    assert_eq!(story.dropped + story.log.len() as u64, 3_000_008);
    assert!(story.dropped > 0);
}

#[tokio::test]
async fn a_node_without_permission_refuses_commands_and_does_not_offer_them() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let options = Options {
        allow_commands: false,
        ..place.options(&scheduler.url)
    };
    let (_worker, mut session) = start(&mut scheduler, options).await;
    assert!(!session.register.work.contains(&"command".to_owned()));
    session.order(command(
        task(1, 1),
        &format!("touch {}", place.path("ran").display()),
    ));
    let story = follow(&mut session).await;
    assert_eq!(story.ended.outcome, "failed");
    assert_eq!(story.ended.code, "ZS-COMMAND-NOT-ALLOWED");
    assert_eq!(
        (story.started, story.ended.used_ms),
        (0, 0),
        "nothing to pay for"
    );
    assert!(!place.path("ran").exists());
}

#[tokio::test]
async fn hostile_input_names_and_missing_programs_are_failures_not_accidents() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    for (job, name) in ["../evil", "a/b", "..", "out", ""].into_iter().enumerate() {
        let mut work = shell("true");
        work.inputs = HashMap::from([(name.to_owned(), scheduler.put(b"x"))]);
        let order = assign(task(job as u64, 1), Work::Command(work));
        session.order(Order::Assign(order));
        let story = follow(&mut session).await;
        assert_eq!(story.ended.code, "ZS-COMMAND-INPUT", "{name}");
    }
    let mut work = shell("");
    work.argv = vec!["/no/such/program".into()];
    session.order(Order::Assign(assign(task(50, 1), Work::Command(work))));
    assert_eq!(follow(&mut session).await.ended.code, "ZS-COMMAND-SPAWN");
}
