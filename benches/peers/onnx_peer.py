"""Peer of `zhisuan-bench embed`: ONNX Runtime on the same model and texts, one JSON line per question.

Usage: python onnx_peer.py FOLDER THREADS   (needs onnx, onnxruntime, safetensors, tokenizers, numpy)

The graph is built from the folder's weights with ONNX Runtime's own fused operators for BERT (Attention,
SkipLayerNormalization, BiasGelu), the form that its optimiser makes of an exported model. Texts are tokenised
by `tokenizers` here too, and padded to the longest of a batch.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer


class Graph:
    def __init__(self, weights: dict):
        self.weights, self.nodes, self.constants = weights, [], []

    def constant(self, name: str, value) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list, domain: str = "", **attributes) -> str:
        out = f"n{len(self.nodes)}"
        node = helper.make_node(kind, inputs, [out], name=out, domain=domain, **attributes)
        self.nodes.append(node)
        return out

    def fused(self, kind: str, inputs: list, **attributes) -> str:
        return self.add(kind, inputs, "com.microsoft", **attributes)

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name].astype(np.float32))

    def matmul(self, x: str, name: str) -> str:
        return self.add("MatMul", [x, self.constant(name, self.weights[name].T.astype(np.float32))])


def build(folder: Path) -> onnx.ModelProto:
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    graph, eps = Graph(weights), config["layer_norm_eps"]
    words = graph.add("Gather", [graph.weight("embeddings.word_embeddings.weight"), "ids"])
    count = graph.add("Shape", ["ids"], start=1, end=2)
    table = graph.weight("embeddings.position_embeddings.weight")
    zero, one = (graph.constant(f"{v}", np.array([v], np.int64)) for v in (0, 1))
    positions = graph.add("Slice", [table, zero, count, zero])
    kind = graph.constant("type", weights["embeddings.token_type_embeddings.weight"][0])
    x = graph.add("Add", [graph.add("Add", [words, positions]), kind])
    norm = [graph.weight("embeddings.LayerNorm.weight"), graph.weight("embeddings.LayerNorm.bias")]
    x = graph.add("LayerNormalization", [x, *norm], epsilon=eps)
    for layer in range(config["num_hidden_layers"]):
        part = f"encoder.layer.{layer}."
        own = [part + f"attention.self.{name}" for name in ("query", "key", "value")]
        qkv = np.concatenate([weights[name + ".weight"].T for name in own], 1)
        bias = np.concatenate([weights[name + ".bias"] for name in own])
        inputs = [x, graph.constant(part + "qkv", qkv), graph.constant(part + "bias", bias), "mask"]
        y = graph.fused("Attention", inputs, num_heads=config["num_attention_heads"])
        for name in ("attention.output", "output"):
            if name == "output":
                y = graph.matmul(x, part + "intermediate.dense.weight")
                y = graph.fused("BiasGelu", [y, graph.weight(part + "intermediate.dense.bias")])
            name = part + name
            y = graph.matmul(y, name + ".dense.weight")
            norm = [graph.weight(f"{name}.LayerNorm.{kind}") for kind in ("weight", "bias")]
            inputs = [y, x, *norm, graph.weight(name + ".dense.bias")]
            x = graph.fused("SkipLayerNormalization", inputs, epsilon=eps)
    mask = graph.add("Unsqueeze", [graph.add("Cast", ["mask"], to=TensorProto.FLOAT), graph.constant("last", np.array([2], np.int64))])
    total = graph.add("ReduceSum", [graph.add("Mul", [x, mask]), one], keepdims=0)
    mean = graph.add("Div", [total, graph.add("ReduceSum", [mask, one], keepdims=0)])
    graph.nodes.append(helper.make_node("LpNormalization", [mean], ["vector"], axis=1, p=2))
    shape = ["batch", "length"]
    made = helper.make_graph(
        graph.nodes,
        "bert",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, shape),
            helper.make_tensor_value_info("mask", TensorProto.INT32, shape),
        ],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", config["hidden_size"]])],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def main() -> None:
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    # Its threads are not among those that were asked for.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    model = build(folder).SerializeToString()
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    print(json.dumps({"name": f"ONNX Runtime {ort.__version__} (f32)"}), flush=True)
    for line in sys.stdin:
        texts = json.loads(line)["texts"]
        begin = time.perf_counter()
        encodings = tokenizer.encode_batch(texts)
        inputs = {
            "ids": np.array([e.ids for e in encodings], np.int64),
            "mask": np.array([e.attention_mask for e in encodings], np.int32),
        }
        (vectors,) = session.run(None, inputs)
        seconds = time.perf_counter() - begin
        print(json.dumps({"ms": 1000 * seconds, "first": vectors[0].tolist()}), flush=True)


main()
