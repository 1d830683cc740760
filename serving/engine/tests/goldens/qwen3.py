"""Makes a tiny random Qwen3 and records its scores as a reranker and its vectors as an embedding
model, computed as the model cards of Qwen3-Reranker and Qwen3-Embedding show.

Usage: python qwen3.py   (needs `torch`, `transformers`, `safetensors`; the golden names versions)

Writes `qwen3/` beside this script: the model, `tokenizer.json`, the same tokenizer with an end
token after each text (`tokenizer-embedding.json`), and `golden.json`. tests/it/qwen3.rs puts the
folders of both models together and compares.
"""

import json
from pathlib import Path

import torch
import transformers

import make

HERE = Path(__file__).parent / "qwen3"
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKUP = ["<think>", "</think>"]
WORDS = [("y", "e"), ("ye", "s"), ("n", "o")]

PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n"
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
INSTRUCT = "Given a web search query, retrieve relevant passages that answer the query"
QUERY = "算力券什么时候发放?"
DOCUMENTS = [
    "算力券于每季度第一周发放。",
    "The weather in Hohhot is dry and windy.",
    "yes",
    "no no no",
    "A longer document about computing vouchers, their value and their owners. " * 3,
]
TEXTS = ["hello", "What is the capital of China?", "北京是中国的首都。", "x", "yes " * 40]


def tokenizer(ends: bool) -> dict:
    """One token for each byte, the words yes and no, control tokens; with or without an end."""
    base = make.tokenizer()
    vocab = base["model"]["vocab"]
    for left, right in WORDS:
        vocab[left + right] = len(vocab)
    base["model"]["merges"] = [f"{left} {right}" for left, right in WORDS]
    for text in CONTROL + MARKUP:
        base["added_tokens"].append({
            "id": len(vocab) + len(base["added_tokens"]), "content": text, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False, "special": text in CONTROL,
        })
    if ends:
        end = base["added_tokens"][0]
        sequence = lambda name: {"Sequence": {"id": name, "type_id": 0}}
        token = {"SpecialToken": {"id": end["content"], "type_id": 0}}
        base["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [sequence("A"), token],
            "pair": [sequence("A"), token, sequence("B"), token],
            "special_tokens": {end["content"]: {
                "id": end["content"], "ids": [end["id"]], "tokens": [end["content"]]}},
        }
    return base


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for ends, name in [(False, "tokenizer.json"), (True, "tokenizer-embedding.json")]:
        (HERE / name).write_text(json.dumps(tokenizer(ends), ensure_ascii=False) + "\n")
    load = lambda name: transformers.PreTrainedTokenizerFast(tokenizer_file=str(HERE / name))
    plain, ending = load("tokenizer.json"), load("tokenizer-embedding.json")
    config = transformers.Qwen3Config(**{
        **make.COMMON, "vocab_size": 264, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 16, "max_position_embeddings": 1024, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}})
    config._attn_implementation = "eager"
    model = transformers.Qwen3ForCausalLM(config).float().eval()
    make.scatter(model)
    model.tie_weights()
    model.half().save_pretrained(HERE)
    model.float()
    (HERE / "generation_config.json").unlink(missing_ok=True)
    yes, no = (plain.convert_tokens_to_ids(word) for word in ("yes", "no"))
    encode = lambda text: plain.encode(text, add_special_tokens=False)
    scores, vectors = [], []
    with torch.no_grad():
        for document in DOCUMENTS:
            asked = f"<Instruct>: {INSTRUCT}\n<Query>: {QUERY}\n<Document>: {document}"
            ids = encode(PREFIX) + encode(asked) + encode(SUFFIX)
            logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
            pair = torch.log_softmax(torch.stack([logits[no], logits[yes]]), dim=0)
            scores.append({"document": document, "tokens": len(ids), "score": float(pair[1].exp())})
        for text in TEXTS:
            ids = ending.encode(text)
            assert ids[-1] == ending.convert_tokens_to_ids(CONTROL[0])
            state = model.model(torch.tensor([ids]), use_cache=False).last_hidden_state[0, -1]
            vector = torch.nn.functional.normalize(state, dim=0)
            vectors.append({"text": text, "ids": ids, "vector": [round(float(v), 6) for v in vector]})
    golden = {
        "reference": f"transformers {transformers.__version__}, torch {torch.__version__}, f32",
        "query": QUERY, "scores": scores, "vectors": vectors,
    }
    (HERE / "golden.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")
    print([round(one["score"], 4) for one in scores])


if __name__ == "__main__":
    main()
