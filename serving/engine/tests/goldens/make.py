"""Makes tiny random models of every decoder family and records what `transformers` computes.

Usage: python make.py FOLDER [CASE...]   (needs `torch`, `transformers`, `safetensors`; recorded with the
versions that each golden names, CPU, f32)

For each case FOLDER/<case>/ gets `config.json`, `model.safetensors`, `tokenizer.json` (one
token for each byte), `logits.f32` (all positions of a prompt, little-endian rows) and
`golden.json` (prompt and greedy continuation). The engine's `model::golden_tests` compares.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers

VOCAB = 256
PROMPT = [(i * 37 + 11) % VOCAB for i in range(45)]
NEW_TOKENS = 12

COMMON = {
    "vocab_size": VOCAB,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "max_position_embeddings": 512,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": None,
    "attention_dropout": 0.0,
}

# Case: (model class, config class, own settings). Heads and ratios are odd on purpose.
CASES = {
    "llama": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {"hidden_size": 60, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 12,
         "tie_word_embeddings": False, "rms_norm_eps": 1e-5},
    ),
    "llama3-rope": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 16,
         "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
         "rope_scaling": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0,
                          "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                          "original_max_position_embeddings": 64}},
    ),
    "llama-linear-rope": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16,
         "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
         "rope_scaling": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}},
    ),
    "mistral-window": (
        "MistralForCausalLM",
        "MistralConfig",
        {"hidden_size": 60, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 8,
         "tie_word_embeddings": False, "rms_norm_eps": 1e-5, "sliding_window": 7},
    ),
    "qwen2": (
        "Qwen2ForCausalLM",
        "Qwen2Config",
        {"num_attention_heads": 7, "num_key_value_heads": 1, "hidden_size": 56,
         "tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    ),
    "qwen3": (
        "Qwen3ForCausalLM",
        "Qwen3Config",
        {"num_attention_heads": 10, "num_key_value_heads": 2, "head_dim": 16,
         "tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    ),
    "qwen3-yarn": (
        "Qwen3ForCausalLM",
        "Qwen3Config",
        {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
         "tie_word_embeddings": True,
         "rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
                             "original_max_position_embeddings": 128}},
    ),
    "llama-yarn": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 16,
         "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
         "rope_parameters": {"rope_type": "yarn", "rope_theta": 5e5, "factor": 8.0,
                             "original_max_position_embeddings": 64, "beta_fast": 8.0,
                             "beta_slow": 2.0, "attention_factor": 0.9, "truncate": False}},
    ),
    "gemma3": (
        "Gemma3ForCausalLM",
        "Gemma3TextConfig",
        {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 24,
         "num_hidden_layers": 3, "sliding_window": 9,
         "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
         "query_pre_attn_scalar": 20,
         "rope_parameters": {
             "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e6},
             "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    ),
}

# The others are stored as f32; all are computed in f32.
STORED = {"llama-linear-rope": torch.float16, "mistral-window": torch.bfloat16}


def tokenizer() -> dict:
    """One token for each byte, in the byte-level alphabet."""
    alphabet, following = {}, 256
    for byte in range(256):
        printable = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255
        alphabet[chr(byte if printable else following)] = byte
        following += 0 if printable else 1
    step = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": step, "post_processor": None, "decoder": step,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": alphabet, "merges": []},
    }


def scatter(model: torch.nn.Module) -> None:
    """Weights so large that the layers, not the embeddings, decide; the same on every run."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.rand(weight.shape, generator=generator) * 2 - 1
            if name.endswith("norm.weight"):
                weight.add_(noise * 0.3)
            elif "embed_tokens" in name:
                weight.copy_(noise * 0.15)
            elif weight.dim() == 2:
                large = "o_proj" in name or "down_proj" in name
                weight.copy_(noise * (6.0 if large else 1.7) / weight.shape[1] ** 0.5)
            else:
                weight.copy_(noise * 0.6)


def record(case: str, folder: Path) -> None:
    model_class, config_class, own = CASES[case]
    config = getattr(transformers, config_class)(**{**COMMON, **own})
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = getattr(transformers, model_class)(config).float().eval()
    scatter(model)
    model.tie_weights()
    model.to(STORED.get(case, torch.float32)).save_pretrained(folder)
    model.float()
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False))
    ids = torch.tensor([PROMPT])
    with torch.no_grad():
        logits = model(ids, use_cache=False).logits[0].float().numpy().astype("<f4")
        tokens, steps = list(PROMPT), []
        for _ in range(NEW_TOKENS):
            row = model(torch.tensor([tokens]), use_cache=False).logits[0, -1].float()
            best = torch.topk(row, 2)
            steps.append({"token": int(best.indices[0]), "gap": float(best.values[0] - best.values[1])})
            tokens.append(steps[-1]["token"])
    (folder / "logits.f32").write_bytes(np.ascontiguousarray(logits).tobytes())
    golden = {
        "reference": f"transformers {transformers.__version__}, torch {torch.__version__}, f32",
        "prompt": PROMPT,
        "greedy": steps,
    }
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{case}: {size} bytes, logits up to {np.abs(logits).max():.2f}")


def main() -> None:
    root = Path(sys.argv[1])
    for case in sys.argv[2:] or CASES:
        folder = root / case
        folder.mkdir(parents=True, exist_ok=True)
        record(case, folder)


if __name__ == "__main__":
    main()
