//! Rotary position embeddings as `config.json` describes them, old and new form.

use crate::error::EngineError;
use serde_json::Value;
use std::f64::consts::TAU;

/// Base, frequency divisors and size of one kind of layer.
#[derive(Debug, PartialEq)]
pub(super) struct Rope {
    pub(super) theta: f32,
    pub(super) scaling: Scaling,
}

/// What a scaling makes of the rotations.
#[derive(Debug, PartialEq)]
pub(super) struct Scaling {
    /// Divides the frequency of each pair.
    pub(super) factors: Option<Vec<f32>>,
    /// Multiplies rotated queries and keys.
    pub(super) magnitude: f32,
    /// Positions that it was made for, where it says so.
    pub(super) reach: Option<usize>,
}

impl Scaling {
    const NONE: Self = Self {
        factors: None,
        magnitude: 1.0,
        reach: None,
    };

    fn of(factors: Vec<f32>) -> Self {
        Self {
            factors: Some(factors),
            ..Self::NONE
        }
    }
}

/// Parameters of a scaling by their names in `config.json`.
struct Numbers<'a> {
    kind: &'a str,
    find: &'a dyn Fn(&str) -> Option<f64>,
}

impl Numbers<'_> {
    fn needed(&self, key: &str) -> Result<f64, EngineError> {
        let number = (self.find)(key).filter(|v| v.is_finite() && *v > 0.0);
        number.ok_or_else(|| {
            EngineError::corrupt(format!("rope {} {key}", self.kind), "缺少，或不是正数")
        })
    }

    /// A number that may be left out.
    fn given(&self, key: &str) -> Result<Option<f64>, EngineError> {
        (self.find)(key).map(|_| self.needed(key)).transpose()
    }
}

/// What a named scaling means; `find` knows its parameters by their names in `config.json`
/// (true is 1). Method of each kind: transformers, `modeling_rope_utils.py`.
pub(super) fn scaling(
    kind: &str,
    find: &dyn Fn(&str) -> Option<f64>,
    theta: f32,
    head_dim: usize,
) -> Result<Scaling, EngineError> {
    let numbers = Numbers { kind, find };
    let half = head_dim / 2;
    match kind {
        "none" | "default" => Ok(Scaling::NONE),
        "linear" => Ok(Scaling::of(vec![numbers.needed("factor")? as f32; half])),
        "llama3" => llama3(&numbers, theta, half),
        "yarn" => yarn(&numbers, theta, half),
        other => Err(EngineError::unsupported(format!(
            "旋转位置编码缩放“{other}”（支持 linear、llama3、yarn）"
        ))),
    }
}

/// Llama 3.1: slow pairs are stretched, fast ones kept, those between blended.
fn llama3(numbers: &Numbers<'_>, theta: f32, half: usize) -> Result<Scaling, EngineError> {
    let factor = numbers.needed("factor")?;
    let old = numbers.needed("original_max_position_embeddings")?;
    let low = numbers.needed("low_freq_factor")?;
    let high = numbers.needed("high_freq_factor")?;
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
    Ok(Scaling::of(
        (0..half).map(|pair| divisor(pair) as f32).collect(),
    ))
}

/// YaRN (Peng et al. 2023, arXiv 2309.00071): pairs that turn often within the old context
/// are kept, those that hardly turn are stretched, with a ramp between the two; queries and
/// keys grow a little, which sharpens attention over the longer context.
fn yarn(numbers: &Numbers<'_>, theta: f32, half: usize) -> Result<Scaling, EngineError> {
    let factor = numbers.needed("factor")?;
    let old = match numbers.given("original_max_position_embeddings")? {
        Some(old) => old,
        None => numbers.needed("max_position_embeddings")?,
    };
    let most = numbers.given("beta_fast")?.unwrap_or(32.0);
    let least = numbers.given("beta_slow")?.unwrap_or(1.0);
    // The pair that turns so often within the old context.
    let pair = |turns: f64| half as f64 * (old / (turns * TAU)).ln() / f64::from(theta).ln();
    let (mut low, mut high) = (pair(most), pair(least));
    if (numbers.find)("truncate") != Some(0.0) {
        (low, high) = (low.floor(), high.ceil());
    }
    let last = (2 * half).saturating_sub(1) as f64;
    let (low, mut high) = (low.max(0.0), high.min(last));
    if (high - low).abs() < 1e-9 {
        high += 0.001;
    }
    let divisor = |pair: usize| {
        let stretched = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
        1.0 / (stretched / factor + (1.0 - stretched))
    };
    let grown = |by: f64| {
        if factor > 1.0 {
            0.1 * by * factor.ln() + 1.0
        } else {
            1.0
        }
    };
    let both = numbers
        .given("mscale")?
        .zip(numbers.given("mscale_all_dim")?);
    let magnitude = match (numbers.given("attention_factor")?, both) {
        (Some(given), _) => given,
        (None, Some((some, all))) => grown(some) / grown(all),
        (None, None) => grown(1.0),
    };
    Ok(Scaling {
        factors: Some((0..half).map(|pair| divisor(pair) as f32).collect()),
        magnitude: magnitude as f32,
        // A cast of what is too large gives the largest, which no context has.
        reach: Some((old * factor) as usize),
    })
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
            scaling: Scaling::NONE,
        });
    };
    let name = ["rope_type", "type"]
        .iter()
        .find_map(|key| parameters.get(key)?.as_str())
        .unwrap_or("default");
    let find = |key: &str| match key {
        "max_position_embeddings" => float(Some(config), key),
        "truncate" => parameters.get(key)?.as_bool().map(f64::from),
        _ => float(Some(parameters), key),
    };
    let scaling = scaling(name, &find, theta, head_dim)?;
    Ok(Rope { theta, scaling })
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
        assert_eq!(read(&old).scaling.factors, Some(vec![4.0; 4]));
        let plain = read(&json!({"rope_scaling": null}));
        assert!((plain.theta - 1e4).abs() < 1.0);
        assert_eq!(plain.scaling, Scaling::NONE);
    }

    #[test]
    fn local_layers_keep_their_own_base() {
        let old = json!({"rope_theta": 1e6, "rope_local_base_freq": 1e4,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0}});
        let local = of_config(&old, "sliding_attention", 1.0, 8).unwrap();
        assert!((local.theta - 1e4).abs() < 1.0);
        assert_eq!(local.scaling, Scaling::NONE);
        let global = of_config(&old, "full_attention", 1.0, 8).unwrap();
        assert!((global.theta - 1e6).abs() < 1.0);
        assert_eq!(global.scaling.factors, Some(vec![8.0; 4]));
    }

    #[test]
    fn unknown_and_broken_scalings_are_refused_by_name() {
        for (config, word) in [
            (
                json!({"rope_scaling": {"rope_type": "longrope", "factor": 4.0}}),
                "longrope",
            ),
            (json!({"rope_scaling": {"rope_type": "linear"}}), "factor"),
            (
                json!({"rope_scaling": {"type": "linear", "factor": 0.0}}),
                "factor",
            ),
            (
                json!({"rope_scaling": {"type": "yarn", "factor": 4.0}}),
                "max_position_embeddings",
            ),
            (
                json!({"max_position_embeddings": 64,
                    "rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": -1.0}}),
                "beta_fast",
            ),
            (json!({"partial_rotary_factor": 0.5}), "partial"),
        ] {
            let error = of_config(&config, "full_attention", 1e4, 8).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn yarn_keeps_fast_pairs_and_stretches_slow_ones() {
        let config = json!({"max_position_embeddings": 4096, "rope_theta": 1e4, "rope_scaling":
            {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}});
        let scaling = of_config(&config, "full_attention", 1e4, 64)
            .unwrap()
            .scaling;
        let factors = scaling.factors.unwrap();
        assert_eq!((factors[0], factors[31]), (1.0, 4.0));
        assert!(factors.is_sorted());
        assert!((scaling.magnitude - (0.1 * 4f32.ln() + 1.0)).abs() < 1e-6);
        assert_eq!(scaling.reach, Some(4096));
        // Numbers that no model has lead to no panic and to no number that is not one.
        for (old, factor, theta) in [(1e-300, 1e300, 1.0), (1e300, 1e-300, 1e4), (1.0, 1.0, 0.5)] {
            let config = json!({"rope_theta": theta, "rope_scaling": {"type": "yarn",
                "factor": factor, "original_max_position_embeddings": old}});
            drop(of_config(&config, "full_attention", 1e4, 64));
        }
    }
}
