//! Speculation on made-up traces: the same tokens as without, and cheaper or nearly as cheap.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use proptest::prelude::*;

/// Decodes `answer` (what the model would choose, token by token) with speculation; returns
/// what came out and what it cost, where a plain step costs 1 and a checked guess `row`.
fn decode(prompt: &[u32], prediction: &[u32], answer: &[u32], row: f64) -> (Vec<u32>, f64) {
    let mut drafter = Drafter::new(prompt, prediction);
    let mut controller = Controller::default();
    let (mut out, mut cost) = (Vec::new(), 0.0);
    let costs = StepCosts {
        step: 1.0,
        tokens: 1.0,
        row,
    };
    while out.len() < answer.len() {
        let guess = drafter.draft(15).to_vec();
        let checked = controller.plan(guess.len(), costs);
        cost += 1.0 + row * checked as f64;
        let mut accepted = 0;
        for index in 0..=checked {
            let Some(token) = answer.get(out.len()) else {
                break;
            };
            out.push(*token);
            drafter.push(*token);
            if guess.get(index) != Some(token) {
                break;
            }
            accepted += 1;
        }
        if checked > 0 {
            controller.observe(checked, accepted.min(checked));
        } else if !guess.is_empty() {
            controller.observe(1, accepted.min(1));
        }
    }
    (out, cost)
}

fn noise(seed: u64, length: usize, words: u64) -> Vec<u32> {
    (0..length as u64)
        .map(|i| (crate::output::sample::uniform(seed, i) * words as f64) as u32)
        .collect()
}

#[test]
fn copied_text_costs_a_fraction() {
    let prompt = noise(1, 600, 30_000);
    let answer = [&prompt[100..300], &[7, 8, 9], &prompt[400..500]].concat();
    let (out, cost) = decode(&prompt, &[], &answer, 0.1);
    assert_eq!(out, answer);
    assert!(cost < 0.35 * answer.len() as f64, "{cost}");
    // A prediction that the answer changes in one place only.
    let mut edited = prompt[..200].to_vec();
    edited[90] = 31_000;
    let (out, cost) = decode(&[1, 2, 3], &prompt[..200], &edited, 0.1);
    assert_eq!(out, edited);
    assert!(cost < 0.35 * 200.0, "{cost}");
}

#[test]
fn text_that_only_seems_to_repeat_costs_little() {
    // Three tokens often come again, the fourth is chance.
    let mut answer = Vec::new();
    for part in noise(2, 400, 30_000) {
        answer.extend([1, 2, 3, part]);
    }
    let (out, cost) = decode(&answer[..40], &[], &answer, 1.0);
    assert_eq!(out, answer);
    assert!(cost < 1.03 * answer.len() as f64, "{cost}");
}

#[test]
fn the_controller_follows_what_pays_with_hysteresis() {
    let costs = |row| StepCosts {
        step: 1.0,
        tokens: 1.0,
        row,
    };
    let mut controller = Controller::default();
    assert!(controller.plan(15, costs(0.05)) > 0, "cheap rows are tried");
    for _ in 0..60 {
        controller.observe(1, 0);
    }
    assert_eq!(controller.plan(15, costs(0.05)), 0, "misses end it");
    for _ in 0..60 {
        controller.observe(1, 1);
    }
    assert!(controller.plan(15, costs(0.05)) >= 10, "hits bring it back");
    assert_eq!(controller.plan(15, costs(2.0)), 0, "dear rows never pay");
    assert_eq!(controller.plan(0, costs(0.05)), 0);
    // Between the borders what was decided stays.
    let between = |mut controller: Controller| {
        let (mut row, mut found) = (0.0, None);
        while row < 1.0 && found.is_none() {
            let gain = controller::best(controller.acceptance(), 1, costs(row)).1;
            found = (gain > 1.03 && gain < 1.09).then_some(row);
            row += 0.005;
        }
        controller.plan(1, costs(found.unwrap())) > 0
    };
    let mut on = Controller::default();
    assert!(on.plan(1, costs(0.0)) > 0);
    assert!(between(on));
    assert!(!between(Controller::default()));
    // In a full batch a row costs more than the tokens that it may bring.
    let full = StepCosts {
        step: 20.0,
        tokens: 16.0,
        row: 1.2,
    };
    assert_eq!(Controller::default().plan(15, full), 0);
}

proptest! {
    #[test]
    fn speculation_never_changes_an_answer(
        prompt in prop::collection::vec(0u32..4, 0..60),
        prediction in prop::collection::vec(0u32..4, 0..30),
        answer in prop::collection::vec(0u32..4, 0..120),
        row in 0.0f64..0.5,
    ) {
        let (out, cost) = decode(&prompt, &prediction, &answer, row);
        prop_assert_eq!(&out, &answer);
        prop_assert!(cost <= answer.len() as f64 * 1.5 + 16.0, "{}", cost);
    }

    #[test]
    fn a_guess_is_always_text_that_was_there(
        prompt in prop::collection::vec(0u32..3, 0..80),
        prediction in prop::collection::vec(0u32..3, 0..40),
        most in 0usize..20,
    ) {
        let drafter = Drafter::new(&prompt, &prediction);
        let guess = drafter.draft(most);
        prop_assert!(guess.len() <= most);
        let inside = |text: &[u32]| {
            guess.is_empty() || text.windows(guess.len()).any(|part| part == guess)
        };
        prop_assert!(inside(&prediction) || inside(&prompt));
    }
}
