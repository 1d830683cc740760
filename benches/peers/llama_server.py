"""llama.cpp's own OpenAI endpoint as the peer of `zhisuan-bench serve`.

Usage: python llama_server.py MODEL.gguf THREADS CONTEXT STREAMS   (needs the wheel `xllamacpp`)

Prints one line {"name", "url", "pid"} and serves until its standard input ends. CONTEXT is per stream.
"""

import json
import os
import sys

import xllamacpp


def main() -> None:
    model, threads, context, streams = sys.argv[1], *map(int, sys.argv[2:5])
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = context * streams
    params.n_parallel = streams
    params.cont_batching = True
    params.cache_prompt = False
    params.warmup = True
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    ready = {
        "name": f"llama.cpp (xllamacpp {xllamacpp.__version__})",
        "url": server.listening_address + "/v1",
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)
    sys.stdin.read()


main()
