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
    let by_logit = |a: &u32, b: &u32| {
        logits[*b as usize]
            .total_cmp(&logits[*a as usize])
            .then(a.cmp(b))
    };
    let mut ids = near_best(logits, best, top);
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

/// At least `top` tokens, the most likely among them, where so many are allowed; few others.
fn near_best(logits: &[f32], best: f32, top: usize) -> Vec<u32> {
    const CHUNK: usize = 16;
    let mut ids = Vec::new();
    if top == 0 {
        return ids;
    }
    for reach in [8.0, 16.0, f32::INFINITY] {
        ids.clear();
        let floor = (best - reach).max(f32::MIN);
        for (index, chunk) in logits.chunks(CHUNK).enumerate() {
            if greatest(chunk) >= floor {
                let from = (index * CHUNK) as u32;
                let near = (from..).zip(chunk).filter(|(_, logit)| **logit >= floor);
                ids.extend(near.map(|(id, _)| id));
            }
        }
        if ids.len() >= top {
            break;
        }
    }
    ids
}
