//! From the work on the wire to the trainer's settings. Zero stands for the default.

use zhisuan_engine::{LoraConfig, TrainConfig};
use zhisuan_proto::v1::TrainWork;

/// The trainer's settings; it checks their ranges itself.
pub(super) fn of(work: &TrainWork) -> (LoraConfig, TrainConfig) {
    let (lora, train) = (LoraConfig::default(), TrainConfig::default());
    let or = |given: u32, default: usize| if given == 0 { default } else { given as usize };
    let rank = or(work.lora_rank, lora.rank);
    let alpha = match work.lora_alpha {
        // The usual strength: the pair's product counts twice.
        0 => rank as f32 * 2.0,
        given => given as f32,
    };
    let lora = LoraConfig {
        rank,
        alpha,
        layers: (work.lora_last_layers != 0).then_some(work.lora_last_layers as usize),
        ..lora
    };
    let learning_rate = match work.learning_rate_nano {
        0 => train.learning_rate,
        given => given as f64 / 1e9,
    };
    let train = TrainConfig {
        steps: or(work.steps, train.steps),
        batch_size: or(work.batch_size, train.batch_size),
        grad_accumulation: or(work.gradient_accumulation, train.grad_accumulation),
        max_len: or(work.max_tokens_per_example, train.max_len),
        learning_rate,
        warmup_steps: work.warmup_steps as usize,
        seed: work.seed,
        ..train
    };
    (lora, train)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by panicking")]
    use super::{TrainConfig, TrainWork, of};

    #[test]
    fn zeros_are_defaults_and_numbers_are_kept() {
        let (lora, train) = of(&TrainWork::default());
        assert_eq!((lora.rank, lora.layers), (8, None));
        assert_eq!(train.steps, TrainConfig::default().steps);
        let (lora, train) = of(&TrainWork {
            lora_rank: 4,
            lora_last_layers: 2,
            learning_rate_nano: 200_000,
            steps: 7,
            ..TrainWork::default()
        });
        assert_eq!((lora.rank, lora.layers, train.steps), (4, Some(2), 7));
        assert!((lora.alpha - 8.0).abs() < f32::EPSILON);
        assert!((train.learning_rate - 2e-4).abs() < 1e-12);
    }
}
