"""Records llama.cpp's 20 likeliest next tokens at many positions of fixed texts.

Usage: python likely.py MODEL.gguf OUTPUT.json   (needs the wheel `xllamacpp`, CPU only)

Every position is asked on its own: the text's tokens up to it are the prompt, so the engine
under test sees exactly what llama.cpp saw. Compared by tests/it/likely.rs.
"""

import hashlib
import json
import sys
import urllib.request

import xllamacpp

TEXTS = [
    "The committee met on Tuesday to discuss the new library. Several members asked how long "
    "the building would take, what it would cost, and whether the old reading room could stay open.",
    "def merge(left, right):\n    result = []\n    while left and right:\n        if left[0] < right[0]:\n"
    "            result.append(left.pop(0))\n        else:\n            result.append(right.pop(0))\n    return result\n",
    "办理居住证需要携带本人身份证、近期照片和居住地址证明材料，到居住地派出所或者受委托的社区服务机构申请，"
    "材料齐全的，当场受理，十五个工作日内领取。",
    "<|im_start|>user\n请说明企业开办的三个步骤。<|im_end|>\n<|im_start|>assistant\n企业开办一般分为三步：第一步，",
]
FIRST, STRIDE, TOP = 4, 3, 20


def main() -> None:
    path, output = sys.argv[1], sys.argv[2]
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 1024
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = 2
    server = xllamacpp.Server(params)

    def post(route: str, body: dict) -> dict:
        request = urllib.request.Request(
            server.listening_address + route,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    texts = []
    for text in TEXTS:
        ids = post("/tokenize", {"content": text, "add_special": True, "parse_special": True})["tokens"]
        positions = []
        for at in range(FIRST, len(ids) + 1, STRIDE):
            body = {
                "prompt": ids[:at],
                "n_predict": 1,
                "temperature": 0,
                "n_probs": TOP,
                "cache_prompt": False,
                "ignore_eos": False,
            }
            probabilities = post("/completion", body).get("completion_probabilities") or []
            # Nothing is reported for a token that ends inside a character.
            if probabilities:
                top = probabilities[0]["top_logprobs"]
                positions.append([at, [[one["id"], round(one["logprob"], 4)] for one in top]])
        texts.append({"ids": ids, "positions": positions})

    record = {
        "reference": f"llama.cpp by xllamacpp {xllamacpp.__version__}, CPU",
        "model_sha256": hashlib.sha256(open(path, "rb").read()).hexdigest(),
        "texts": texts,
    }
    with open(output, "w", encoding="utf-8") as file:
        json.dump(record, file, separators=(",", ":"))
        file.write("\n")


main()
