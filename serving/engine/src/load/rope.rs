//! Rotary position embeddings as `config.json` describes them, old and new form.

use crate::error::EngineError;
use serde_json::Value;
use std::f64::consts::TAU;

/// Base and frequency divisors of one kind of layer.
#[derive(Debug, PartialEq)]
pub(super) struct Rope {
    pub(super) theta: f32,
    pub(super) factors: Option<Vec<f32>>,
}

/// Frequency divisors of a named scaling; `numbers` finds its parameters.
///
/// `llama3` is Llama 3.1's: slow pairs are stretched, fast ones kept, those between blended
/// (<https://github.com/huggingface/transformers>, `modeling_rope_utils.py`).
pub(super) fn scaling(
    kind: &str,
    numbers: &dyn Fn(&str) -> Option<f64>,
    theta: f32,
    head_dim: usize,
) -> Result<Option<Vec<f32>>, EngineError> {
    let number = |key: &str| {
        numbers(key)
            .filter(|v| v.is_finite() && *v > 0.0)
            .ok_or_else(|| EngineError::corrupt(format!("rope {kind} {key}"), "缺少，或不是正数"))
    };
    let half = head_dim / 2;
    match kind {
        "none" | "default" => Ok(None),
        "linear" => Ok(Some(vec![number("factor")? as f32; half])),
        "llama3" => {
            let (factor, old) = (
                number("factor")?,
                number("original_max_position_embeddings")?,
            );
            let (low, high) = (number("low_freq_factor")?, number("high_freq_factor")?);
            let divisor = |pair: usize| {
                let speed = f64::from(theta).powf(-(pair as f64) / half as f64);
                let turns = old * speed / TAU;
                if turns < low {
                    factor
                } else if turns > high {
                    1.0
                } else {
                    let kept = (turns - low) / (high - low);
                    1.0 / ((1.0 - kept) / factor + kept)
                }
            };
            Ok(Some((0..half).map(|pair| divisor(pair) as f32).collect()))
        }
        other => Err(EngineError::unsupported(format!(
            "旋转位置编码缩放“{other}”（支持 linear、llama3）"
        ))),
    }
}

/// The embedding of layers of `kind` (`full_attention` or `sliding_attention`).
pub(super) fn of_config(
    config: &Value,
    kind: &str,
    default_theta: f32,
    head_dim: usize,
) -> Result<Rope, EngineError> {
    // `rope_parameters` of one kind or of several; before that `rope_theta` beside `rope_scaling`.
    let new = config.get("rope_parameters").filter(|v| v.is_object());
    let own = new.map(|all| all.get(kind).unwrap_or(all));
    let old = config.get("rope_scaling").filter(|v| v.is_object());
    let local = kind == "sliding_attention";
    let (base_key, old) = if local && config.get("rope_local_base_freq").is_some() {
        ("rope_local_base_freq", None)
    } else {
        ("rope_theta", old)
    };
    let float = |value: Option<&Value>, key: &str| value?.get(key)?.as_f64();
    let theta = float(own, "rope_theta").or_else(|| float(Some(config), base_key));
    let theta = theta.map_or(default_theta, |v| v as f32);
    let partial = ["partial_rotary_factor", "rotary_pct"];
    for value in [Some(config), own].into_iter().flatten() {
        let factor = partial.iter().find_map(|key| float(Some(value), key));
        if factor.is_some_and(|f| (f - 1.0).abs() > 1e-9) {
            return Err(EngineError::unsupported(
                "部分旋转（partial_rotary_factor）",
            ));
        }
    }
    let Some(parameters) = own.or(old) else {
        return Ok(Rope {
            theta,
            factors: None,
        });
    };
    let name = ["rope_type", "type"]
        .iter()
        .find_map(|key| parameters.get(key)?.as_str())
        .unwrap_or("default");
    let factors = scaling(name, &|key| float(Some(parameters), key), theta, head_dim)?;
    Ok(Rope { theta, factors })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_of_config_mean_the_same() {
        let new =
            json!({"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5}});
        let old = json!({"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 4.0}});
        let read = |config: &Value| of_config(config, "full_attention", 1e4, 8).unwrap();
        assert_eq!(read(&new), read(&old));
        assert_eq!(read(&old).factors, Some(vec![4.0; 4]));
        let plain = read(&json!({"rope_scaling": null}));
        assert_eq!((plain.theta, plain.factors), (1e4, None));
    }

    #[test]
    fn local_layers_keep_their_own_base() {
        let old = json!({"rope_theta": 1e6, "rope_local_base_freq": 1e4,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0}});
        let local = of_config(&old, "sliding_attention", 1.0, 8).unwrap();
        assert_eq!((local.theta, local.factors), (1e4, None));
        let global = of_config(&old, "full_attention", 1.0, 8).unwrap();
        assert_eq!((global.theta, global.factors), (1e6, Some(vec![8.0; 4])));
    }

    #[test]
    fn unknown_and_broken_scalings_are_refused_by_name() {
        for (config, word) in [
            (
                json!({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}),
                "yarn",
            ),
            (json!({"rope_scaling": {"rope_type": "linear"}}), "factor"),
            (
                json!({"rope_scaling": {"type": "linear", "factor": 0.0}}),
                "factor",
            ),
            (json!({"partial_rotary_factor": 0.5}), "partial"),
        ] {
            let error = of_config(&config, "full_attention", 1e4, 8).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
