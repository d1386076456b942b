"""Examples pruned before the network is: chosen first, then all is as usual on those left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from prunelab import artefacts
from prunelab.cover import Cover
from prunelab.events import Epoch, Event, Warned
from prunelab.job import Job, device
from prunelab.keep_examples import emptied, repeated
from prunelab.lab import Lab, piece
from prunelab.registry import METHODS, UNITS
from prunelab.shared_scores import Scoring, once, scoring
from prunelab.training import fit
from prunelab.units.examples import kept_indices

ALL = "all examples"  # the training that gives features to choose by
PIECE = "examples"


def plan(job: Job) -> dict[str, int]:
    """Epochs of choosing; nothing where no examples are pruned beforehand."""
    if not job.spec.examples_sparsity:
        return {}
    chooser = _chooser(job)
    if chooser.watch:
        return chooser.watch.plan
    return {ALL: job.recipe.epochs} if _looks(chooser) else {}


def choose(job: Job, lab: Lab, folder: Path | None) -> Iterator[Event]:
    """Choose the examples, once; not where a dense network that learned from them was kept."""
    if not job.spec.examples_sparsity:
        return
    kept = artefacts.load_dense(folder, job.spec.dense_key) if folder else None
    if kept is None or PIECE in lab.kept.told:
        yield from piece(job, lab, PIECE, chosen(job, lab))


def is_dense(event: Event) -> bool:
    """Whether it tells of the dense training itself, not of choosing its examples."""
    return isinstance(event, Epoch) and event.phase == "dense"


def chosen(job: Job, lab: Lab) -> Iterator[Event]:
    """Which rows of the training part stay, told by the method and noted in the lab."""
    chooser, net = _chooser(job), job.build().to(device())
    rated = yield from once(chooser, net, _scoring(chooser, net), lab.shared)
    choice = chooser.take(net, rated, chooser.spec.sparsity)
    lab.rows = torch.from_numpy(kept_indices(job.parts, choice.mask))
    yield from (Warned(message=note) for note in choice.notes)
    yield from emptied(chooser.unit.rows(None, job.parts, choice.mask))


def _scoring(chooser: Job, net: nn.Module) -> Scoring:
    """Score the examples, by a network that has learned from all of them where that matters."""
    if not chooser.watch and _looks(chooser):
        recipe, seed = chooser.recipe, chooser.spec.seed
        yield from fit(net, chooser.parts, recipe, phase=ALL, seed=seed, cover=Cover({}))
    return (yield from scoring(chooser, net, chooser.spec.sparsity))


def on_fewer(job: Job, lab: Lab) -> Job:
    """The job on the examples that stay, repeated until they are as many; itself on all."""
    if lab.rows is None:
        return job
    return replace(job, parts=repeated(job.parts, lab.rows.numpy()))


def _looks(chooser: Job) -> bool:
    """Whether the method may look at features of a trained network; random ones do not."""
    return bool(chooser.method.baseline != chooser.method.name)


def _chooser(job: Job) -> Job:
    """The job of choosing the examples, on the same data, model and recipe."""
    method, unit = METHODS[job.spec.examples_method], UNITS["examples"]
    spec = replace(
        job.spec,
        method=method.name,
        sparsity=job.spec.examples_sparsity,
        knobs=job.spec.examples_knobs,
        examples_sparsity=0.0,
        scope="",
        layers={},
        floor=0,
        budget="",
        round_to=1,
    )
    return replace(
        job,
        spec=spec,
        method=method,
        unit=unit.function(),
        unit_entry=unit,
        scope=method.scope,
        structured=False,
    )
