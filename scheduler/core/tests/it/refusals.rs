//! Bad and hostile input: refused with the field's name, nothing changed, nothing panics.

use crate::make;
use crate::sim::{Sim, text};
use proptest::prelude::*;
use zhisuan_core::{
    AccountKind, DeviceSlice, Epoch, Event, JobId, JobSpec, Limits, Millis, NodeName, Outcome,
    Placement, Refusal, RequestId, State, TaskRef, TaskReport, TenantName, check,
};

fn centre() -> State {
    let mut state = State::new(Limits::default());
    let events = [
        make::prices(
            Millis(0),
            &[("cpu", make::CORE_HOUR), ("device:*", make::DEVICE_HOUR)],
        ),
        make::tenant("acme", AccountKind::Prepaid, 0, 100),
        make::pay("acme", 1_000_000_000_000, "first"),
        make::register(make::node("n1", 8000, 65_536, &[("a100", 80_000); 2])),
    ];
    for event in &events {
        state.apply(event, Millis(0)).unwrap();
    }
    state
}

/// The field that the refusal of one changed job names.
fn refused(change: impl FnOnce(&mut JobSpec)) -> String {
    let mut spec = make::spec("job");
    change(&mut spec);
    match centre().apply(&make::submit("acme", vec![spec]), Millis(0)) {
        Err(Refusal::Invalid {
            field, accepted, ..
        }) => {
            assert!(!accepted.is_empty(), "{field}: what would be accepted?");
            field
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn absurd_jobs_are_refused_by_field() {
    let cases = [
        ("name", refused(|spec| spec.name = String::new())),
        ("name", refused(|spec| spec.name = "a\nb".to_owned())),
        ("name", refused(|spec| spec.name = "长".repeat(129))),
        ("queue", refused(|spec| spec.queue = String::new())),
        ("tasks", refused(|spec| spec.tasks = 0)),
        ("tasks", refused(|spec| spec.tasks = u32::MAX)),
        (
            "time_limit_ms",
            refused(|spec| spec.time_limit_ms = Some(0)),
        ),
        (
            "time_limit_ms",
            refused(|spec| spec.time_limit_ms = Some(u64::MAX)),
        ),
        ("priority", refused(|spec| spec.priority = i32::MIN)),
        ("max_attempts", refused(|spec| spec.max_attempts = 0)),
        ("max_attempts", refused(|spec| spec.max_attempts = 11)),
        ("max_cost_micro", refused(|spec| spec.max_cost_micro = -1)),
        (
            "resources.cpu_milli",
            refused(|spec| spec.resources.cpu_milli = 0),
        ),
        (
            "resources.memory_mib",
            refused(|spec| spec.resources.memory_mib = u64::MAX),
        ),
        (
            "resources.devices",
            refused(|spec| spec.resources.devices = 65),
        ),
        (
            "resources.devices",
            refused(|spec| spec.resources.device_milli = 5),
        ),
        (
            "resources.device_milli",
            refused(|spec| spec.resources.devices = 1),
        ),
        (
            "resources.device_milli",
            refused(|spec| {
                spec.resources.devices = 1;
                spec.resources.device_milli = 1001;
            }),
        ),
        (
            "node_labels",
            refused(|spec| {
                spec.node_labels = (0..17).map(|n| (n.to_string(), String::new())).collect();
            }),
        ),
    ];
    for (want, have) in cases {
        assert_eq!(have, format!("specs[0].{want}"));
    }
}

#[test]
fn a_price_beyond_every_account_is_refused_not_wrapped() {
    let mut state = centre();
    let dear = make::prices(Millis(0), &[("cpu", 1_000_000_000_000)]);
    state.apply(&dear, Millis(0)).unwrap();
    let mut spec = make::spec("job");
    spec.resources.cpu_milli = 8000;
    spec.time_limit_ms = Some(366 * 24 * 3_600_000);
    let refusal = state.apply(&make::submit("acme", vec![spec]), Millis(0));
    assert!(
        matches!(refusal, Err(Refusal::Invalid { .. })),
        "{refusal:?}"
    );
}

#[test]
fn payments_stop_before_balances_overflow() {
    let mut state = centre();
    let mut refused = false;
    for number in 0..5_000 {
        let event = make::pay("acme", 1_000_000_000_000_000, &format!("p{number}"));
        refused |= state.apply(&event, Millis(0)).is_err();
    }
    assert!(refused);
    check::invariants(&state).unwrap();
}

/// A placement that nobody planned: the door keeps devices from being given twice.
#[test]
fn placements_that_do_not_hold_are_refused_whole() {
    let mut state = centre();
    let mut spec = make::spec("job");
    spec.resources.devices = 1;
    spec.resources.device_milli = 600;
    state
        .apply(&make::submit("acme", vec![spec.clone(), spec]), Millis(0))
        .unwrap();
    let slice = |index| DeviceSlice {
        index,
        milli: 600,
        memory_mib: 0,
    };
    let on = |job, node: &str, slices| Placement {
        job: JobId(job),
        tasks: vec![(NodeName::from(node), slices)],
    };
    let cases = [
        vec![on(1, "n1", vec![slice(0)]), on(2, "n1", vec![slice(0)])],
        vec![on(1, "n1", vec![slice(0)]), on(1, "n1", vec![slice(1)])],
        vec![on(1, "n1", vec![slice(0)]), on(2, "n2", vec![slice(0)])],
        vec![on(1, "n1", vec![slice(0)]), on(3, "n1", vec![slice(1)])],
        vec![on(1, "n1", vec![slice(9)])],
        vec![on(1, "n1", vec![])],
        vec![Placement {
            job: JobId(1),
            tasks: vec![],
        }],
    ];
    for placements in cases {
        let before = text(&state);
        let answer = state.apply(
            &Event::Placed {
                placements: placements.clone(),
            },
            Millis(0),
        );
        assert!(answer.is_err(), "{placements:?}");
        assert_eq!(before, text(&state), "{placements:?}");
    }
    let placements = vec![on(1, "n1", vec![slice(0)]), on(2, "n1", vec![slice(1)])];
    state
        .apply(&Event::Placed { placements }, Millis(0))
        .unwrap();
    check::invariants(&state).unwrap();
}

/// A worker cannot speak for the tasks of another one.
#[test]
fn a_heartbeat_counts_for_its_own_node_only() {
    let mut state = centre();
    let other = make::register(make::node("n2", 8000, 65_536, &[]));
    state.apply(&other, Millis(0)).unwrap();
    let mut spec = make::spec("job");
    spec.resources.devices = 1;
    spec.resources.device_milli = 1000;
    state
        .apply(&make::submit("acme", vec![spec]), Millis(0))
        .unwrap();
    let placements = state.plan(Millis(0)).placements;
    state
        .apply(&Event::Placed { placements }, Millis(0))
        .unwrap();
    let task = state.tasks_on(&NodeName::from("n1"))[0];
    state
        .apply(&Event::TaskStarted { task }, Millis(0))
        .unwrap();
    let running = vec![TaskReport {
        task,
        used_ms: 70_000,
    }];
    let node = NodeName::from("n2");
    let beat = zhisuan_core::Heartbeat { node, running };
    let seen = state.observe(&beat, Millis(70_000));
    assert_eq!(seen.events, vec![]);
    assert_eq!(seen.stop, vec![(task, "stale")]);
}

fn task() -> impl Strategy<Value = TaskRef> {
    (0_u64..12, 0_u32..3, 0_u32..3, 0_u64..12).prop_map(|(job, attempt, task, epoch)| TaskRef {
        job: JobId(job),
        attempt,
        task,
        epoch: Epoch(epoch),
    })
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(i64::MAX as u64),
        any::<u64>()
    ]
}

/// Events that no honest shell would make.
fn hostile() -> impl Strategy<Value = Event> {
    let tenant = prop_oneof![Just("acme"), Just("firm"), Just("nobody"), Just("")];
    let node = prop_oneof![Just("n0"), Just("n1"), Just("nowhere")].prop_map(NodeName::from);
    let request = prop_oneof![Just("r1"), Just("r2"), Just("")].prop_map(RequestId::from);
    prop_oneof![
        (task(), number()).prop_map(|(task, used_ms)| Event::Used {
            report: TaskReport { task, used_ms }
        }),
        (task(), number()).prop_map(|(task, used_ms)| Event::TaskEnded {
            report: TaskReport { task, used_ms },
            outcome: Outcome::Stopped
        }),
        task().prop_map(|task| Event::TaskStarted { task }),
        (0_u64..12).prop_map(|job| Event::CancelRequested { job: JobId(job) }),
        (0_u64..12).prop_map(|job| Event::LimitReached { job: JobId(job) }),
        node.clone().prop_map(|node| Event::NodeForgotten { node }),
        (node.clone(), any::<bool>()).prop_map(|(node, drain)| Event::NodeDrained { node, drain }),
        (node, task(), number()).prop_map(|(node, task, used_ms)| Event::NodeLost {
            node,
            confirmed: vec![TaskReport { task, used_ms }]
        }),
        (tenant.clone(), any::<i64>(), "[a-c]?")
            .prop_map(|(tenant, amount, reference)| make::pay(tenant, amount, &reference)),
        (tenant.clone(), any::<u32>(), any::<i64>()).prop_map(|(name, weight, limit)| {
            make::tenant(name, AccountKind::Contract, limit, weight)
        }),
        (any::<i64>(), number()).prop_map(|(at, price)| make::prices(
            Millis(at),
            &[("cpu", price as i64), ("device:*", price as i64)]
        )),
        (request.clone(), tenant.clone(), number(), number()).prop_map(
            |(request, tenant, a, b)| {
                Event::RequestAuthorized {
                    request,
                    tenant: TenantName::from(tenant),
                    model: "m".to_owned(),
                    priced: a % 2 == 0,
                    max_prompt_tokens: a,
                    max_completion_tokens: b,
                }
            }
        ),
        (request.clone(), number(), number()).prop_map(|(request, a, b)| Event::RequestSettled {
            request,
            prompt_tokens: a,
            completion_tokens: b
        }),
        request.prop_map(|request| Event::RequestExpired { request }),
        (tenant, any::<u32>(), number(), any::<u32>()).prop_map(|(tenant, a, b, tasks)| {
            let mut spec = make::spec("job");
            spec.resources.cpu_milli = a;
            spec.resources.memory_mib = b;
            spec.tasks = tasks;
            make::submit(tenant, vec![spec])
        }),
        Just(Event::Placed {
            placements: vec![Placement {
                job: JobId(1),
                tasks: vec![(NodeName::from("n1"), vec![])]
            }]
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked: no panic, the invariants hold, and a refusal changes nothing.
    #[test]
    fn hostile_events_break_nothing(
        seed in 0_u64..1_000,
        events in prop::collection::vec((hostile(), any::<i64>()), 1..40),
    ) {
        let mut sim = Sim::new(seed);
        sim.run(30);
        let mut state = sim.state;
        for (event, at) in events {
            let before = text(&state);
            if state.apply(&event, Millis(at)).is_err() {
                prop_assert_eq!(before, text(&state), "{:?}", event);
            }
            if let Err(violation) = check::invariants(&state) {
                prop_assert!(false, "{} after {:?}", violation, event);
            }
            let _ = state.plan(Millis(at));
            let _ = state.due(Millis(at));
        }
    }
}
