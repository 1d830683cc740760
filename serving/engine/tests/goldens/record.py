"""Records what llama.cpp does with a GGUF file: token ids and greedy continuations.

Usage: python record.py MODEL.gguf OUTPUT.json   (needs the wheel `xllamacpp`, CPU only)

The output is compared with the engine by tests/it/goldens.rs. Greedy steps carry the log
probabilities of the two best tokens, so that a difference at a near tie can be told from
a wrong computation.
"""

import hashlib
import json
import sys
import urllib.request

import xllamacpp

TEXTS = [
    "Hello, world!",
    "The year 2024 had 366 days.",
    "  leading and   inner spaces\n\n\tand tabs\r\n",
    "It's we'll they'RE I'd",
    "企业开办时间缩短至1个工作日。",
    "政务服务事项网上可办率99.8%,联系电话0473—3998335",
    "算力券🎫发放👨‍👩‍👧‍👦完成🙂!",
    "繁體字與日本語のテキスト、한국어",
    "fn main() { println!(\"{}\", 1_000u64); }",
    "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n",
    "a<|endoftext|>b",
    "é ñ ü ﬁ ½ Ⅷ",
    "\u200bzero\u00a0width\u3000full",
    "…——《》「」【】",
    "x" * 40 + " " * 17 + "9" * 12,
    "https://example.gov.cn/a?b=c&d=%E4%BD%A0",
]

PROMPTS = [
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nWrite one sentence about the sea.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\n请用一句话介绍北京。<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\n列出三种水果，用JSON数组。<|im_end|>\n<|im_start|>assistant\n",
    "def fibonacci(n):\n",
]
NEW_TOKENS = 32


def main() -> None:
    path, output = sys.argv[1], sys.argv[2]
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 2048
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

    def ids(text: str) -> list:
        body = {"content": text, "add_special": True, "parse_special": True}
        return post("/tokenize", body)["tokens"]

    greedy = []
    for prompt in PROMPTS:
        reply = post(
            "/completion",
            {
                "prompt": ids(prompt),
                "n_predict": NEW_TOKENS,
                "temperature": 0,
                "n_probs": 2,
                "return_tokens": True,
                "cache_prompt": False,
            },
        )
        # The server reports no probabilities for tokens that end inside a character.
        known = iter(reply["completion_probabilities"])
        step = next(known, None)
        steps = []
        for token in reply["tokens"]:
            top = None
            if step is not None and step["id"] == token:
                top = [[t["id"], round(t["logprob"], 4)] for t in step["top_logprobs"]]
                step = next(known, None)
            steps.append({"token": token, "top": top})
        greedy.append({"prompt": prompt, "prompt_tokens": len(ids(prompt)), "steps": steps})

    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
    record = {
        "reference": f"llama.cpp by xllamacpp {xllamacpp.__version__}, CPU",
        "model_sha256": digest,
        "tokenizer": [{"text": text, "ids": ids(text)} for text in TEXTS],
        "greedy": greedy,
    }
    with open(output, "w", encoding="utf-8") as file:
        json.dump(record, file, ensure_ascii=False, indent=1)
        file.write("\n")


main()
