"""Peer of `zhisuan-bench qa`: BM25 of the library bm25s over jieba's words, one JSON line per question.

Usage: python bm25_peer.py PASSAGES.jsonl   (needs bm25s, jieba, numpy)

It only finds passages; it answers nothing. Words are those of jieba's search mode.
"""

import json
import resource
import sys
import time

import bm25s
import jieba


def words(text: str) -> list:
    return [word for word in jieba.cut_for_search(text) if word.strip()]


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as lines:
        passages = [json.loads(line) for line in lines]
    jieba.initialize()
    begin = time.perf_counter()
    index = bm25s.BM25()
    index.index([words(text) for text in passages], show_progress=False)
    built = time.perf_counter() - begin
    print(json.dumps({"name": f"bm25s {bm25s.__version__} with jieba {jieba.__version__}"}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)["question"]
        begin = time.perf_counter()
        found, _ = index.retrieve([words(question)], k=5, show_progress=False)
        taken = (time.perf_counter() - begin) * 1000
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer = {"ms": taken, "found": [int(at) for at in found[0]], "built_s": built, "memory_mib": memory}
        print(json.dumps(answer), flush=True)


main()
