"""Records what transformers computes with encoders: token ids, vectors and scores.

Usage: python encoder.py MINILM_FOLDER E5_FILE   (needs torch, transformers, tokenizers, safetensors)

MINILM_FOLDER holds config.json, tokenizer.json and model.safetensors of all-MiniLM-L6-v2; E5_FILE is
the 4-bit file of multilingual-e5-small. Writes `encoder.json` beside this script, and the tiny
random models that it describes into `encoder/`; tests/it/encoder.rs compares the engine with both.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

HERE = Path(__file__).parent
TEXTS = [
    "Hello, world!",
    "The scheduler of a computing centre decides which job runs where.",
    "  leading and   inner spaces\n\tand tabs ",
    "It's we'll they'RE naïve café",
    "企业开办时间缩短至1个工作日。",
    "政务服务事项网上可办率99.8%,联系电话0473-3998335",
    "此次公开征求意见的截止日期是2025年10月27日。",
    "算力券发放完成🙂!",
    "繁體字與日本語のテキスト、한국어",
    "ﬁ ½ Ⅷ ＦＵＬＬ　ｗｉｄｔｈ",
    "x",
    "which job runs where and why, " * 12,
]
PAIRS = [
    ["截止日期是哪天?", "此次公开征求意见的截止日期是2025年10月27日。"],
    ["截止日期是哪天?", "通过电话反馈意见应拨打0473-3998335。"],
    ["Which job runs where?", "The scheduler of a computing centre decides. " * 4],
    ["x", "y"],
]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rounded(values) -> list:
    return [round(float(v), 6) for v in values]


def bare(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def pooled(model, encoding, pooling: str):
    with torch.no_grad():
        ids = torch.tensor([encoding.ids])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        rows = model(**inputs).last_hidden_state[0]
    vector = {"mean": rows.mean(0), "cls": rows[0], "last": rows[-1]}[pooling]
    return torch.nn.functional.normalize(vector, dim=0)


def embedded(model, tokenizer, pooling: str, texts=TEXTS) -> list:
    cases = []
    for text in texts:
        encoding = tokenizer.encode(text)
        vector = rounded(pooled(model, encoding, pooling))
        cases.append({"text": text, "ids": encoding.ids, "vector": vector})
    return cases


def scored(model, tokenizer, types: bool) -> list:
    cases = []
    for query, document in PAIRS:
        encoding = tokenizer.encode(query, document)
        ids = torch.tensor([encoding.ids])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if types:
            inputs["token_type_ids"] = torch.tensor([encoding.type_ids])
        with torch.no_grad():
            logits = model(**inputs).logits[0]
        score = torch.sigmoid(logits[0]) if len(logits) == 1 else torch.softmax(logits, 0)[1]
        cases.append({"query": query, "document": document, "score": round(float(score), 6)})
    return cases


def characters() -> list:
    text = "".join(TEXTS) + "".join(q + d for q, d in PAIRS)
    text = normalizers.BertNormalizer(lowercase=True).normalize_str(text)
    # One character stays unknown.
    return sorted(set(text) - {" ", "🙂"})


def wordpiece() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = special + characters() + ["##" + c for c in characters()] + ["the", "##ing", "run"]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def unigram() -> Tokenizer:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(piece, 0.0) for piece in special]
    pieces += [("▁", -2.0), ("▁the", -3.5), ("ing", -3.0), ("job", -4.0), ("日期", -3.0)]
    pieces += [(c, -5.0 - i / 100) for i, c in enumerate(characters())]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer


def randomised(model):
    """Weights large enough that every part counts, rounded to f16 as they are stored."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if "LayerNorm.weight" in name:
                weight.copy_(1 + 0.1 * noise)
            elif weight.dim() == 1:
                weight.copy_(0.1 * noise)
            else:
                weight.copy_(noise * (1.0 if "embeddings" in name else weight.shape[1] ** -0.5))
    return model.half().float().eval()


def save(name: str, model, tokenizer: Tokenizer, files: dict) -> None:
    folder = HERE / "encoder" / name
    model.half().save_pretrained(folder)
    model.float()
    tokenizer.save(str(folder / "tokenizer.json"))
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content))


def tiny() -> list:
    shape = {"num_hidden_layers": 2, "intermediate_size": 80, "max_position_embeddings": 514}
    pooling = {"1_Pooling/config.json": {"pooling_mode_cls_token": True}}
    cases = []

    words, pieces = wordpiece(), unigram()
    bert = BertConfig(
        vocab_size=words.get_vocab_size(), hidden_size=48, num_attention_heads=4, **shape
    )
    model = randomised(BertModel(bert, add_pooling_layer=False))
    save("bert", model, words, pooling)
    cases.append({"name": "bert", "texts": embedded(model, words, "cls")})

    roberta = XLMRobertaConfig(
        vocab_size=pieces.get_vocab_size(), hidden_size=64, num_attention_heads=2,
        type_vocab_size=1, pad_token_id=1, hidden_act="gelu_new", **shape,
    )
    model = randomised(XLMRobertaModel(roberta, add_pooling_layer=False))
    save("xlm-roberta", model, pieces, {})
    cases.append({"name": "xlm-roberta", "texts": embedded(model, pieces, "mean")})

    bert.num_labels = 2
    model = randomised(BertForSequenceClassification(bert))
    save("bert-reranker", model, words, {})
    cases.append({"name": "bert-reranker", "pairs": scored(model, words, True)})

    roberta.num_labels = 1
    model = randomised(XLMRobertaForSequenceClassification(roberta))
    save("xlm-roberta-reranker", model, pieces, {})
    cases.append({"name": "xlm-roberta-reranker", "pairs": scored(model, pieces, False)})
    return cases


def minilm(folder: Path) -> dict:
    model = BertModel.from_pretrained(folder, add_pooling_layer=False).float().eval()
    tokenizer = bare(Tokenizer.from_file(str(folder / "tokenizer.json")))
    files = ["config.json", "tokenizer.json", "model.safetensors"]
    return {
        "files": {name: digest(folder / name) for name in files},
        "texts": embedded(model, tokenizer, "mean"),
    }


class E5:
    """Reads the file independently of the engine: numpy-free, one tensor at a time."""

    NAMES = {
        "attention.self.query": "q", "attention.self.key": "k", "attention.self.value": "v",
        "attention.output.dense": "ao", "attention.output.LayerNorm": "aln",
        "intermediate.dense": "fi", "output.dense": "fo", "output.LayerNorm": "oln",
    }

    def __init__(self, data: bytes):
        self.data, self.at = data, 8
        self.shape = self.take("<7i")
        self.eps, _ = self.take("<fi")
        count, self.begin, self.end, _, self.unknown = self.take("<5i")
        (length,) = self.take("<Q")
        starts, scores = self.take(f"<{count + 1}I"), self.take(f"<{count}f")
        blob = self.raw(length)
        self.pieces = {}
        for i, score in enumerate(scores):
            if score < 0:
                self.pieces[blob[starts[i] : starts[i + 1]].decode()] = (i, score)
        entries, _ = self.take("<iI")
        self.table = {}
        for _ in range(entries):
            code, others = self.take("<IB")
            self.table[chr(code)] = "".join(map(chr, self.take(f"<{others}I")))
        (tensors,) = self.take("<i")
        self.tensors = {}
        for _ in range(tensors):
            (length,) = self.take("<H")
            name = self.raw(length).decode()
            self.tensors[name] = self.take("<BIQQ")

    def raw(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def take(self, form: str) -> tuple:
        return struct.unpack(form, self.raw(struct.calcsize(form)))

    def tensor(self, name: str, shape) -> torch.Tensor:
        kind, _, offset, size = self.tensors[name]
        raw = torch.frombuffer(bytearray(self.data[offset : offset + size]), dtype=torch.uint8)
        if kind == 0:
            return raw.view(torch.float32).reshape(shape)
        blocks = raw.reshape(-1, 18)
        scales = blocks[:, :2].contiguous().view(torch.float16).float()
        codes = torch.cat([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], 1).float() - 8
        return (scales * codes).reshape(shape)

    def model(self) -> BertModel:
        hidden, layers, heads, inner, vocab, positions, types = self.shape
        config = BertConfig(
            hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
            intermediate_size=inner, vocab_size=vocab, max_position_embeddings=positions,
            type_vocab_size=types, layer_norm_eps=self.eps,
        )
        model = BertModel(config, add_pooling_layer=False).eval()
        embeddings = {
            "word_embeddings.weight": "emb.word", "position_embeddings.weight": "emb.pos",
            "token_type_embeddings.weight": "emb.type", "LayerNorm.weight": "emb.ln.w",
            "LayerNorm.bias": "emb.ln.b",
        }
        with torch.no_grad():
            for name, weight in model.named_parameters():
                parts = name.split(".", 1)[1]
                if name.startswith("embeddings."):
                    short = embeddings[parts]
                else:
                    _, layer, rest = parts.split(".", 2)
                    module, kind = rest.rsplit(".", 1)
                    short = f"l{layer}.{self.NAMES[module]}.{kind[0]}"
                weight.copy_(self.tensor(short, weight.shape))
        return model

    def tokens(self, text: str) -> list:
        """Best split into pieces by dynamic programming over the whole text."""
        text = "".join(self.table.get(c, c) for c in text)
        while "  " in text:
            text = text.replace("  ", " ")
        text = "▁" + text.removeprefix(" ").replace(" ", "▁")
        worst = min(score for _, score in self.pieces.values()) - 10
        longest = max(map(len, self.pieces))
        best = [(0.0, None, None)] + [(float("-inf"), None, None)] * len(text)
        for end in range(1, len(text) + 1):
            for start in range(max(0, end - longest), end):
                piece = self.pieces.get(text[start:end])
                if piece is None and end - start > 1:
                    continue
                token, score = piece or (self.unknown, worst)
                if best[start][0] + score > best[end][0]:
                    best[end] = (best[start][0] + score, start, token)
        out, at = [], len(text)
        while at > 0:
            out.append(best[at][2])
            at = best[at][1]
        return [self.begin, *reversed(out), self.end]


class Encoding:
    def __init__(self, ids: list):
        self.ids = ids


def e5(path: Path) -> dict:
    file = E5(path.read_bytes())
    model = file.model()
    cases = []
    for text in TEXTS:
        ids = file.tokens("query: " + text)
        vector = rounded(pooled(model, Encoding(ids), "mean"))
        cases.append({"text": text, "ids": ids, "vector": vector})
    return {"sha256": digest(path), "texts": cases}


def main() -> None:
    torch.set_num_threads(1)
    record = {
        "minilm": minilm(Path(sys.argv[1])),
        "e5": e5(Path(sys.argv[2])),
        "tiny": tiny(),
    }
    (HERE / "encoder.json").write_text(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
