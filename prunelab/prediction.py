"""Predict, then reveal: a sketch of accuracy against sparsity, and what it says of its author."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from prunelab.events import Result
from prunelab.spec import RunSpec

STOPS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)  # where the seven dots of a sketch are
FEWEST = 4  # of them inside what a sweep has tried
CLOSE = 3.0  # points of mean distance up to which a sketch is right
CLIFF = 0.1  # of accuracy lost: the curve has fallen
FLAT = 0.05  # lost at most: the curve has not begun to fall
STRAIGHT = 0.15  # of its whole fall: so far a sketch may leave a line and still be one
BETTER = 0.03  # above dense: more than a sketch's trembling
STAGES = {"recovered": "after fine-tuning", "pruned": "right after the cut"}


class Question(NamedTuple):
    """A curve to be foretold: the mean over seeds at each sparsity, and the deviation."""

    key: str
    title: str
    sparsity: list[float]
    mean: list[float]
    spread: list[float]
    seeds: int
    dense: float | None  # None where nothing is known yet

    @property
    def known(self) -> bool:
        """Whether the truth can be drawn: a sweep that goes on is asked about before its end."""
        return bool(self.mean)

    @property
    def stops(self) -> list[int]:
        """The dots that lie inside what was tried."""
        low, high = self.sparsity[0] - 1e-6, self.sparsity[-1] + 1e-6
        return [i for i, stop in enumerate(STOPS) if low <= stop <= high]

    @property
    def truth(self) -> list[float]:
        """The accuracy at those dots, on a straight line between two measured points."""
        found = np.interp([STOPS[i] for i in self.stops], self.sparsity, self.mean)
        return [float(value) for value in found]


class Reading(NamedTuple):
    """What a sketch says of its author: a name for tests, and a sentence for the author."""

    name: str
    words: str


def after_training(known: Mapping[str, Any]) -> list[str]:
    """The methods of a catalogue that cut a trained network, and so leave two curves."""
    return [name for name, entry in known["methods"].items() if entry["when"] == "trained"]


def questions(results: Iterable[Result], trained: Collection[str]) -> list[Question]:
    """The curves that finished runs can be asked about, those with the most seeds first.

    ``trained`` are the methods that cut a trained network: of those the accuracy right after the
    cut is a question as well.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        spec = RunSpec.from_json(result.spec)
        if result.status == "finished" and not spec.layers:
            groups.setdefault(alike(spec), []).append(result)
    found = []
    for text, group in groups.items():
        spec = RunSpec.from_json(json.loads(text))
        found += [
            q for stage in _stages(spec, trained) if (q := _question(text, spec, group, stage))
        ]
    return sorted(found, key=lambda q: -q.seeds)


def awaited(specs: Iterable[RunSpec], trained: Collection[str]) -> list[Question]:
    """The curves of sweeps that go on; ``specs`` are all their runs, those that are over too.

    They have the keys that ``questions`` gives them when they are over.
    """
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        if not spec.layers:
            groups.setdefault(alike(spec), []).append(spec)
    found = []
    for text, group in groups.items():
        sparsity = sorted({spec.sparsity for spec in group})
        seeds = min(sum(s.sparsity == one for s in group) for one in sparsity)
        for stage in _stages(group[0], trained):
            title = _title(RunSpec.from_json(json.loads(text)), stage)
            question = Question(_key(text, stage), title, sparsity, [], [], seeds, None)
            found += [question] if len(question.stops) >= FEWEST else []
    return found


def alike(spec: RunSpec) -> str:
    """What runs of one curve share, as text."""
    return json.dumps(replace(spec, sparsity=0.0, seed=0).to_json(), sort_keys=True)


def keys(spec: RunSpec, trained: Collection[str]) -> list[str]:
    """The questions that a run is part of."""
    return [_key(alike(spec), stage) for stage in _stages(spec, trained)]


def _stages(spec: RunSpec, trained: Collection[str]) -> list[str]:
    return ["recovered"] + ["pruned"] * (spec.method in trained and spec.recover != "none")


def _key(text: str, stage: str) -> str:
    return hashlib.sha256(f"{text} {stage}".encode()).hexdigest()[:8]


def _question(text: str, spec: RunSpec, group: Sequence[Result], stage: str) -> Question | None:
    by: dict[float, list[float]] = {}
    for result in group:
        accuracy = getattr(result, stage).get("accuracy")
        if accuracy is not None:
            by.setdefault(RunSpec.from_json(result.spec).sparsity, []).append(accuracy)
    sparsity = sorted(by)
    dense = [r.dense["accuracy"] for r in group if "accuracy" in r.dense]
    if not sparsity or not dense:
        return None
    question = Question(
        key=_key(text, stage),
        title=_title(spec, stage),
        sparsity=sparsity,
        mean=[statistics.fmean(by[s]) for s in sparsity],
        spread=[statistics.stdev(by[s]) if len(by[s]) > 1 else 0.0 for s in sparsity],
        seeds=min(map(len, by.values())),
        dense=statistics.fmean(dense),
    )
    return question if len(question.stops) >= FEWEST else None


def _title(spec: RunSpec, stage: str) -> str:
    words = f"{spec.method} on {spec.model}, {spec.data}"
    more = [word for word in (spec.scope, spec.recover) if word]
    more += [f"{name} {value}" for name, value in spec.knobs.items()]
    more += [f"{spec.epochs} epochs"] if spec.epochs else []
    return ", ".join([words, *more, STAGES[stage]])


def distance(sketch: Sequence[float], question: Question) -> float:
    """The mean distance of the dots from the curve, in points of accuracy."""
    pairs = zip(question.stops, question.truth, strict=True)
    return 100 * statistics.fmean(abs(sketch[i] - truth) for i, truth in pairs)


def reading(sketch: Sequence[float], question: Question) -> Reading:
    """The likely misconception behind a sketch, by the first rule that holds."""
    drawn, dense = [sketch[i] for i in question.stops], question.dense or 0.0
    off = distance(sketch, question)
    if off <= CLOSE:
        return Reading("close", f"You know this curve: {off:.1f} points off on average.")
    if max(drawn) > dense + BETTER >= max(question.truth):
        return Reading("better", _BETTER)
    mine, true = (_cliff(values, dense) for values in (drawn, question.truth))
    if _straight(drawn, dense) and true and _late(question, true):
        return Reading("straight", _STRAIGHT)
    return _by_cliff(drawn, question, mine, true)


_BETTER = (
    "You expected pruning to help. With good training a smaller network can be a little better, "
    "but here it is not."
)
_STRAIGHT = (
    "You expected a straight fall; it is flat, then a cliff. The weights that go first carry "
    "almost nothing, so the price comes all at once."
)


def _by_cliff(
    drawn: Sequence[float], question: Question, mine: int | None, true: int | None
) -> Reading:
    """Where the sketch falls, and where the curve does."""
    stops = [f"{100 * STOPS[i]:g} %" for i in question.stops]
    if true is None and mine is None:
        return Reading("flat", "It is as flat as you thought, at another height.")
    if true is None:
        return Reading(
            "no cliff",
            f"You expected a cliff at {stops[mine or 0]}; there is none up to {stops[-1]}.",
        )
    if mine is None:
        return Reading(
            "holds",
            f"You expected it to hold; at {stops[true]} it has fallen. Something must stay.",
        )
    if mine < true:
        return Reading(
            "early",
            f"You expected the fall at {stops[mine]}; it comes at {stops[true]}. "
            "More weights can go than one thinks.",
        )
    if mine > true:
        return Reading(
            "late",
            f"You expected the fall at {stops[mine]}; it comes at {stops[true]} already. "
            "Which weights go, and whether the rest may learn on, decides that.",
        )
    high = statistics.fmean(drawn) > statistics.fmean(question.truth)
    words = "deeper than you drew it" if high else "less deep than you drew it"
    return Reading(
        "shallow" if high else "deep",
        f"The right place: the fall is at {stops[true]}. But it is {words}.",
    )


def _cliff(values: Sequence[float], dense: float) -> int | None:
    """The first dot that has fallen."""
    return next((i for i, value in enumerate(values) if dense - value > CLIFF), None)


def _late(question: Question, cliff: int) -> bool:
    """Whether the curve was flat for at least two dots before it fell."""
    return cliff >= 2 and (question.dense or 0.0) - question.truth[cliff - 2] <= FLAT


def _straight(values: Sequence[float], dense: float) -> bool:
    """Whether a sketch falls evenly from dot to dot, from the dense network on."""
    drop = np.array([0.0, *(dense - value for value in values)])
    line = np.linspace(0.0, drop[-1], len(drop))
    return bool(drop[-1] > CLIFF + FLAT and np.abs(drop - line).max() <= STRAIGHT * drop[-1])
