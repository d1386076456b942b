"""The worked example of a method on thirty examples: score, allocate, select, train again."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from prunelab.cover import Cover
from prunelab.masks import removed
from prunelab.measure.quality import quality
from prunelab.parts import Parts
from prunelab.speech import mark, phrase
from prunelab.training import fit
from prunelab.worked.formulas import n
from prunelab.worked.seen import SPARSITY, TRAINED, Moment, Watched

Step = dict[str, Any]
EPOCHS = 60  # of three steps each


def steps(job: Watched) -> list[Step]:
    """The examples of the first class with their scores, all counts, and what training gives."""
    seen = job.moments[-1]
    first = job.parts.classes[0]
    inputs = job.parts.train.x[job.parts.train.y == 0]
    rows = [[", ".join(f"{v:g}" for v in x)] for x in inputs]
    return [
        _score(job, seen, first, rows),
        _allocate(seen),
        _select(seen, first, rows),
        _answer(job, seen),
    ]


def _score(job: Watched, seen: Moment, first: str, rows: list[list[str]]) -> Step:
    total = sum(s.numel() for s in seen.scores.values())
    text = phrase(
        f"{total} examples of {len(seen.scores)} classes; here those of {first}. The score is: "
        f"{job.method.label}, turned so that higher stays."
    )
    values = seen.scores[first].double().tolist()
    table = [[*row, n(value)] for row, value in zip(rows, values, strict=True)]
    made = _table(mark("Score"), text, ["example", "score"], table)
    return made | {"values": [[value] for value in values]}


def _allocate(seen: Moment) -> Step:
    total = sum(m.numel() for m in seen.mask.values())
    gone = removed(SPARSITY, total)
    text = phrase(
        f"Sparsity {SPARSITY:g} removes ⌊{SPARSITY:g} · {total} + ½⌋ = {gone} of {total}."
    )
    table = [[name, str(m.numel()), str(int(m.sum()))] for name, m in seen.mask.items()]
    return _table(mark("Allocate"), text, ["class", "has", "keeps"], table)


def _select(seen: Moment, first: str, rows: list[list[str]]) -> Step:
    kept = [bool(k) for k in seen.mask[first]]
    scores = seen.scores[first].double().tolist()
    table = [
        [*row, n(score), mark("stays" if stays else "goes")]
        for row, score, stays in zip(rows, scores, kept, strict=True)
    ]
    text = phrase(f"Of {first} the {sum(kept)} highest scores stay.")
    made = _table(mark("Select"), text, ["example", "score", "mask"], table)
    return made | {"kept": [[k] for k in kept]}


def _answer(job: Watched, seen: Moment) -> Step:
    parts = {
        mark("all"): job.parts,
        mark("those that stay"): job.unit.keep(None, job.parts, seen.mask),
    }
    values = {word: _right(job, data) for word, data in parts.items()}
    of = len(job.parts.validation.y)
    table = [
        [word, str(len(data.train.y)), f"{values[word]} of {of}"] for word, data in parts.items()
    ]
    text = mark("The network, trained from the same first values for as many epochs on each.")
    made = _table(mark("Train again"), text, ["examples", "number", "held-out rows right"], table)
    return made | {"values": [[value] for value in values.values()]}


def _right(job: Watched, data: Parts) -> int:
    net: nn.Module = copy.deepcopy(job.build())
    recipe = replace(TRAINED, epochs=EPOCHS)
    for _ in fit(net, data, recipe, phase="dense", seed=0, cover=Cover({})):
        pass
    found = quality(net, job.parts.validation, len(job.parts.classes))
    return int(torch.tensor(found["confusion"]).trace())


def _table(title: str, text: str, columns: list[str], rows: list[list[str]]) -> Step:
    return {"kind": "table", "title": title, "text": text, "columns": columns, "rows": rows}
