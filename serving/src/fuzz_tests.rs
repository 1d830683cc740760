//! Real bodies of every endpoint, broken at random: nothing panics, and every refusal names a code
//! and a field.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::fuzz::{full_body, paths, read_body};
use serde_json::{Map, Value, json};

/// Broken bodies for each endpoint.
const CASES: u64 = 1_500;

/// SplitMix64: a seed repeats its case.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() % most.max(1) as u64).unwrap()
    }
}

/// A value that hardly any field is meant to have.
fn nasty(dice: &mut Dice) -> Value {
    let all = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("\u{0}\u{202e}🙂"),
        json!("x".repeat(5_000)),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"type": "text"}),
        json!([null, 1, "a", {}]),
        json!([4_294_967_296_u64]),
    ];
    all[dice.below(all.len())].clone()
}

/// Changes one node somewhere in a value.
fn twist(value: &mut Value, dice: &mut Dice) {
    let deeper = dice.below(4) > 0;
    match value {
        Value::Object(object) if deeper && !object.is_empty() => {
            let name = object.keys().nth(dice.below(object.len())).cloned();
            twist_member(object, &name.unwrap(), dice);
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = dice.below(items.len());
            match dice.below(6) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => twist(&mut items[at], dice),
            }
        }
        other => *other = nasty(dice),
    }
}

fn twist_member(object: &mut Map<String, Value>, name: &str, dice: &mut Dice) {
    match dice.below(8) {
        0 => drop(object.remove(name)),
        1 => drop(object.insert(format!("{name}_"), nasty(dice))),
        _ => {
            if let Some(member) = object.get_mut(name) {
                twist(member, dice);
            }
        }
    }
}

/// Damages bytes.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(4) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, b"{}[]\",:\\\xff0"[dice.below(10)]),
        2 => bytes[at] ^= 1 << dice.below(8),
        _ => {
            let piece = bytes[at..].to_vec();
            bytes.extend(piece);
        }
    }
}

#[test]
fn every_good_body_is_good() {
    for path in paths() {
        let read = read_body(path, full_body(path).to_string().as_bytes());
        assert_eq!(read, Ok(()), "{path}");
    }
}

#[test]
fn broken_bodies_are_refused_by_code_and_field_and_never_panic() {
    for path in paths() {
        let (mut refused, mut no_json) = (0, 0);
        for seed in 0..CASES {
            let mut dice = Dice(seed);
            let mut body = full_body(path);
            for _ in 0..=dice.below(3) {
                twist(&mut body, &mut dice);
            }
            let mut bytes = body.to_string().into_bytes();
            if dice.below(3) == 0 {
                damage(&mut bytes, &mut dice);
            }
            let Err(refusal) = read_body(path, &bytes) else {
                continue;
            };
            let shown = || format!("{path}, seed {seed}: {refusal:?}");
            let unknown_file = (refusal.status, refusal.code) == (404, "not_found");
            assert!(refusal.status == 400 || unknown_file, "{}", shown());
            assert!(!refusal.code.is_empty(), "{}", shown());
            assert!(
                refusal.messages.iter().all(|text| text.len() < 2_000),
                "{}",
                shown()
            );
            if refusal.code == "invalid_json" {
                no_json += 1;
                assert_eq!(refusal.param, None, "{}", shown());
            } else {
                refused += 1;
                let param = refusal.param.as_deref().unwrap_or("");
                assert!(!param.is_empty() && param.len() < 1_000, "{}", shown());
            }
        }
        assert!(
            refused > 200 && no_json > 50,
            "{path}: {refused} and {no_json}"
        );
    }
}
