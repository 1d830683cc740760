#!/usr/bin/env python3
"""Trains the reader (serving/apps/src/answer/evidence/reader.rs): whether a sentence answers.

    zhisuan eval qa --embedder multilingual-e5-small --file qa-train.jsonl --samples train.jsonl
    python3 examples/evaluation/train.py train.jsonl tune.jsonl … [--held held.jsonl] [--write reader.txt]

Needs numpy, jax and optax. Of a question and the sentences that come nearest, the network must pick
one that holds the evidence, or nothing where none does (softmax with a null). Without --write it
only reports: on --held, or on folds by document. The bar is the one that a share of the near misses
passes in those folds, of what the product adds up: the odds of the likeliest sentence and those of
the gate (gate.rs) for the best one by words.
"""

import argparse
import json
import math
import pathlib
import random
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax

WIDTH, RANK, HIDDEN, FEATURES, MOST = 384, 256, 64, 11, 10
FOLDS, EPOCHS, BATCH, RATE, DECAY, DROPPED = 5, 16, 32, 1e-3, 0.1, 0.25
PASSING = 1 / 8
GATE = pathlib.Path(__file__).resolve().parents[2] / "serving/apps/src/answer/evidence/gate.rs"


def gate():
    """Weights of the gate's signals."""
    found = re.search(r"const WEIGHTS: .*? = \[(.*?)\];", GATE.read_text(encoding="utf-8"))
    return np.array([float(weight) for weight in found[1].split(",")])


def holds(sentence, evidence):
    """Whether a folded sentence is or has a part of the evidence that tells."""
    return any(
        part in sentence
        or (len(sentence) >= 8 and sentence in part)
        or (len(part) >= 10 and part[:10] in sentence)
        for part in evidence
    )


def load(path):
    cases = []
    for line in open(path, encoding="utf-8"):
        case = json.loads(line)
        seen = case["sentences"][:MOST]
        if not case["vector"] or not seen:
            continue
        gold = [s["document"] in case["documents"] and holds(s["sentence"], case["evidence"]) for s in seen]
        cases.append(
            {
                "file": path,
                "document": case["document"],
                "answerable": bool(case["documents"]),
                "near_miss": case["near_miss"],
                "question": np.array(case["vector"], np.float32),
                "sentences": np.array([s["vector"] for s in seen], np.float32),
                "features": np.array([s["features"] for s in seen], np.float32),
                "texts": np.array([s["text"] for s in seen]),
                "gold": np.array(gold),
            }
        )
    return cases


def normal(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-30)


class Scales:
    """What vectors and features are centred and scaled by."""

    def __init__(self, cases):
        rows = np.concatenate([normal(c["sentences"]) for c in cases])
        self.centre = (rows.mean(0) + np.mean([normal(c["question"]) for c in cases], 0)) / 2
        all_features = np.concatenate([self.seen(c)[2] for c in cases])
        self.mean, self.spread = all_features.mean(0), all_features.std(0) + 1e-3

    def seen(self, case):
        question = normal(normal(case["question"]) - self.centre)
        sentences = normal(normal(case["sentences"]) - self.centre)
        cosine = sentences @ question
        return question, sentences, np.concatenate([case["features"], cosine[:, None]], 1)

    def batch(self, cases):
        size = (len(cases), MOST)
        question, sentence = np.zeros((*size, WIDTH), np.float32), np.zeros((*size, WIDTH), np.float32)
        features = np.zeros((*size, FEATURES + 1), np.float32)
        gold, there = np.zeros(size), np.zeros(size)
        for at, case in enumerate(cases):
            q, s, f = self.seen(case)
            count = len(s)
            question[at, :count], sentence[at, :count] = q, s
            features[at, :count] = (f - self.mean) / self.spread
            gold[at, :count], there[at, :count] = case["gold"], 1
        return question, sentence, features, gold, there


def network(weights, question, sentence, features, key=None):
    q, s = question @ weights["projection"].T, sentence @ weights["projection"].T
    seen = jnp.concatenate([q * s, jnp.abs(q - s), features], -1)
    if key is not None:
        seen = seen * jax.random.bernoulli(key, 1 - DROPPED, seen.shape) / (1 - DROPPED)
    hidden = jax.nn.gelu(seen @ weights["hidden"].T + weights["bias"])
    return hidden @ weights["out"] + features @ weights["direct"] + weights["level"]


def loss(weights, batch, key):
    question, sentence, features, gold, there = batch
    odds = jnp.where(there > 0, network(weights, question, sentence, features, key), -1e9)
    chances = jax.nn.log_softmax(jnp.concatenate([jnp.zeros((len(odds), 1)), odds], 1), -1)
    right = jax.nn.logsumexp(jnp.where(gold > 0, chances[:, 1:], -1e9), -1)
    return -jnp.where(gold.sum(1) > 0, right, chances[:, 0]).mean()


def train(cases, seed):
    # Where the evidence is not among the sentences there is nothing to learn.
    cases = [c for c in cases if not c["answerable"] or c["gold"].any()]
    scales = Scales(cases)
    draw = np.random.default_rng(seed)
    seen = 2 * RANK + FEATURES + 1
    matrix = lambda rows, columns: jnp.asarray(
        draw.normal(0, 1 / math.sqrt(columns), (rows, columns)), jnp.float32
    )
    weights = {
        "projection": matrix(RANK, WIDTH) * 3,
        "hidden": matrix(HIDDEN, seen),
        "bias": jnp.zeros(HIDDEN),
        "out": matrix(1, HIDDEN)[0] * 0.3,
        "direct": jnp.zeros(FEATURES + 1),
        "level": jnp.zeros(()),
    }
    steps = EPOCHS * (len(cases) // BATCH)
    optimiser = optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=DECAY)
    state = optimiser.init(weights)

    @jax.jit
    def step(weights, state, batch, key):
        slope = jax.grad(loss)(weights, batch, key)
        updates, state = optimiser.update(slope, state, weights)
        return optax.apply_updates(weights, updates), state

    order, key = random.Random(seed), jax.random.PRNGKey(seed)
    for _ in range(EPOCHS):
        order.shuffle(cases)
        for at in range(0, len(cases) - BATCH + 1, BATCH):
            key, now = jax.random.split(key)
            weights, state = step(weights, state, scales.batch(cases[at : at + BATCH]), now)
    return scales, jax.tree.map(np.asarray, weights)


def score(model, cases):
    """Odds of every sentence of every case."""
    scales, weights = model
    question, sentence, features, _, there = scales.batch(cases)
    odds = np.asarray(network(weights, question, sentence, features))
    return [row[mask > 0] for row, mask in zip(odds, there)]


def summed(case, odds):
    """The likeliest sentence's odds and the gate's for the best one by words, which comes first."""
    weights = gate()
    return odds.max() + float(case["features"][0][: len(weights)] @ weights)


def report(name, cases, scores, bar):
    best = np.array([summed(case, odds) for case, odds in zip(cases, scores)])
    answerable = np.array([c["answerable"] for c in cases])
    near = np.array([c["near_miss"] for c in cases])
    yes, no = best[answerable], best[~answerable]
    area = (yes[:, None] > no).mean()
    right = np.mean([c["gold"][s.argmax()] for c, s in zip(cases, scores) if c["answerable"]])
    first = np.mean([c["gold"][0] for c in cases if c["answerable"]])
    print(
        f"{name}: {len(yes)} answerable, {near.sum()} near misses, area {area:.3f}; "
        f"refused {(yes < bar).mean():.3f}, near misses refused {(best[near] < bar).mean():.3f}; "
        f"likeliest sentence right {right:.3f}, first by words {first:.3f}"
    )


def rows(name, matrix):
    """Each row as a scale and whole numbers."""
    yield name
    steps = 127 if matrix.ndim == 2 else 32_000
    for row in np.atleast_2d(matrix):
        scale = float(np.abs(row).max()) / steps or 1.0
        yield " ".join([f"{scale:.6e}", *(str(round(float(v) / scale)) for v in row)])


def written(model, bar):
    scales, weights = model
    hidden = np.concatenate([weights["hidden"], weights["bias"][:, None]], 1)
    out = np.concatenate([weights["out"], weights["direct"], [weights["level"]]])
    parts = {
        "centre": scales.centre, "projection": weights["projection"], "mean": scales.mean,
        "spread": scales.spread, "hidden": hidden, "out": out, "bar": np.array([bar]),
    }
    return "\n".join(line for name, part in parts.items() for line in rows(name, part)) + "\n"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("files", nargs="+")
    options.add_argument("--held", nargs="*", default=[])
    options.add_argument("--write")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    cases = [case for path in given.files for case in load(path)]
    documents = sorted({case["document"] for case in cases})
    fold = {document: at % FOLDS for at, document in enumerate(documents)}
    scores = [None] * len(cases)
    for held in range(FOLDS):
        model = train([c for c in cases if fold[c["document"]] != held], given.seed)
        at = [n for n, c in enumerate(cases) if fold[c["document"]] == held]
        for n, own in zip(at, score(model, [cases[n] for n in at])):
            scores[n] = own
    near = [summed(c, odds) for c, odds in zip(cases, scores) if c["near_miss"]]
    near.sort(reverse=True)
    bar = float(near[int(len(near) * PASSING)]) + 1e-6
    for path in given.files:
        at = [n for n, c in enumerate(cases) if c["file"] == path]
        report(f"folds, {path}", [cases[n] for n in at], [scores[n] for n in at], bar)
    model = train(cases, given.seed)
    for path in given.held:
        held = load(path)
        report(f"held, {path}", held, score(model, held), bar)
    if given.write:
        with open(given.write, "w", encoding="ascii") as file:
            file.write(written(model, bar))
    print(f"bar {bar:+.2f}")


if __name__ == "__main__":
    main()
