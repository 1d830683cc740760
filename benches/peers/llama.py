"""llama.cpp as the peer of `zhisuan-bench engine`.

Usage: python llama.py MODEL.gguf THREADS CONTEXT STREAMS   (needs the wheel `xllamacpp`)

Reads one JSON object per line: {"prompt": [ids], "tokens": n, "streams": k}. Answers with one line:
{"prefill_ms", "decode_ms", "wall_ms"}. The first two are llama.cpp's own timings of one stream
(without HTTP); wall_ms is taken here around all streams.
"""

import json
import sys
import threading
import time
import urllib.request

import xllamacpp


def main() -> None:
    model, threads, context, streams = sys.argv[1], *map(int, sys.argv[2:5])
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = context * streams
    params.n_parallel = streams
    params.warmup = True
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)

    def complete(prompt: list, tokens: int) -> dict:
        body = {
            "prompt": prompt,
            "n_predict": tokens,
            "temperature": 0,
            "ignore_eos": True,
            "cache_prompt": False,
        }
        request = urllib.request.Request(
            server.listening_address + "/completion",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def say(answer: dict) -> None:
        print(json.dumps(answer), flush=True)

    say({"name": f"llama.cpp (xllamacpp {xllamacpp.__version__})"})
    for line in sys.stdin:
        question = json.loads(line)
        replies = []

        def one() -> None:
            replies.append(complete(question["prompt"], question["tokens"]))

        callers = [threading.Thread(target=one) for _ in range(question["streams"])]
        begin = time.perf_counter()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        wall_ms = (time.perf_counter() - begin) * 1000
        if len(replies) != question["streams"]:
            sys.exit("a request failed")
        timings = replies[0]["timings"]
        # llama.cpp counts the first token to the prompt; the rest are predicted_n - 1 steps.
        if timings["prompt_n"] != len(question["prompt"]):
            sys.exit(f"the peer read {timings['prompt_n']} tokens of {len(question['prompt'])}")
        if timings["predicted_n"] != question["tokens"]:
            sys.exit(f"the peer wrote {timings['predicted_n']} tokens of {question['tokens']}")
        say(
            {
                "prefill_ms": timings["prompt_ms"],
                "decode_ms": timings["predicted_ms"],
                "wall_ms": wall_ms,
            }
        )


main()
