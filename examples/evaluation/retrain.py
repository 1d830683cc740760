#!/usr/bin/env python3
"""Trains both readers anew from what is in this folder: samples from the product, then `train.py`.

    cargo build --release -p zhisuan-cli
    python3 examples/evaluation/retrain.py target/release/zhisuan WORK [--write]

WORK is a new folder, or one of the same bank, questions and product: samples that are there are not
made again. The authors of the
question bank wrote it in batches (`bank-batches.json`, lines of each in the order of the files), so
questions of each batch are learned with the bank of the others: at work, too, nobody asks exactly
what the bank holds. All other questions are learned three times: with the whole bank, with that of
half the documents, and with none. Needs what `train.py` needs, and ../../../shared/seeds.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = {"sample": ROOT / "examples/knowledge/question-bank.jsonl", "seeds": HERE / "seeds-bank.jsonl"}
EMBEDDER = "multilingual-e5-small"
OWN = ("train", "tune", "odd", "headings")
# How often each learns every question.
EPOCHS = {"reader": 4, "words": 6}


def batches():
    """The lines of every bank by base and batch; those of headings are in no sample's bank."""
    counts = json.loads((HERE / "bank-batches.json").read_text(encoding="utf-8"))
    found = {}
    for base, path in FILES.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        for name, count in counts[path.name].items():
            found[base, name], lines = lines[:count], lines[count:]
        assert not lines, f"{path.name} has lines of no batch"
    return found


def cases(found, batch):
    """The questions of a batch as an evaluation asks them."""
    for base in FILES:
        for line in found[base, batch]:
            one = json.loads(line)
            answers = one.get("answers", True)
            for question in one["questions"]:
                yield {
                    "question": question, "style": "plain", "type": "fact" if answers else "near_miss",
                    "base": base, "documents": [one["document"]] if answers else [],
                    "evidence": [one["quote"]] if answers else [], "facts": [],
                    "outcome": "answered" if answers else "no_evidence",
                }


def folder(work, name, found, wanted):
    """A place to run in whose bases have only the wanted lines of the bank."""
    place = work / name
    if place.exists():
        return place
    shutil.copytree(ROOT / "examples/knowledge", place / "examples/knowledge")
    (place / "examples/evaluation").mkdir(parents=True)
    (work / "shared").is_symlink() or (work / "shared").symlink_to(ROOT.parent / "shared")
    for base, path in FILES.items():
        lines = [line for own, batch in found if own == base for line in found[own, batch] if wanted(batch, line)]
        text = "".join(f"{line}\n" for line in lines)
        (place / path.relative_to(ROOT)).write_text(text, encoding="utf-8")
    return place


def in_half(line):
    """Whether a line is about a document of the half whose bank is kept."""
    document = json.loads(line)["document"]
    return int(hashlib.md5(f"x{document}".encode()).hexdigest(), 16) % 2 == 1


def sampled(zhisuan, work, place, files, words):
    """The samples of files of questions, in the bases of a place. They are asked in one run, since
    each run gives the whole bank vectors."""
    kind = "-words" if words else ""
    out = {name: work / f"{place.name}-{name}{kind}.jsonl" for name in files}
    if all(path.exists() for path in out.values()):
        return {name: str(path) for name, path in out.items()}
    asked, told = work / "asked.jsonl", work / "told.jsonl"
    with asked.open("w", encoding="utf-8") as file:
        for name, path in files.items():
            for line in path.read_text(encoding="utf-8").splitlines():
                case = json.loads(line)
                file.write(json.dumps(case | {"id": f"{name}:{case['id']}"}, ensure_ascii=False) + "\n")
    embedder = [] if words else ["--embedder", EMBEDDER]
    call = [zhisuan, "eval", "qa", *embedder, "--file", asked, "--samples", told]
    told.unlink(missing_ok=True)
    ran = subprocess.run(call, cwd=place, capture_output=True, text=True)
    if ran.returncode != 0 or not told.exists():
        sys.exit(f"{call}: {ran.stderr}")
    # A vector stands where its sentence is first seen in the run; every file needs its own.
    vectors, told_by = {}, {name: [] for name in files}
    for line in told.open(encoding="utf-8"):
        case = json.loads(line)
        told_by[case["id"].partition(":")[0]].append(case)
        for sentence in case["sentences"]:
            key = sentence["document"].startswith("seed"), tuple(sentence["key"])
            if sentence["vector"]:
                vectors[key] = sentence["vector"]
    for name, path in out.items():
        seen = set()
        with path.open("w", encoding="utf-8") as file:
            for case in told_by[name]:
                for sentence in case["sentences"]:
                    key = sentence["document"].startswith("seed"), tuple(sentence["key"])
                    sentence["vector"] = vectors.get(key, []) if key not in seen else []
                    seen.add(key)
                file.write(json.dumps(case, ensure_ascii=False) + "\n")
    print(place.name, *files, flush=True)
    return {name: str(path) for name, path in out.items()}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("zhisuan", type=pathlib.Path)
    options.add_argument("work", type=pathlib.Path)
    options.add_argument("--write", action="store_true")
    options.add_argument("--only", choices=("reader", "words"))
    options.add_argument("--samples-only", action="store_true")
    given = options.parse_args()
    work, zhisuan = given.work.resolve(), given.zhisuan.resolve()
    work.mkdir(parents=True, exist_ok=True)
    found = batches()
    names = [name for base, name in found if base == "seeds"]
    files = {name: HERE / f"qa-{name}.jsonl" for name in ("train", "tune", "held")}
    files |= {name: HERE / f"train-{name}.jsonl" for name in ("headings", "elsewhere")}
    files["odd"] = work / "odd.jsonl"
    odd = (HERE / "qa-dev.jsonl").read_text(encoding="utf-8").splitlines()[::2]
    files["odd"].write_text("\n".join(odd) + "\n", encoding="utf-8")
    for batch in names:
        files[batch] = work / f"{batch}.jsonl"
        with files[batch].open("w", encoding="utf-8") as file:
            for at, case in enumerate(cases(found, batch), 1):
                file.write(json.dumps({"id": f"{batch}-{at}"} | case, ensure_ascii=False) + "\n")
    whole = folder(work, "whole", found, lambda batch, _: batch in names)
    half = folder(work, "half", found, lambda batch, line: batch in names and in_half(line))
    none = folder(work, "none", found, lambda *_: False)
    without = {
        name: folder(work, f"without-{name}", found, lambda batch, _: batch in names and batch != name)
        for name in names
    }
    for reader in ("reader", "words"):
        if given.only not in (None, reader):
            continue
        words = reader == "words"
        take = lambda place, *names: sampled(
            zhisuan, work, place, {name: files[name] for name in names}, words
        )
        at_whole, at_half = (take(place, *OWN, "elsewhere", "held") for place in (whole, half))
        at_none = take(none, *OWN, "elsewhere", "held", *names)
        own = [f"{at_whole[name]}=3" for name in OWN]
        more = [take(without[name], name)[name] for name in names] + [at_none[name] for name in names]
        more += 2 * [at[name] for at in (at_none, at_half) for name in OWN]
        more += [at["elsewhere"] for at in (at_whole, at_none, at_half)]
        held = [at["held"] for at in (at_whole, at_half, at_none)]
        if given.samples_only:
            continue
        call = [sys.executable, HERE / "train.py", *own, "--held", *held, "--more", *more]
        call += ["--epochs", str(EPOCHS[reader])]
        call += ["--words"] if words else []
        if given.write:
            call += ["--write", ROOT / f"serving/apps/src/answer/evidence/{reader}.txt"]
        subprocess.run(call, check=True)


if __name__ == "__main__":
    main()
