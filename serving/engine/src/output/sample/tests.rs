//! Tests of sampling.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use std::collections::BTreeMap;

const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, -1.0, 0.0];

fn plain(
    logits: &mut [f32],
    history: &History,
    sampling: &Sampling,
    point: f64,
) -> Result<u32, crate::EngineError> {
    choose(logits, history, sampling, Allowed::default(), point)
}

fn tokens(sampling: &Sampling) -> BTreeMap<u32, usize> {
    let mut seen = BTreeMap::new();
    for index in 0..20_000 {
        let point = uniform(7, index);
        let token = plain(&mut LOGITS.to_vec(), &History::default(), sampling, point).unwrap();
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

#[test]
fn greedy_takes_the_best_and_the_lowest_of_equals() {
    let greedy = Sampling::default();
    let mut logits = vec![0.0, 2.0, 2.0];
    assert_eq!(
        plain(&mut logits, &History::default(), &greedy, 0.9).unwrap(),
        1
    );
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
    let ids = |s: &Sampling| tokens(s).into_keys().collect::<Vec<_>>();
    assert_eq!(ids(&Sampling { top_k: 2, ..warm() }), [1, 2]);
    assert_eq!(
        ids(&Sampling {
            top_p: 0.6,
            ..warm()
        }),
        [1]
    );
    assert_eq!(
        ids(&Sampling {
            top_p: 0.8,
            ..warm()
        }),
        [1, 2]
    );
    assert_eq!(
        ids(&Sampling {
            top_k: 3,
            top_p: 0.9,
            ..warm()
        }),
        [1, 2]
    );
    assert_eq!(
        ids(&Sampling {
            min_p: 0.2,
            ..warm()
        }),
        [1, 2]
    );
}

#[test]
fn penalties_and_bias_move_logits() {
    let mut history = History::new(&[1]);
    history.push(2);
    history.push(2);
    let greedy = |s: Sampling| plain(&mut LOGITS.to_vec(), &history, &s, 0.0).unwrap();
    assert_eq!(
        greedy(Sampling {
            repetition_penalty: 10.0,
            ..Sampling::default()
        }),
        0
    );
    assert_eq!(
        greedy(Sampling {
            presence_penalty: 2.0,
            ..Sampling::default()
        }),
        1
    );
    assert_eq!(
        greedy(Sampling {
            logit_bias: vec![(3, 100.0)],
            ..Sampling::default()
        }),
        3
    );
}

#[test]
fn not_a_number_is_an_error() {
    let mut logits = vec![0.0, f32::NAN];
    let error = plain(&mut logits, &History::default(), &warm(), 0.5).unwrap_err();
    assert_eq!(error.code(), "numeric_fault");
}

#[test]
fn bad_values_are_named() {
    let bad = Sampling {
        top_p: 0.0,
        ..Sampling::default()
    };
    assert!(bad.validate(5).unwrap_err().to_string().contains("top_p"));
    let bad = Sampling {
        temperature: f32::NAN,
        ..Sampling::default()
    };
    assert!(
        bad.validate(5)
            .unwrap_err()
            .to_string()
            .contains("temperature")
    );
    let bad = Sampling {
        logit_bias: vec![(5, 0.0)],
        ..Sampling::default()
    };
    assert!(
        bad.validate(5)
            .unwrap_err()
            .to_string()
            .contains("logit_bias")
    );
}

#[test]
fn logprobs_sum_to_one() {
    let (own, top) = logprobs(&LOGITS, 1, 5);
    assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 2, 0, 4, 3]);
    assert!((own - top[0].1).abs() < 1e-6);
    let sum: f32 = top.iter().map(|t| t.1.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    assert_eq!(logprobs(&LOGITS, 1, 2).1.len(), 2);
}

#[test]
fn uniform_is_a_function_of_seed_and_index() {
    assert_eq!(uniform(1, 2).to_bits(), uniform(1, 2).to_bits());
    assert_ne!(uniform(1, 2).to_bits(), uniform(1, 3).to_bits());
    let mean = (0..10_000).map(|i| uniform(3, i)).sum::<f64>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.01);
}
