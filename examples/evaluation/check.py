"""Checks the question files of this folder against their sources. Standard library only.

    python3 examples/evaluation/check.py

Every evidence string must stand verbatim in one of its documents, every fact in the evidence or the
documents, what a near-miss question asks for must be absent from the nearest documents, ids must be
unique. The quotes of the question banks must stand in their documents, and no question of the set in
a bank. Hotline tickets must have a known class and body and stand in one file only. Prints counts by
type, style and split. Exit status 1 where something is wrong.
"""

import collections
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = HERE.parent / "knowledge"
SEEDS = HERE.parents[2] / "shared" / "seeds"
BANKS = {"sample": SAMPLE / "question-bank.jsonl", "seeds": HERE / "seeds-bank.jsonl"}
SPLITS = ("tune", "blind", "dev", "train", "held")
# Learned from only: made from headings, or questions of the bank moved to another place.
LEARNED = ("headings", "elsewhere")
BODIES = HERE.parents[1] / "serving" / "apps" / "src" / "hotline" / "bodies.txt"
TICKETS = {"hotline": {"tune", "blind"}, "hotline-fresh": {"fresh"}}
CLASSES = {"consult", "complaint", "help", "suggest"}
STYLES = {"plain", "colloquial", "traditional", "typo"}
TYPES = {
    "fact", "number", "date", "phone", "body", "list", "condition", "yes_no", "process", "as_of",
    "near_miss", "far", "conflict", "other_place", "draft", "needs_identity", "clarify",
    "out_of_scope", "attack",
}
OUTCOMES = {
    "answered", "partial", "clarify", "no_evidence", "conflict", "not_in_force", "out_of_scope",
    "needs_identity", "blocked", "handed_over",
}
WITH_SOURCE = {"answered", "partial", "conflict", "not_in_force"}
KEYS = {
    "id", "question", "style", "type", "base", "as_of", "place", "documents", "evidence", "facts",
    "outcome", "note", "tempting",
}
NEAREST = re.compile(r"^nearest: (?P<documents>[^;]+); absent: (?P<absent>.+)$")
DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def sources():
    """The text of every document by base and id; the seeds only where they are at hand."""
    texts = {"sample": {}, "seeds": {}}
    for path in sorted(path for path in SAMPLE.iterdir() if path.suffix != ".jsonl"):
        texts["sample"][path.stem] = path.read_text(encoding="utf-8")
    if SEEDS.is_dir():
        for path in sorted(SEEDS.glob("*.txt")):
            texts["seeds"]["seed-" + path.name[:3]] = path.read_text(encoding="utf-8")
    else:
        print(f"SKIPPED: no seeds at {SEEDS}, questions over them are not checked against text")
    return texts


def faults(question, texts):
    """What is wrong with one question, in words."""
    known = texts.get(question["base"])
    for key in question.keys() - KEYS:
        yield f"unknown key {key}"
    for key, allowed in (("style", STYLES), ("type", TYPES), ("outcome", OUTCOMES)):
        if question[key] not in allowed:
            yield f"unknown {key} {question[key]}"
    if "as_of" in question and not DAY.match(question["as_of"]):
        yield "as_of is no date"
    if known is None:
        yield f"unknown base {question['base']}"
        return
    sourced = question["outcome"] in WITH_SOURCE
    if sourced != bool(question["documents"]) or sourced != bool(question["evidence"]):
        yield "outcome and documents or evidence do not fit together"
    if question["facts"] and not sourced:
        yield "facts without a source"
    if not known:
        return
    for name in question["documents"]:
        if name not in known:
            yield f"no document {name}"
    cited = [known.get(name, "") for name in question["documents"]]
    for evidence in question["evidence"]:
        if not any(evidence in text for text in cited):
            yield f"evidence is not verbatim: {evidence}"
    for name, text in zip(question["documents"], cited):
        if not any(evidence in text for evidence in question["evidence"]):
            yield f"no evidence from {name}"
    for fact in question["facts"]:
        choices = fact if isinstance(fact, list) else [fact]
        if not any(choice in text for choice in choices for text in [*cited, *question["evidence"]]):
            yield f"fact is in no source: {fact}"
    if question["type"] == "near_miss":
        yield from absence(question, known)
    tempting = question.get("tempting")
    if tempting and not any(tempting in text for text in known.values()):
        yield f"tempting sentence is not verbatim: {tempting}"


def absence(question, known):
    """What the nearest documents hold although the question calls it absent."""
    note = NEAREST.match(question.get("note", ""))
    if not note:
        yield "a near miss names the nearest documents and what is absent there"
        return
    for name in note["documents"].split():
        if name not in known:
            yield f"no document {name}"
        for term in note["absent"].split("|"):
            if term in known.get(name, ""):
                yield f"{name} holds {term}"


def ticket_faults():
    """What is wrong with the hotline tickets, in words. Of the bodies only the codes are read."""
    lines = BODIES.read_text(encoding="utf-8").splitlines()
    bodies = {line.split("|", 1)[0] for line in lines if not line.startswith("#")}
    ids, texts = set(), set()
    for name, splits in TICKETS.items():
        for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            ticket = json.loads(line)
            for key, allowed in (("class", CLASSES), ("body", bodies), ("split", splits)):
                if ticket[key] not in allowed:
                    yield f"{ticket['id']}: unknown {key} {ticket[key]}"
            if ticket["id"] in ids or ticket["text"] in texts:
                yield f"{ticket['id']}: twice"
            ids.add(ticket["id"])
            texts.add(ticket["text"])


def learned_faults(texts):
    """What is wrong with the questions that are only learned from, in words."""
    for name in LEARNED:
        for line in (HERE / f"train-{name}.jsonl").read_text(encoding="utf-8").splitlines():
            question = json.loads(line)
            yield from (f"{question['id']}: {fault}" for fault in faults(question, texts))


def batch_faults():
    """What is wrong with the batches of the banks, in words: every line is of one of them."""
    batches = json.loads((HERE / "bank-batches.json").read_text(encoding="utf-8"))
    for path in BANKS.values():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        told = sum(batches[path.name].values())
        if lines != told:
            yield f"{path.name} has {lines} lines, its batches {told}"


def bare(text):
    """Letters, digits and ideographs without the tags of a page."""
    return "".join(char for char in re.sub(r"<[^>]*>", "", text) if char.isalnum())


def bank_faults(texts, asked):
    """What is wrong with the question banks, in words: they must not know the questions of the set."""
    asked = {bare(question) for question, *_ in asked}
    for base, path in BANKS.items():
        sources, seen, counts = texts[base], set(), collections.Counter()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row = json.loads(line)
            where = f"{path.name}:{number}"
            text = sources.get(row["document"])
            if text is None and sources:
                yield f"{where}: no document {row['document']}"
            elif sources and bare(row["quote"]) not in bare(text):
                yield f"{where}: quote is not verbatim: {row['quote']}"
            for question in row["questions"]:
                if bare(question) in asked:
                    yield f"{where}: stands in the evaluation set: {question}"
                if (question, row["document"]) in seen:
                    yield f"{where}: twice: {question}"
                seen.add((question, row["document"]))
                counts[row.get("answers", True)] += 1
        print(f"bank     {base:15} {counts.total():4}   answered {counts[True]}   not answered {counts[False]}")


def main():
    texts = sources()
    wrong, ids, asked, counts = [], set(), set(), collections.Counter()
    for split in SPLITS:
        for line in (HERE / f"qa-{split}.jsonl").read_text(encoding="utf-8").splitlines():
            question = json.loads(line)
            wrong += [f"{question['id']}: {fault}" for fault in faults(question, texts)]
            same = (question["question"], question.get("as_of"), question.get("place"))
            if question["id"] in ids or same in asked:
                wrong.append(f"{question['id']}: twice")
            ids.add(question["id"])
            asked.add(same)
            for key in ("type", "style", "base", "outcome"):
                counts[key, question[key], split] += 1
            counts["all", "all", split] += 1
    for key, value in sorted({(key, value) for key, value, _ in counts}):
        row = [counts[key, value, split] for split in SPLITS]
        shares = "   ".join(f"{split} {count:4}" for split, count in zip(SPLITS, row))
        print(f"{key:8} {value:15} {sum(row):4}   {shares}")
    wrong += ticket_faults()
    wrong += bank_faults(texts, asked)
    wrong += batch_faults()
    wrong += learned_faults(texts)
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
