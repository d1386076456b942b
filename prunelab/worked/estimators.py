"""The worked example of a method on a tiny tree, forest or boosting."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from prunelab.masks import removed
from prunelab.speech import mark, phrase
from prunelab.trees import splits
from prunelab.worked.formulas import n
from prunelab.worked.seen import SPARSITY, Moment, Watched

Step = dict[str, Any]


class Units(NamedTuple):
    """What tells each unit: the question of a split and its rows, or the number of a tree."""

    columns: list[str]
    rows: list[list[str]]


def steps(job: Watched) -> list[Step]:
    """Score, allocate, select, and what the smaller model answers."""
    seen = job.moments[-1]
    (group,) = seen.scores
    units = _units(job, seen.scores[group].numel())
    return [
        _score(job, seen, units, group),
        _allocate(job, seen, group),
        _select(seen, units, group),
        _answer(job, seen),
    ]


def _units(job: Watched, number: int) -> Units:
    if not hasattr(job.net, "tree_"):
        noun = job.unit_entry.noun.removesuffix("s")
        return Units([noun], [[str(place)] for place in range(1, number + 1)])
    tree, features = job.net.tree_, job.parts.features
    questions = [
        [f"{features[tree.feature[i]]} ≤ {n(tree.threshold[i])}", str(int(tree.n_node_samples[i]))]
        for i in splits(tree)
    ]
    return Units(["split", "rows"], questions)


def _score(job: Watched, seen: Moment, units: Units, group: str) -> Step:
    text = phrase(f"This is {job.subject.words}. The score is: {job.method.label}. Higher stays.")
    values = seen.scores[group].double().tolist()
    rows = [[*row, n(value)] for row, value in zip(units.rows, values, strict=True)]
    step = _table(mark("Score"), text, [*units.columns, "score"], rows)
    return step | {"values": [[value] for value in values]}


def _allocate(job: Watched, seen: Moment, group: str) -> Step:
    total, left = seen.mask[group].numel(), int(seen.mask[group].sum())
    gone, noun = removed(SPARSITY, total), job.unit_entry.noun
    text = phrase(
        f"Sparsity {SPARSITY:g} removes ⌊{SPARSITY:g} · {total} + ½⌋ = {gone} of {total} {noun}."
    )
    if total - left > gone:
        text += " " + phrase(f"Units of equal score go together, so {total - left} go.")
    return _table(mark("Allocate"), text, [noun, "keep"], [[str(total), str(left)]])


def _select(seen: Moment, units: Units, group: str) -> Step:
    kept = [bool(k) for k in seen.mask[group]]
    scores = seen.scores[group].double().tolist()
    rows = [
        [*row, n(score), mark("stays" if stays else "goes")]
        for row, score, stays in zip(units.rows, scores, kept, strict=True)
    ]
    text = phrase(f"The {sum(kept)} highest scores stay.")
    step = _table(mark("Select"), text, [*units.columns, "score", "mask"], rows)
    return step | {"kept": [[k] for k in kept]}


def _answer(job: Watched, seen: Moment) -> Step:
    part = job.parts.validation
    x = part.x.reshape(len(part.y), -1)
    models = {"before": job.net, "after": job.unit.keep(job.net, job.parts, seen.mask)}
    shares = {word: model.predict_proba(x) for word, model in models.items()}
    said = {word: found.argmax(1) for word, found in shares.items()}
    at = int(np.argmax(said["before"] != said["after"]))  # one that changes, if any
    names = {word: job.parts.classes[int(found[at])] for word, found in said.items()}
    shown = ", ".join(f"{v:g}" for v in x[at])
    text = phrase(
        f"The row ({shown}) is {names['before']} before and {names['after']} after the cut."
    )
    rows = [
        [w, *map(n, shares[w][at]), f"{int((said[w] == part.y).sum())} of {len(part.y)}"]
        for w in models
    ]
    columns = ["", *(phrase(f"share of {c}") for c in job.parts.classes), "held-out rows right"]
    values = [list(map(float, shares[w][at])) for w in models]
    return _table(mark("Answer"), text, columns, rows) | {"values": values, "input": x[at].tolist()}


def _table(title: str, text: str, columns: list[str], rows: list[list[str]]) -> Step:
    return {"kind": "table", "title": title, "text": text, "columns": columns, "rows": rows}
