//! Hotline tickets against the labelled set: classes, bodies, and what a draft may say.

use serde::Deserialize;
use zhisuan_apps::hotline::{Class, classify, propose, route};

const LABELLED: &str = include_str!("../../../../examples/evaluation/hotline.jsonl");

/// Written by another person; nothing is learned or chosen by it.
const FRESH: &str = include_str!("../../../../examples/evaluation/hotline-fresh.jsonl");

#[derive(Deserialize)]
struct Ticket {
    text: String,
    class: Class,
    body: String,
    split: String,
}

/// Shares of a part: right classes, routed at all, right of the routed.
fn measured(tickets: &str, split: &str) -> (usize, f64, f64, f64) {
    let (mut all, mut class, mut routed, mut right) = (0, 0, 0, 0);
    for line in tickets.lines() {
        let ticket: Ticket = serde_json::from_str(line).unwrap();
        if ticket.split != split {
            continue;
        }
        all += 1;
        class += usize::from(classify(&ticket.text).class == ticket.class);
        let to = route(&ticket.text, &[], None);
        routed += usize::from(!to.code.is_empty());
        right += usize::from(to.code == ticket.body);
    }
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    (
        all,
        share(class, all),
        share(routed, all),
        share(right, routed),
    )
}

#[test]
fn tickets_of_the_labelled_set_keep_their_class_and_find_their_body() {
    // The bars only notice that something broke; what was measured stands in docs/knowledge.md.
    for (tickets, split, class_bar, right_bar) in [
        (LABELLED, "tune", 0.95, 0.95),
        (LABELLED, "blind", 0.75, 0.65),
        (FRESH, "fresh", 0.5, 0.5),
    ] {
        let (all, class, routed, right) = measured(tickets, split);
        eprintln!(
            "{split}: {all} tickets, class {class:.3}, routed {routed:.3}, of these right {right:.3}"
        );
        assert!(all >= 42, "{split}");
        assert!(class >= class_bar, "{split}: class {class}");
        assert!(right >= right_bar, "{split}: body {right}");
    }
}

#[test]
fn a_ticket_that_says_nothing_is_left_to_a_person() {
    let proposal = propose("嗯嗯好的", &[], None);
    assert_eq!(
        (proposal.routed.code, proposal.routed.name.as_str()),
        ("", "人工分派")
    );
    assert!(proposal.class.unsure || proposal.draft.text.contains("转有关部门"));
    assert!(!proposal.draft.signed && proposal.draft.text.contains("未经人工核签"));
}

#[test]
fn a_body_is_named_as_the_base_names_it() {
    let issuers = ["云麓市公安局".to_owned(), "云麓市城市管理局".to_owned()];
    let to = route("楼下烧烤店占道经营，油烟很大，城管没人管", &issuers, None);
    assert_eq!((to.code, to.name.as_str()), ("urban", "云麓市城市管理局"));
    assert!(to.because.contains(&"占道".to_owned()));
}
