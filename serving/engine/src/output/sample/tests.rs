//! Tests of sampling: against a plain reference, and by statistics with fixed seeds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::choose::{all_finite, exp, greatest};
use super::*;
use crate::runner::TokenMask;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, -1.0, 0.0];

fn plain(
    logits: &[f32],
    history: &History,
    sampling: &Sampling,
    point: f64,
) -> Result<u32, crate::EngineError> {
    let mut logits = logits.to_vec();
    choose(&mut logits, history, sampling, Allowed::default(), point)
}

fn tokens(sampling: &Sampling) -> BTreeMap<u32, usize> {
    let mut seen = BTreeMap::new();
    for index in 0..20_000 {
        let point = uniform(7, index);
        let token = plain(&LOGITS, &History::default(), sampling, point).unwrap();
        *seen.entry(token).or_insert(0) += 1;
    }
    seen
}

fn warm() -> Sampling {
    Sampling {
        temperature: 1.0,
        ..Sampling::default()
    }
}

/// Logits of a made-up row, a few of them high, as a model's are.
fn row(seed: u64, vocab: usize) -> Vec<f32> {
    (0..vocab as u64)
        .map(|i| {
            let (a, b) = (uniform(seed, 2 * i), uniform(seed, 2 * i + 1));
            (8.0 * a + if b > 0.999 { 9.0 } else { 0.0 }) as f32
        })
        .collect()
}

/// What sampling means, written down plainly: everything sorted, everything in f64.
fn reference(logits: &[f32], s: &Sampling, point: f64) -> u32 {
    let mut all: Vec<(u32, f64)> = logits
        .iter()
        .enumerate()
        .map(|(id, l)| (id as u32, f64::from(*l) / f64::from(s.temperature)))
        .collect();
    let best = all.iter().map(|c| c.1).fold(f64::NEG_INFINITY, f64::max);
    for candidate in &mut all {
        candidate.1 = (candidate.1 - best).exp();
    }
    all.retain(|c| c.1 >= f64::from(s.min_p));
    if s.top_k > 0 || s.top_p < 1.0 {
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if s.top_k > 0 {
            all.truncate(s.top_k);
        }
        let total: f64 = all.iter().map(|c| c.1).sum();
        let mut sum = 0.0;
        let cut = all.iter().position(|c| {
            sum += c.1;
            sum >= f64::from(s.top_p) * total
        });
        all.truncate(cut.map_or(all.len(), |at| at + 1));
    }
    let mut left = point * all.iter().map(|c| c.1).sum::<f64>();
    for (id, weight) in &all {
        left -= weight;
        if left < 0.0 {
            return *id;
        }
    }
    all.last().unwrap().0
}

#[test]
fn choices_are_those_of_the_reference() {
    let (mut different, mut asked) = (0, 0);
    for (index, (temperature, top_k, top_p, min_p)) in [
        (1.0, 0, 1.0, 0.0),
        (0.7, 0, 0.9, 0.0),
        (1.0, 40, 1.0, 0.0),
        (0.8, 20, 0.95, 0.0),
        (1.3, 0, 1.0, 0.05),
        (1.0, 0, 0.999, 0.001),
        (2.0, 5_000, 0.99, 0.0),
        (0.05, 0, 0.5, 0.0),
        (1e-30, 0, 1.0, 0.0),
    ]
    .into_iter()
    .enumerate()
    {
        let sampling = Sampling {
            temperature,
            top_k,
            top_p,
            min_p,
            ..Sampling::default()
        };
        for round in 0..40u64 {
            let logits = row(round, 3_001);
            let point = uniform(99 + index as u64, round);
            let chosen = plain(&logits, &History::default(), &sampling, point).unwrap();
            asked += 1;
            different += usize::from(chosen != reference(&logits, &sampling, point));
        }
    }
    // Rounding may move a border between two tokens across a point, once in a million.
    assert_eq!(different, 0, "of {asked}");
}

#[test]
fn greedy_takes_the_best_and_the_lowest_of_equals() {
    let greedy = Sampling::default();
    let choice = |logits: &[f32]| plain(logits, &History::default(), &greedy, 0.9).unwrap();
    assert_eq!(choice(&[0.0, 2.0, 2.0]), 1);
    let mut logits = row(3, 40_000);
    logits[39_999] = 99.0;
    assert_eq!(choice(&logits), 39_999);
    assert_eq!(choice(&[f32::MIN, f32::MIN]), 0);
}

#[test]
fn frequencies_follow_the_softmax() {
    let seen = tokens(&warm());
    let sum: f64 = LOGITS.iter().map(|l| f64::from(*l).exp()).sum();
    for (id, logit) in LOGITS.iter().enumerate() {
        let wanted = f64::from(*logit).exp() / sum;
        let found = seen.get(&(id as u32)).copied().unwrap_or(0) as f64 / 20_000.0;
        assert!(
            (wanted - found).abs() < 0.01,
            "token {id}: {wanted} and {found}"
        );
    }
}

#[test]
fn filters_keep_what_they_promise() {
    let ids = |s: Sampling| tokens(&s).into_keys().collect::<Vec<_>>();
    let with = |top_k, top_p, min_p| Sampling {
        top_k,
        top_p,
        min_p,
        ..warm()
    };
    assert_eq!(ids(with(2, 1.0, 0.0)), [1, 2]);
    assert_eq!(ids(with(0, 0.6, 0.0)), [1]);
    assert_eq!(ids(with(0, 0.8, 0.0)), [1, 2]);
    assert_eq!(ids(with(3, 0.9, 0.0)), [1, 2]);
    assert_eq!(ids(with(0, 1.0, 0.2)), [1, 2]);
    assert_eq!(ids(with(1, 1.0, 0.0)), [1]);
    assert_eq!(ids(with(99, 1.0, 0.0)).len(), 5);
}

#[test]
fn penalties_and_bias_move_logits() {
    let mut history = History::new(&[1]);
    history.push(2);
    history.push(2);
    let greedy = |s: Sampling| plain(&LOGITS, &history, &s, 0.0).unwrap();
    let none = Sampling::default;
    let repetition_penalty = 10.0;
    assert_eq!(
        greedy(Sampling {
            repetition_penalty,
            ..none()
        }),
        0
    );
    let presence_penalty = 2.0;
    assert_eq!(
        greedy(Sampling {
            presence_penalty,
            ..none()
        }),
        1
    );
    let logit_bias = vec![(3, 100.0)];
    assert_eq!(
        greedy(Sampling {
            logit_bias,
            ..none()
        }),
        3
    );
    // Each penalty by its own rule: seen twice, 2 - (0.5 + 2 * 0.4) is below 1.
    let mut logits = vec![1.0, -1.0, 2.0];
    let penalties = Sampling {
        repetition_penalty: 2.0,
        presence_penalty: 0.5,
        frequency_penalty: 0.4,
        ..none()
    };
    history.adjust(&mut logits, &penalties);
    assert!((logits[0] - 1.0).abs() < 1e-6);
    assert!((logits[1] - -2.0).abs() < 1e-6, "prompt only: repetition");
    assert!((logits[2] - (1.0 - 0.5 - 0.8)).abs() < 1e-6);
}

fn mask(allowed: &[u32], vocab: usize) -> TokenMask {
    let mut words = vec![0u64; vocab.div_ceil(64)];
    for token in allowed {
        words[*token as usize / 64] |= 1 << (token % 64);
    }
    TokenMask {
        words,
        allowed: allowed.len(),
    }
}

#[test]
fn a_mask_leaves_only_its_tokens() {
    let mask = mask(&[3, 130, 199], 200);
    let mut logits = row(5, 200);
    // A runner that computes allowed rows only leaves anything in the others.
    logits[0] = f32::NAN;
    logits[7] = f32::INFINITY;
    logits[64] = f32::NEG_INFINITY;
    for index in 0..500 {
        let allowed = Allowed {
            mask: Some(&mask),
            banned: &[],
        };
        let point = uniform(1, index);
        let none = History::default();
        let token = choose(&mut logits.clone(), &none, &warm(), allowed, point).unwrap();
        assert!([3, 130, 199].contains(&token));
    }
    logits[130] = f32::NAN;
    let allowed = Allowed {
        mask: Some(&mask),
        banned: &[],
    };
    let none = History::default();
    let error = choose(&mut logits, &none, &warm(), allowed, 0.5).unwrap_err();
    assert_eq!(error.code(), "numeric_fault");
}

#[test]
fn banned_tokens_wait_unless_nothing_else_is_left() {
    let choice = |mask: Option<&TokenMask>| {
        let banned = &[1, 2, 1, 77];
        let allowed = Allowed { mask, banned };
        let none = History::default();
        choose(
            &mut LOGITS.to_vec(),
            &none,
            &Sampling::default(),
            allowed,
            0.0,
        )
        .unwrap()
    };
    assert_eq!(choice(None), 0);
    assert_eq!(choice(Some(&mask(&[2, 3], 5))), 3);
    assert_eq!(choice(Some(&mask(&[1, 2], 5))), 1);
}

#[test]
fn not_a_number_is_an_error() {
    let none = History::default();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut logits = vec![0.0; 100];
        logits[50] = bad;
        for sampling in [warm(), Sampling::default()] {
            let error = plain(&logits, &none, &sampling, 0.5).unwrap_err();
            assert_eq!(error.code(), "numeric_fault");
        }
    }
    assert!(plain(&[], &none, &warm(), 0.5).is_err());
}

#[test]
fn bad_values_are_named() {
    let named = |bad: Sampling, field: &str| {
        let text = bad.validate(5).unwrap_err().to_string();
        assert!(text.contains(field), "{text}");
    };
    let none = Sampling::default;
    let (top_p, temperature) = (0.0, f32::NAN);
    named(Sampling { top_p, ..none() }, "top_p");
    named(
        Sampling {
            temperature,
            ..none()
        },
        "temperature",
    );
    let logit_bias = vec![(5, 0.0)];
    named(
        Sampling {
            logit_bias,
            ..none()
        },
        "logit_bias",
    );
}

#[test]
fn logprobs_are_those_of_the_softmax() {
    let logits = row(11, 5_000);
    let sum: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
    let (own, top) = logprobs(&logits, 17, 20);
    assert!((f64::from(own) - (f64::from(logits[17]) - sum.ln())).abs() < 1e-4);
    let mut best: Vec<u32> = (0..5_000).collect();
    best.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
    let ids: Vec<u32> = top.iter().map(|t| t.0).collect();
    assert_eq!(ids, best[..20]);
    let (_, all) = logprobs(&LOGITS, 1, 9);
    let total: f32 = all.iter().map(|t| t.1.exp()).sum();
    assert!((total - 1.0).abs() < 1e-5 && all.len() == 5);
    assert_eq!(logprobs(&LOGITS, 1, 0).1, []);
    // Among what a grammar allows.
    let masked = [f32::NEG_INFINITY, 1.0, 1.0, f32::NEG_INFINITY];
    let (half, two) = logprobs(&masked, 1, 4);
    assert!((half - 0.5f32.ln()).abs() < 1e-6 && two.len() == 2);
}

#[test]
fn uniform_is_a_function_of_seed_and_index() {
    assert_eq!(uniform(1, 2).to_bits(), uniform(1, 2).to_bits());
    assert_ne!(uniform(1, 2).to_bits(), uniform(1, 3).to_bits());
    let mean = (0..10_000).map(|i| uniform(3, i)).sum::<f64>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.01);
}

proptest! {
    #[test]
    fn the_exponential_is_close(x in -86.9f32..=0.0) {
        let wanted = f64::from(x).exp();
        prop_assert!((f64::from(exp(x)) / wanted - 1.0).abs() < 8e-6);
    }

    #[test]
    fn passes_in_lanes_see_every_number(
        values in prop::collection::vec(-1e30f32..1e30, 1..70),
        at in any::<prop::sample::Index>(),
    ) {
        let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        prop_assert_eq!(greatest(&values).to_bits(), best.to_bits());
        prop_assert!(all_finite(&values));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut broken = values.clone();
            broken[at.index(values.len())] = bad;
            prop_assert!(!all_finite(&broken));
        }
    }

    #[test]
    fn any_accepted_sampling_chooses_a_token(
        logits in prop::collection::vec(-3e38f32..3e38, 1..200),
        temperature in prop_oneof![Just(0.0f32), 1e-40f32..2.0],
        top_k in 0usize..300, top_p in 1e-6f32..=1.0, min_p in 0.0f32..=1.0,
        repetition_penalty in 0.01f32..10.0, point in 0.0f64..1.0,
    ) {
        let sampling = Sampling {
            temperature, top_k, top_p, min_p, repetition_penalty, ..Sampling::default()
        };
        let token = plain(&logits, &History::new(&[0, 1]), &sampling, point);
        prop_assert!(matches!(token, Ok(t) if (t as usize) < logits.len()));
    }
}
