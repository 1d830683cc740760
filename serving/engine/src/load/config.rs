//! `config.json` of a published decoder to its description.

use super::rope;
use super::spec::{Activation, Architecture, DecoderSpec, SlidingWindow};
use crate::error::EngineError;
use serde_json::Value;

/// Reads a description; `has` says whether the weight files hold a published tensor.
pub(super) fn describe(
    config: &Value,
    has: &dyn Fn(&str) -> bool,
) -> Result<DecoderSpec, EngineError> {
    let size = |key: &str| {
        config
            .get(key)
            .and_then(Value::as_u64)
            .map(|v| v as usize)
            .ok_or_else(|| EngineError::corrupt(format!("config.json {key}"), "缺少，或不是整数"))
    };
    let float = |key: &str| config.get(key).and_then(Value::as_f64).map(|v| v as f32);
    let kind = config
        .get("model_type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let architecture = Architecture::parse(kind)?;
    refuse_extras(config, has)?;
    let (hidden, heads) = (size("hidden_size")?, size("num_attention_heads")?);
    let head_dim = size("head_dim").unwrap_or_else(|_| hidden.checked_div(heads).unwrap_or(0));
    let scored = float("query_pre_attn_scalar").unwrap_or(head_dim as f32);
    let rope = rope::of_config(config, "full_attention", 10_000.0, head_dim.min(1 << 16))?;
    let layers = size("num_hidden_layers")?;
    let gemma = architecture == Architecture::Gemma3;
    let spec = DecoderSpec {
        layers,
        hidden,
        intermediate: size("intermediate_size")?,
        heads,
        kv_heads: size("num_key_value_heads").unwrap_or(heads),
        head_dim,
        vocab: size("vocab_size")?,
        // A scaling that reaches further than the file's length is meant to be used.
        context_length: size("max_position_embeddings")?.max(rope.scaling.reach.unwrap_or(0)),
        rope_theta: rope.theta,
        rope_factors: rope.scaling.factors,
        rope_magnitude: rope.scaling.magnitude,
        rms_eps: float("rms_norm_eps").unwrap_or(1e-6),
        tied_head: !has("lm_head.weight"),
        qkv_bias: has("model.layers.0.self_attn.q_proj.bias"),
        activation: activation(config)?,
        embedding_scale: gemma.then(|| (hidden as f32).sqrt()),
        attention_scale: 1.0 / scored.sqrt(),
        attention_softcap: float("attn_logit_softcapping"),
        final_softcap: float("final_logit_softcapping"),
        window: window(config, architecture, layers, head_dim)?,
        ..DecoderSpec::family(architecture)
    };
    spec.validate()?;
    Ok(spec)
}

/// Parts that this core does not compute are refused, not left out.
fn refuse_extras(config: &Value, has: &dyn Fn(&str) -> bool) -> Result<(), EngineError> {
    if config
        .get("quantization_config")
        .is_some_and(|v| !v.is_null())
    {
        return Err(EngineError::unsupported(
            "config.json 的 quantization_config",
        ));
    }
    for part in [
        "self_attn.o_proj.bias",
        "mlp.down_proj.bias",
        "mlp.gate.weight",
    ] {
        let name = format!("model.layers.0.{part}");
        if has(&name) {
            return Err(EngineError::unsupported(format!("张量 {name}")));
        }
    }
    Ok(())
}

fn activation(config: &Value) -> Result<Activation, EngineError> {
    let name = ["hidden_activation", "hidden_act"]
        .iter()
        .find_map(|key| config.get(key)?.as_str());
    match name {
        None | Some("silu") => Ok(Activation::Silu),
        Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some(other) => Err(EngineError::unsupported(format!("激活函数“{other}”"))),
    }
}

fn window(
    config: &Value,
    architecture: Architecture,
    layers: usize,
    head_dim: usize,
) -> Result<Option<SlidingWindow>, EngineError> {
    let number = |key: &str| config.get(key).and_then(Value::as_u64).map(|v| v as usize);
    let off = config.get("use_sliding_window") == Some(&Value::Bool(false));
    let Some(tokens) = number("sliding_window").filter(|_| !off) else {
        return Ok(None);
    };
    if layers > 1 << 16 {
        return Err(EngineError::corrupt(
            "config.json num_hidden_layers",
            format!("值为 {layers}"),
        ));
    }
    let local = local_layers(config, architecture, layers)?;
    if !local.contains(&true) {
        return Ok(None);
    }
    let default = if architecture == Architecture::Gemma3 {
        10_000.0
    } else {
        rope::of_config(config, "full_attention", 10_000.0, head_dim.min(1 << 16))?.theta
    };
    let rope = rope::of_config(config, "sliding_attention", default, head_dim.min(1 << 16))?;
    if rope.scaling.factors.is_some() {
        return Err(EngineError::unsupported("滑动窗口层的旋转位置编码缩放"));
    }
    Ok(Some(SlidingWindow {
        tokens,
        layers: local,
        rope_theta: rope.theta,
    }))
}

/// For each layer, whether it has the window.
fn local_layers(
    config: &Value,
    architecture: Architecture,
    layers: usize,
) -> Result<Vec<bool>, EngineError> {
    let number = |key: &str| config.get(key).and_then(Value::as_u64).map(|v| v as usize);
    if let Some(types) = config.get("layer_types").and_then(Value::as_array) {
        let local = types.iter().map(|kind| match kind.as_str() {
            Some("sliding_attention") => Ok(true),
            Some("full_attention") => Ok(false),
            other => Err(EngineError::unsupported(format!("注意力层类型 {other:?}"))),
        });
        return local.collect();
    }
    Ok(match architecture {
        Architecture::Gemma3 => {
            let every = ["sliding_window_pattern", "_sliding_window_pattern"]
                .iter()
                .find_map(|key| number(key));
            let every = every.unwrap_or(6).max(1);
            (1..=layers).map(|layer| layer % every != 0).collect()
        }
        Architecture::Qwen2 | Architecture::Qwen3 => {
            // These families leave the window out unless it is asked for.
            let asked = config.get("use_sliding_window") == Some(&Value::Bool(true));
            let first = number("max_window_layers").filter(|_| asked);
            let first = first.unwrap_or(if asked { 0 } else { layers });
            (0..layers).map(|layer| layer >= first).collect()
        }
        Architecture::Llama | Architecture::Mistral => vec![true; layers],
    })
}
