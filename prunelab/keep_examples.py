"""A network that learns from some of its examples: score them, keep some, train again from them.

What is kept is trained on twice from the same first values: for as many epochs (stage "pruned",
which is cheaper) and, repeated, for as many steps as on all examples (stage "recovered").
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab import artefacts
from prunelab.checkpoint import Place
from prunelab.cover import Cover
from prunelab.events import Event, Pruned, Warned
from prunelab.histograms import lowest, scores_histogram
from prunelab.job import Choice, Job
from prunelab.lab import Lab, piece, put, validated
from prunelab.parts import Part, Parts
from prunelab.rating.record import record
from prunelab.shared_scores import once, scoring
from prunelab.training import Learner, fit
from prunelab.units.examples import kept_indices

FEWER, REPEATED = "fewer examples", "repeated"


def plan(job: Job) -> dict[str, int]:
    """Epochs of each phase after the dense one."""
    scoring = job.watch.plan if job.watch else {}
    again = {REPEATED: job.recipe.epochs} if job.recover != "none" else {}
    return {**scoring, FEWER: job.recipe.epochs, **again}


def keep_examples(job: Job, lab: Lab, files: Path | None) -> Iterator[Event]:
    """Score with the trained network, keep, and train again on what stays."""
    yield from piece(job, lab, FEWER, _score_and_train(job, lab, files))
    lab.pruned = copy.deepcopy(lab.net)
    yield validated(job, lab.net, "pruned")
    if job.recover != "none":
        yield from piece(job, lab, REPEATED, _train(job, lab, REPEATED))


def _score_and_train(job: Job, lab: Lab, files: Path | None) -> Iterator[Event]:
    choice = yield from chosen(job, lab.net, files, lab.shared)
    put(job, lab, choice.mask)
    yield from _train(job, lab, FEWER)


def chosen(
    job: Job, model: Any, files: Path | None, shared: Path | None = None
) -> Generator[Event, None, Choice]:
    """Choose which examples stay; say and keep which."""
    sparsity = job.steps[-1]
    rated = yield from once(job, model, scoring(job, model, sparsity), shared)
    choice = job.take(model, rated, sparsity)
    if files:
        artefacts.save_examples(files, record(model, job.parts, choice.scores, choice.mask))
    yield from _told(job, choice)
    return choice


def _told(job: Job, choice: Choice) -> Iterator[Event]:
    """What was chosen, class by class."""
    table = job.unit.rows(None, job.parts, choice.mask)
    yield Pruned(
        round=1,
        rounds=1,
        asked=job.asked(choice.scores, job.spec.sparsity),
        kept=sum(r["kept"] for r in table),
        of=sum(r["units"] for r in table),
        layers=[
            {**r, "threshold": lowest(choice.scores[r["name"]], choice.mask[r["name"]])}
            for r in table
        ],
    )
    yield from (Warned(message=note) for note in choice.notes)
    yield from emptied(table)
    yield scores_histogram(job.method.label, choice.scores, choice.mask)


def emptied(table: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    """A warning where a class has lost all its examples."""
    if empty := [r["name"] for r in table if r["kept"] == 0]:
        yield Warned(
            message=f"No example of class {', '.join(empty)} is left, so it cannot be learned: "
            f"keep more, or choose the scope uniform."
        )


def _train(job: Job, lab: Lab, phase: str) -> Iterator[Event]:
    lab.net.load_state_dict(lab.first)
    yield from fit(
        lab.net,
        repeated(job.parts, kept_indices(job.parts, lab.mask))
        if phase == REPEATED
        else job.unit.keep(None, job.parts, lab.mask),
        job.recipe,
        phase=phase,
        seed=job.spec.seed,
        cover=Cover({}, sparsity=lab.cover.sparsity, layers=lab.cover.layers),
        learner=Learner(place=Place(lab.kept, phase)),
    )


def repeated(parts: Parts, kept: NDArray[np.int64]) -> Parts:
    """The examples that stay, again and again until there are as many as before."""
    rows = np.resize(kept, len(parts.train.y))
    train = Part(parts.train.x[rows], parts.train.y[rows])
    return replace(parts, train=train, rows=parts.rows[rows], wrong=parts.wrong[rows])
