//! Log-probabilities of a row of logits.

use super::choose::{exp, greatest, sum};

/// Natural-log probability of `token` and of the `top` most likely tokens, before
/// temperature, penalties and bias. Tokens at `-inf` (outside a grammar's mask) have no
/// share: the probabilities are those among what is allowed.
pub(crate) fn logprobs(logits: &[f32], token: u32, top: usize) -> (f32, Vec<(u32, f32)>) {
    let best = greatest(logits);
    let mut total = 0.0;
    let mut weights = [0.0f32; 256];
    for chunk in logits.chunks(weights.len()) {
        for (weight, logit) in weights.iter_mut().zip(chunk) {
            *weight = exp(logit - best);
        }
        total += sum(&weights[..chunk.len()]);
    }
    let norm = f64::from(best) + total.ln();
    let value = |id: u32| {
        let logit = logits.get(id as usize).copied();
        (f64::from(logit.unwrap_or(f32::NEG_INFINITY)) - norm) as f32
    };
    let mut ids: Vec<u32> = (0..logits.len() as u32)
        .filter(|id| logits[*id as usize] > f32::NEG_INFINITY)
        .collect();
    let by_logit = |a: &u32, b: &u32| {
        logits[*b as usize]
            .total_cmp(&logits[*a as usize])
            .then(a.cmp(b))
    };
    if top == 0 {
        return (value(token), Vec::new());
    }
    if top < ids.len() {
        ids.select_nth_unstable_by(top, by_logit);
        ids.truncate(top);
    }
    ids.sort_by(by_logit);
    (
        value(token),
        ids.into_iter().map(|id| (id, value(id))).collect(),
    )
}
