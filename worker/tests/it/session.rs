//! Sessions: epochs, leases, reconnects, refusals, shutdown, and honest devices.

use crate::support::scheduler::Scheduler;
use crate::support::tasks::{Story, command, follow, is_alive, stop, task, wait_for_death};
use crate::support::{Place, start, start_plain};
use std::sync::atomic::Ordering;
use std::time::Duration;
use zhisuan_worker::{Options, SimulatedDevice};

#[tokio::test]
async fn a_repeated_order_starts_once_and_an_older_epoch_is_void() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (worker, mut session) = start_plain(&mut scheduler, &place).await;
    let mark = place.path("mark");
    let script = format!("echo once >> {}; echo up; sleep 0.4", mark.display());
    for epoch in [5, 5, 4] {
        session.order(command(task(1, epoch), &script));
    }
    let mut story = Story::default();
    story.until_log(&mut session, "up").await;
    session.order(stop(task(1, 4), 0));
    let story = story.until_end(&mut session).await;
    assert_eq!(story.ended.outcome, "succeeded", "an old stop is void too");
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "once\n");
    // The order once more, after the end: the report again, not the program.
    session.order(command(task(1, 5), &script));
    let again = follow(&mut session).await;
    assert_eq!(again.ended, story.ended);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "once\n");
    let metrics = worker.metrics().gather();
    let refused = metrics
        .iter()
        .find(|family| family.name() == "zhisuan_worker_refused_orders_total")
        .unwrap();
    assert!(refused.get_metric()[0].get_counter().get_value() >= 2.0);
}

#[tokio::test]
async fn a_newer_epoch_replaces_the_running_one() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    session.order(command(task(1, 1), "echo pid $$; sleep 600"));
    let mut story = Story::default();
    story.until_log(&mut session, "pid").await;
    session.order(command(task(1, 2), "echo second"));
    let first = story.until_end(&mut session).await;
    assert_eq!(first.ended.code, "ZS-EPOCH-SUPERSEDED");
    let second = follow(&mut session).await;
    assert_eq!(second.ended.task.unwrap().epoch, 2);
    assert!(second.log.contains("second"));
}

#[tokio::test]
async fn a_worker_that_hears_nothing_for_a_lease_stops_its_tasks() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    scheduler.script.lease_ms.store(700, Ordering::SeqCst);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    session.order(command(task(1, 1), "echo pid $$; sleep 600"));
    let mut story = Story::default();
    story.until_log(&mut session, "pid").await;
    let pid = story.log.split_whitespace().nth(1).unwrap().to_owned();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(is_alive(&pid), "acknowledged heartbeats renew the lease");
    scheduler.script.acknowledge.store(false, Ordering::SeqCst);
    wait_for_death(&pid).await;
    scheduler.script.acknowledge.store(true, Ordering::SeqCst);
    drop(session);
    let mut session = scheduler.session().await;
    // Its end was not heard yet: it is told with the registration, or it would count as lost.
    assert_eq!(session.register.running.len(), 1);
    let ended = follow(&mut session).await.ended;
    assert_eq!(
        (ended.outcome.as_str(), ended.code.as_str()),
        ("stopped", "ZS-LEASE-EXPIRED")
    );
}

#[tokio::test]
async fn a_broken_stream_keeps_the_tasks_and_nothing_is_lost() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    session.order(command(
        task(1, 1),
        "echo begin; for i in 1 2 3 4 5 6 7 8; do sleep 0.1; echo line$i; done",
    ));
    let mut story = Story::default();
    story.until_log(&mut session, "begin").await;
    drop(session);
    let mut session = scheduler.session().await;
    assert_eq!(session.register.running.len(), 1);
    assert_eq!(session.register.running[0].task, Some(task(1, 1)));
    // What was not confirmed comes again, with the same offsets.
    let second = follow(&mut session).await;
    assert_eq!(second.ended.outcome, "succeeded");
    assert!(second.log.contains("line1") && second.log.contains("line8"));
}

#[tokio::test]
async fn a_registration_can_take_tasks_away() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (_worker, mut session) = start_plain(&mut scheduler, &place).await;
    session.order(command(task(1, 1), "echo up; sleep 600"));
    Story::default().until_log(&mut session, "up").await;
    scheduler.script.stop.lock().unwrap().push(task(1, 1));
    drop(session);
    let mut session = scheduler.session().await;
    assert_eq!(follow(&mut session).await.ended.outcome, "stopped");
    // A stop of a task that nobody here knows is answered, so that nobody waits for it.
    session.order(stop(task(77, 9), 0));
    assert_eq!(follow(&mut session).await.ended.code, "ZS-TASK-UNKNOWN");
}

#[tokio::test]
async fn a_shutdown_stops_reports_and_ends() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (worker, mut session) = start_plain(&mut scheduler, &place).await;
    session.order(command(task(1, 1), "echo up; sleep 600"));
    let mut story = Story::default();
    story.until_log(&mut session, "up").await;
    let ending = tokio::spawn(worker.shutdown(Duration::from_secs(2)));
    let story = story.until_end(&mut session).await;
    assert_eq!(story.ended.code, "ZS-WORKER-SHUTDOWN");
    tokio::time::timeout(Duration::from_secs(5), ending)
        .await
        .expect("a confirmed end needs no farewell wait")
        .unwrap();
}

#[tokio::test]
async fn refusals_come_back_with_the_schedulers_code() {
    let (place, scheduler) = (Place::new(), Scheduler::start().await);
    scheduler.script.refuse.store(true, Ordering::SeqCst);
    let refused = Box::pin(zhisuan_worker::start(place.options(&scheduler.url))).await;
    assert_eq!(refused.err().unwrap().code(), "ZS-NODE-DEVICES");
    let stranger = Options {
        key: "wrong".into(),
        ..place.options(&scheduler.url)
    };
    let refused = Box::pin(zhisuan_worker::start(stranger)).await;
    assert_eq!(refused.err().unwrap().code(), "ZS-SESSION-REFUSED");
    for (field, options) in [
        (
            "node",
            Options {
                node: "Bad Name".into(),
                ..place.options(&scheduler.url)
            },
        ),
        (
            "cpu_milli",
            Options {
                cpu_milli: Some(u32::MAX),
                ..place.options(&scheduler.url)
            },
        ),
        (
            "labels",
            Options {
                labels: [("zhisuan.simulated".into(), "false".into())].into(),
                ..place.options(&scheduler.url)
            },
        ),
    ] {
        let refused = Box::pin(zhisuan_worker::start(options))
            .await
            .err()
            .unwrap();
        assert_eq!(refused.code(), "ZS-WORKER-OPTION");
        assert!(refused.to_string().contains(field), "{refused}");
    }
}

#[tokio::test]
async fn two_workers_cannot_share_a_data_folder() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let (worker, _session) = start_plain(&mut scheduler, &place).await;
    let options = place.options(&scheduler.url);
    let refused = Box::pin(zhisuan_worker::start(options))
        .await
        .err()
        .unwrap();
    assert!(refused.to_string().contains("data_dir"), "{refused}");
    worker.shutdown(Duration::ZERO).await;
    start_plain(&mut scheduler, &place).await;
}

#[tokio::test]
async fn simulated_devices_say_so_in_the_registration_and_in_every_log() {
    let (place, mut scheduler) = (Place::new(), Scheduler::start().await);
    let options = Options {
        simulated_devices: vec![SimulatedDevice {
            kind: "nvidia-h100".into(),
            memory_mib: 81_920,
            count: 2,
        }],
        ..place.options(&scheduler.url)
    };
    let (_worker, mut session) = start(&mut scheduler, options).await;
    assert!(session.register.simulated);
    assert!(
        session
            .register
            .devices
            .iter()
            .all(|device| device.simulated)
    );
    assert_eq!(session.register.devices.len(), 2);
    assert_eq!(session.register.labels["zhisuan.simulated"], "true");
    session.order(command(task(1, 1), "echo env=$ZHISUAN_SIMULATED"));
    let story = follow(&mut session).await;
    assert!(story.log.starts_with("[zhisuan] 本节点的设备是模拟的"));
    assert!(story.log.contains("env=1"));
}
