//! What must hold for every text, every repair and every order of versions.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use zhisuan_apps::kb::{Declared, Head, Repair, Standing, State, VersionId, days, repaired};

/// A text and repairs of it that do not meet.
fn repairs() -> impl Strategy<Value = (String, Vec<Repair>)> {
    let piece = "[一二三甲乙丙，。0-9a-c\\n]{0,6}";
    let change = proptest::option::of("[丁戊己x-z]{0,5}");
    proptest::collection::vec((piece, change), 1..12).prop_map(|pieces| {
        let mut text = String::new();
        let mut repairs: Vec<Repair> = Vec::new();
        for (piece, after) in pieces {
            let start = text.len();
            text.push_str(&piece);
            let changes = after.filter(|after| *after != piece);
            // Two insertions at one place would have no order.
            let free = repairs.last().is_none_or(|last| last.start != start);
            if let Some(after) = changes.filter(|_| free) {
                repairs.push(Repair {
                    start,
                    before: piece,
                    after,
                    reason: "试".to_owned(),
                });
            }
        }
        (text, repairs)
    })
}

proptest! {
    #[test]
    fn what_was_not_repaired_is_found_at_its_new_place((text, repairs) in repairs()) {
        let done = repaired(&text, &repairs).unwrap();
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        for (from, start) in ends.iter().enumerate() {
            for end in ends.iter().skip(from + 1) {
                let range = *start..*end;
                let moved = done.forward(&range);
                prop_assert!(done.text.get(moved.clone()).is_some());
                let touched = repairs.iter().any(|repair| {
                    let old = repair.start..repair.start + repair.before.len();
                    old.start < range.end && range.start < old.end
                        || old.is_empty() && range.start <= old.start && old.start < range.end
                });
                if !touched {
                    prop_assert_eq!(done.text.get(moved.clone()), text.get(range.clone()));
                    prop_assert_eq!(done.back(&moved), Some(range));
                }
            }
        }
        // What came back from the repaired text stands there in the original.
        let ends: Vec<usize> = done.text.char_indices().map(|(at, _)| at).chain([done.text.len()]).collect();
        for pair in ends.windows(2) {
            let range = pair[0]..pair[1];
            if let Some(old) = done.back(&range) {
                prop_assert_eq!(text.get(old), done.text.get(range));
            }
        }
    }

    #[test]
    fn repairs_that_meet_or_do_not_fit_change_nothing((text, repairs) in repairs(), more in 0_usize..40) {
        let mut bad = repairs.clone();
        bad.push(Repair {
            start: more,
            before: "不在那里的字".to_owned(),
            after: String::new(),
            reason: "试".to_owned(),
        });
        prop_assert!(repaired(&text, &bad).is_err());
        if let Some(first) = repairs.first().filter(|first| !first.before.is_empty()) {
            let mut twice = repairs.clone();
            twice.push(first.clone());
            prop_assert!(repaired(&text, &twice).is_err());
        }
    }
}

/// A version with some of its dates; some are read from the same file.
fn version() -> impl Strategy<Value = (u8, u8, Option<i32>, Option<i32>, bool, i32)> {
    let day = || proptest::option::of(0..400_i32);
    (
        0_u8..3,
        0_u8..4,
        day(),
        day(),
        proptest::bool::weighted(0.2),
        0..400_i32,
    )
}

fn on(day: i32) -> Date {
    date(2024, 1, 1).checked_add(day.days()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn on_every_day_one_version_of_a_document_holds(
        versions in proptest::collection::vec(version(), 1..9),
        asked in proptest::collection::vec(-20..440_i32, 12),
    ) {
        let made: Vec<(VersionId, String, Head, Date)> = versions
            .iter()
            .enumerate()
            .map(|(at, (document, file, effective, written, draft, published))| {
                let id = VersionId { document: format!("d{document}"), number: at as u32 + 1 };
                let declared = if *draft { Declared::Draft } else { Declared::InForce };
                let head = Head {
                    effective: effective.map(on),
                    written: written.map(on),
                    declared,
                    ..Head::default()
                };
                (id, format!("f{file}"), head, on(*published))
            })
            .collect();
        let standing: Vec<Standing<'_>> = made
            .iter()
            .map(|(id, file, head, published)| Standing { id, file, head, published: *published })
            .collect();
        let days = days(&standing);
        for asked in asked {
            let day = on(asked);
            for document in ["d0", "d1", "d2"] {
                let mut law = 0;
                let mut begun = false;
                let mut holding = 0;
                for (standing, days) in standing.iter().zip(&days) {
                    if standing.id.document != document {
                        continue;
                    }
                    let same: Vec<_> = made
                        .iter()
                        .filter(|(id, file, ..)| id.document == document && file == standing.file)
                        .collect();
                    let newest = same.iter().map(|(id, ..)| id.number).max().unwrap();
                    if newest != standing.id.number {
                        prop_assert_eq!(days.corrected_by, Some(newest));
                        prop_assert_eq!(days.state_on(day, standing.head), State::Superseded);
                        continue;
                    }
                    let here = same.iter().map(|(.., published)| *published).min().unwrap();
                    let first = standing.head.effective.or(standing.head.written);
                    let first = first.unwrap_or(here);
                    let is_law = standing.head.declared != Declared::Draft;
                    law += usize::from(is_law);
                    begun |= is_law && first <= day;
                    let state = days.state_on(day, standing.head);
                    holding += usize::from(state.holds());
                    prop_assert!(is_law || matches!(state, State::Draft | State::Superseded));
                }
                prop_assert!(holding <= 1, "{document} on {day}: {holding} of {law}");
                prop_assert!(!begun || holding == 1, "{document} on {day}: none of {law}");
            }
        }
    }
}

#[test]
fn a_document_that_names_another_takes_its_place_only_where_both_apply() {
    let id = |document: &str| VersionId {
        document: document.to_owned(),
        number: 1,
    };
    let head = |title: &str, place: &str, supersedes: &[&str]| Head {
        title: title.to_owned(),
        place: Some(place.to_owned()),
        effective: Some(date(2025, 1, 1)),
        declared: Declared::InForce,
        supersedes: supersedes.iter().map(ToString::to_string).collect(),
        ..Head::default()
    };
    let ids = [id("old"), id("elsewhere"), id("new")];
    let old = head("暂住证办理须知", "云麓市", &[]);
    let elsewhere = head("暫住證辦理須知", "青石市", &[]);
    let new = Head {
        effective: Some(date(2026, 1, 1)),
        ..head("居住证办法", "云麓市", &["《暂住证办理须知》"])
    };
    let heads = [old, elsewhere, new];
    let all: Vec<Standing<'_>> = ids
        .iter()
        .zip(&heads)
        .map(|(id, head)| Standing {
            id,
            file: &id.document,
            head,
            published: date(2026, 1, 2),
        })
        .collect();
    let found = days(&all);
    assert_eq!(found[0].replaced_from, Some(date(2026, 1, 1)));
    assert_eq!(found[1].replaced_from, None);
}
