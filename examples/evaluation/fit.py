#!/usr/bin/env python3
"""Fits the weights of the evidence gate (serving/apps/src/answer/evidence/gate.rs).

    zhisuan eval qa --file qa-tune.jsonl --samples tune.jsonl
    zhisuan eval qa --file dev-odd.jsonl --samples dev.jsonl
    python3 examples/evaluation/fit.py tune.jsonl dev.jsonl=2

A file may have a weight for its questions behind `=`. Logistic regression with an L2 penalty;
questions whose best text is the same document are held out together, ten folds. The bar is set
where one near miss in fourteen passes in the held-out folds. Python's standard library alone.
"""

import json
import math
import sys

NAMES = [
    "lacks nothing", "lacking", "lacking share", "asked", "specific", "near", "titled", "matter",
    "asked matter",
]
FOLDS = 10
PENALTY = 3.3
PASSING = 1 / 14


def solve(matrix, right):
    size = len(right)
    rows = [list(row) + [value] for row, value in zip(matrix, right)]
    for at in range(size):
        pivot = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for row in range(size):
            if row != at:
                factor = rows[row][at] / rows[at][at]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[at])]
    return [rows[at][size] / rows[at][at] for at in range(size)]


def fit(samples):
    """Newton's method on standardised signals; returns weights and intercept of the raw ones."""
    total = sum(weight for _, _, weight in samples)
    size = len(NAMES)
    mean = [sum(w * x[k] for x, _, w in samples) / total for k in range(size)]
    spread = [
        math.sqrt(sum(w * (x[k] - mean[k]) ** 2 for x, _, w in samples) / total) or 1.0
        for k in range(size)
    ]
    rows = [([1.0] + [(x[k] - mean[k]) / spread[k] for k in range(size)], y, w) for x, y, w in samples]
    weights = [0.0] * (size + 1)
    for _ in range(25):
        gradient = [PENALTY * (w if k else 0.0) for k, w in enumerate(weights)]
        hessian = [[0.0] * (size + 1) for _ in weights]
        for k in range(size + 1):
            hessian[k][k] = PENALTY if k else 1e-9
        for x, y, w in rows:
            p = 1 / (1 + math.exp(-sum(a * b for a, b in zip(weights, x))))
            for k in range(size + 1):
                gradient[k] += w * (p - y) * x[k]
                for j in range(size + 1):
                    hessian[k][j] += w * p * (1 - p) * x[k] * x[j]
        step = solve(hessian, gradient)
        weights = [a - b for a, b in zip(weights, step)]
    raw = [weights[k + 1] / spread[k] for k in range(size)]
    return raw, weights[0] - sum(a * b for a, b in zip(raw, mean))


def odds(model, signals):
    weights, intercept = model
    return intercept + sum(a * b for a, b in zip(weights, signals))


def report(name, scored, bar):
    right = [s for s, sample in scored if sample["right"]]
    near = [s for s, sample in scored if sample["near_miss"]]
    refused = sum(s < bar for s in right) / max(len(right), 1)
    kept = sum(s < bar for s in near) / max(len(near), 1)
    print(f"{name}: {len(right)} answerable, refused {refused:.3f}; {len(near)} near misses, refused {kept:.3f}")


def main():
    samples = []
    for argument in sys.argv[1:]:
        path, _, weight = argument.partition("=")
        with open(path, encoding="utf-8") as file:
            for line in file:
                sample = json.loads(line)
                if sample["documents"] and not sample["right"]:
                    continue  # another document came first: there is nothing to learn
                samples.append(sample | {"file": path, "weight": float(weight or 1)})
    groups = sorted({sample["document"] for sample in samples})
    fold = {document: at % FOLDS for at, document in enumerate(groups)}
    row = lambda s: (s["sentences"][0]["features"][: len(NAMES)], 1.0 if s["right"] else 0.0, s["weight"])
    scored = []
    for held in range(FOLDS):
        model = fit([row(s) for s in samples if fold[s["document"]] != held])
        scored += [(odds(model, s["sentences"][0]["features"][: len(NAMES)]), s) for s in samples if fold[s["document"]] == held]
    near = sorted((score for score, s in scored if s["near_miss"]), reverse=True)
    bar = near[int(len(near) * PASSING)] + 1e-9
    for path in sorted({s["file"] for s in samples}):
        report(path, [(score, s) for score, s in scored if s["file"] == path], bar)
    weights, intercept = fit([row(s) for s in samples])
    for name, weight in zip(NAMES, weights):
        print(f"{name:14} {weight:+.2f}")
    print(f"bar            {bar - intercept:+.2f}")


if __name__ == "__main__":
    main()
