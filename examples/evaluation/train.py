#!/usr/bin/env python3
"""Trains the readers (serving/apps/src/answer/evidence/reader.rs): whether a sentence answers.

    zhisuan eval qa --embedder multilingual-e5-small --file qa-train.jsonl --samples train.jsonl
    python3 examples/evaluation/train.py train.jsonl=3 bank.jsonl … [--held held.jsonl] [--write reader.txt]

Needs numpy, jax and optax. Of a question and the sentences that come nearest, the network must pick
one that holds the evidence, or nothing where none does (softmax with a null). A number behind `=`
says how often a file counts. Without --write it only reports: on --held, and on folds by document
of the files before `--more`, whose questions are only learned from. The bar is the one that a share
of the near misses passes in those folds. With --words the network gets no vectors, and a part of what
the gate says of a text counts beside it, as it does at work for texts that the bank knows
(serving/apps/src/answer/rank.rs); of others the gate alone judges there.
"""

import argparse
import json
import math
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax

WIDTH, RANK, HIDDEN, FEATURES, MOST = 384, 256, 64, 21, 24
ANSWER = pathlib.Path(__file__).resolve().parents[2] / "serving/apps/src/answer"
FOLDS, BATCH, RATE, DECAY, DROPPED = 5, 64, 1e-3, 0.1, 0.25


def holds(sentence, evidence):
    """Whether a folded sentence is or has a part of the evidence that tells."""
    return any(
        part in sentence
        or (len(sentence) >= 8 and sentence in part)
        or (len(part) >= 10 and part[:10] in sentence)
        for part in evidence
    )


def constants(path, *names):
    """Numbers of a source file by their names; lists come as lists."""
    text = (ANSWER / path).read_text(encoding="utf-8")
    for name in names:
        yield json.loads(re.search(rf"^const {name}: [^=]* = ([^;]*);", text, re.M)[1])


def beside(sentences):
    """What the gate adds for the text of each sentence: it judges the first one of each text."""
    weights, bar = constants("evidence/gate.rs", "WEIGHTS", "BAR")
    (share,) = constants("rank.rs", "GATE_BESIDE")
    first = {}
    for s in sentences:
        first.setdefault(s["text"], sum(w * x for w, x in zip(weights, s["features"])) - bar)
    return np.array([max(0.0, share * first[s["text"]]) for s in sentences])


class Cases:
    """Questions with the sentences read for each; vectors of sentences are kept once."""

    def __init__(self, words):
        self.words = words
        self.vectors, self.places = [np.zeros(WIDTH, np.float32)], {}
        self.all = []

    def load(self, path, name=None):
        own = {}
        begin = len(self.all)
        for line in open(path, encoding="utf-8"):
            case = json.loads(line)
            base = case["document"].startswith("seed")
            for s in case["sentences"]:
                if s["vector"]:
                    own[base, tuple(s["key"])] = len(self.vectors)
                    self.vectors.append(np.array(s["vector"], np.float32))
            seen = case["sentences"][:MOST]
            if not seen or not (case["vector"] or self.words):
                continue
            self.all.append(
                {
                    "file": name or path,
                    "id": case["id"],
                    "document": case["document"],
                    "answerable": bool(case["documents"]),
                    "near_miss": case["near_miss"],
                    "question": np.array(case["vector"] or np.zeros(WIDTH), np.float32),
                    "sentences": [own.get((base, tuple(s["key"])), 0) for s in seen],
                    "beside": beside(seen) if self.words else np.zeros(len(seen)),
                    "features": np.array([s["features"] for s in seen], np.float32),
                    "gold": np.array(
                        [s["document"] in case["documents"] and holds(s["sentence"], case["evidence"]) for s in seen]
                    ),
                }
            )
        return self.all[begin:]


def normal(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-30)


class Scales:
    """What vectors and features are centred and scaled by."""

    def __init__(self, cases, vectors):
        used = sorted({at for c in cases for at in c["sentences"]})
        questions = normal(np.array([c["question"] for c in cases]))
        self.centre = (normal(vectors[used]).mean(0) + questions.mean(0)) / 2
        self.mean, self.spread = np.zeros(FEATURES + 1, np.float32), np.ones(FEATURES + 1, np.float32)
        features = np.concatenate(self.arrays(cases, vectors, raw=True)[2])
        features = features[np.abs(features).sum(-1) > 0]
        self.mean, self.spread = features.mean(0), features.std(0) + 1e-3

    def arrays(self, cases, vectors, raw=False):
        size = (len(cases), MOST)
        self.table = normal(normal(vectors) - self.centre) * (np.abs(vectors).sum(-1, keepdims=True) > 0)
        place = np.zeros(size, np.int32)
        features = np.zeros((*size, FEATURES + 1), np.float32)
        gold, there = np.zeros(size, np.float32), np.zeros(size, np.float32)
        question = np.array([c["question"] for c in cases])
        question = normal(normal(question) - self.centre) * (np.abs(question).sum(-1, keepdims=True) > 0)
        for at, case in enumerate(cases):
            count = len(case["sentences"])
            place[at, :count] = case["sentences"]
            cosine = self.table[case["sentences"]] @ question[at]
            own = np.concatenate([case["features"], cosine[:, None]], 1)
            features[at, :count] = own if raw else (own - self.mean) / self.spread
            gold[at, :count], there[at, :count] = case["gold"], 1
        return question.astype(np.float32), place, features, gold, there


def network(weights, question, sentence, features, key=None):
    q, s = question @ weights["projection"].T, sentence @ weights["projection"].T
    q = jnp.broadcast_to(q[:, None], s.shape)
    seen = jnp.concatenate([q * s, jnp.abs(q - s), features], -1)
    if key is not None:
        seen = seen * jax.random.bernoulli(key, 1 - DROPPED, seen.shape) / (1 - DROPPED)
    hidden = jax.nn.gelu(seen @ weights["hidden"].T + weights["bias"])
    return hidden @ weights["out"] + features @ weights["direct"] + weights["level"]


def loss(weights, table, batch, key):
    question, place, features, gold, there = batch
    odds = jnp.where(there > 0, network(weights, question, table[place], features, key), -1e9)
    chances = jax.nn.log_softmax(jnp.concatenate([jnp.zeros((len(odds), 1)), odds], 1), -1)
    right = jax.nn.logsumexp(jnp.where(gold > 0, chances[:, 1:], -1e9), -1)
    return -jnp.where(gold.sum(1) > 0, right, chances[:, 0]).mean()


def train(cases, vectors, seed, epochs, rank=RANK, hidden=HIDDEN):
    # Where the evidence is not among the sentences there is nothing to learn.
    cases = [c for c in cases if not c["answerable"] or c["gold"].any()]
    scales = Scales(cases, vectors)
    arrays = scales.arrays(cases, vectors)
    table = jnp.asarray(scales.table, jnp.float32)
    draw = np.random.default_rng(seed)
    seen = 2 * rank + FEATURES + 1
    matrix = lambda rows, columns: jnp.asarray(
        draw.normal(0, 1 / math.sqrt(columns), (rows, columns)), jnp.float32
    )
    weights = {
        "projection": matrix(rank, WIDTH) * 3,
        "hidden": matrix(hidden, seen),
        "bias": jnp.zeros(hidden),
        "out": matrix(1, hidden)[0] * 0.3,
        "direct": jnp.zeros(FEATURES + 1),
        "level": jnp.zeros(()),
    }
    steps = epochs * (len(cases) // BATCH)
    optimiser = optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=DECAY)
    state = optimiser.init(weights)

    @jax.jit
    def step(weights, state, batch, key):
        slope = jax.grad(loss)(weights, table, batch, key)
        updates, state = optimiser.update(slope, state, weights)
        return optax.apply_updates(weights, updates), state

    order, key = np.arange(len(cases)), jax.random.PRNGKey(seed)
    for _ in range(epochs):
        draw.shuffle(order)
        for at in range(0, len(cases) - BATCH + 1, BATCH):
            key, now = jax.random.split(key)
            some = order[at : at + BATCH]
            weights, state = step(weights, state, tuple(part[some] for part in arrays), now)
    return scales, jax.tree.map(np.asarray, weights)


def score(model, cases, vectors):
    """Odds of every sentence of every case."""
    scales, weights = model
    question, place, features, _, there = scales.arrays(cases, vectors)
    odds = np.asarray(network(weights, question, scales.table[place], features))
    return [row[mask > 0] + c["beside"] for row, mask, c in zip(odds, there, cases)]


def report(name, cases, scores, bar):
    best = np.array([odds.max() for odds in scores])
    answerable = np.array([c["answerable"] for c in cases])
    near = np.array([c["near_miss"] for c in cases])
    right = np.array([c["gold"][s.argmax()] for c, s in zip(cases, scores)]) & answerable
    share = lambda some: f"{some.sum() / max(answerable.sum(), 1):.3f}"
    line = f"{name}: {answerable.sum()} answerable, likeliest sentence right {share(right)}"
    line += f", refused {share(answerable & (best < bar))}, right {share(right & (best >= bar))}"
    if near.any() and answerable.any():
        area = (best[answerable][:, None] > best[~answerable]).mean()
        line += f"; {near.sum()} near misses, refused {(best[near] < bar).mean():.3f}, area {area:.3f}"
    print(line, flush=True)


def rows(name, matrix):
    """Each row as a scale and whole numbers."""
    yield name
    steps = 127 if matrix.ndim == 2 else 32_000
    for row in np.atleast_2d(matrix) if matrix.size else []:
        scale = float(np.abs(row).max()) / steps or 1.0
        yield " ".join([f"{scale:.6e}", *(str(round(float(v) / scale)) for v in row)])


def written(model, bar):
    scales, weights = model
    hidden = np.concatenate([weights["hidden"], weights["bias"][:, None]], 1)
    out = np.concatenate([weights["out"], weights["direct"], [weights["level"]]])
    centre = scales.centre if len(weights["projection"]) else np.zeros(0)
    parts = {
        "centre": centre, "projection": weights["projection"], "mean": scales.mean,
        "spread": scales.spread, "hidden": hidden, "out": out, "bar": np.array([bar]),
    }
    return "\n".join(line for name, part in parts.items() for line in rows(name, part)) + "\n"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("files", nargs="+")
    options.add_argument("--more", nargs="*", default=[])
    options.add_argument("--held", nargs="*", default=[])
    options.add_argument("--passing", type=float, default=1 / 8)
    options.add_argument("--epochs", type=int, default=6)
    options.add_argument("--words", action="store_true")
    options.add_argument("--write")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--no-folds", action="store_true")
    given = options.parse_args()
    size = {"rank": 0, "hidden": 24} if given.words else {}
    all_cases = Cases(given.words)
    files = [(path.partition("=")[0], int(path.partition("=")[2] or 1)) for path in given.files]
    own = {path: all_cases.load(path) for path, _ in files}
    more = [case for path in given.more for case in all_cases.load(path)]
    held = {path: all_cases.load(path) for path in given.held}
    vectors = np.array(all_cases.vectors)
    learned = [case for path, times in files for case in own[path] * times] + more
    documents = sorted({case["document"] for case in learned})
    fold = {document: at % FOLDS for at, document in enumerate(documents)}
    bar = 0.0
    if not given.no_folds:
        scored = []
        for now in range(FOLDS):
            rest = [c for c in learned if fold[c["document"]] != now]
            model = train(rest, vectors, given.seed, given.epochs, **size)
            out = [c for path in own for c in own[path] if fold[c["document"]] == now]
            scored += zip(out, score(model, out, vectors))
        near = sorted((odds.max() for c, odds in scored if c["near_miss"]), reverse=True)
        bar = float(near[int(len(near) * given.passing)]) + 1e-6
        for path in own:
            some = [(c, odds) for c, odds in scored if c["file"] == path]
            report(f"folds, {path}", *zip(*some), bar)
    model = train(learned, vectors, given.seed, given.epochs, **size)
    for path, cases in held.items():
        report(f"held, {path}", cases, score(model, cases, vectors), bar)
    if given.write:
        with open(given.write, "w", encoding="ascii") as file:
            file.write(written(model, bar))
    print(f"bar {bar:+.2f}")


if __name__ == "__main__":
    main()
