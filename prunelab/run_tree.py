"""A run on a decision tree or a forest: fit, cut, measure. There is nothing to train further."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prunelab import artefacts
from prunelab.events import Event, Measured, Pruned
from prunelab.files import find
from prunelab.histograms import lowest, scores_histogram
from prunelab.job import Choice, Job
from prunelab.keep_examples import chosen
from prunelab.measure.latency import latency
from prunelab.measure.trees import measure_tree, tree_size
from prunelab.own import trees
from prunelab.parts import Part
from prunelab.rating.answers import answers
from prunelab.trees import tree_arrays

BATCH = 256  # of the latency measurement


def run_tree(job: Job, files: Path | None) -> Iterator[Event]:
    """The events of a run on a scikit-learn tree or forest."""
    model = dense_tree(job)
    sizes = {"dense": tree_size(model)}
    seen = job.parts.validation
    yield _measured("dense", "validation", _values(model, seen, sizes["dense"]))
    if job.examples:
        choice = yield from chosen(job, model, files)
        pruned = _again(job, choice)
    else:
        choice = job.choose(model, job.steps[-1])
        pruned = job.unit.keep(model, job.parts, choice.mask)
        yield from _told(job, model, choice)
    sizes["pruned"] = tree_size(pruned)
    values = _values(pruned, seen, sizes["pruned"])
    yield _measured("pruned", "validation", values)
    yield _measured("recovered", "validation", values)
    if files:
        artefacts.save_tree(files, pruned, tree_arrays(model, choice.mask, choice.scores))
    yield from _results(job, model, pruned, sizes)
    if files:
        test = job.parts.test_once()
        said = [_said(estimator, test) for estimator in (model, pruned)]
        artefacts.save_answers(files, answers(job.parts, *said))


def _again(job: Job, choice: Choice) -> Any:
    """The same estimator, fitted on the examples that stay."""
    train = job.unit.keep(None, job.parts, choice.mask).train
    return job.build().set_params(random_state=job.spec.seed).fit(_flat(train.x), train.y)


def _told(job: Job, model: Any, choice: Choice) -> Iterator[Event]:
    table = job.unit.rows(model, job.parts, choice.mask)
    yield Pruned(
        round=1,
        rounds=1,
        asked=job.asked(choice.scores, job.spec.sparsity),
        kept=sum(int(mask.sum()) for mask in choice.mask.values()),
        of=sum(mask.numel() for mask in choice.mask.values()),
        layers=[{**r, "threshold": _threshold(r["name"], choice)} for r in table],
    )
    yield scores_histogram(job.method.label, choice.scores, choice.mask)


def dense_tree(job: Job) -> Any:
    """A tree grown on the training part, or one of the user's own."""
    train, model = job.parts.train, job.build().set_params(random_state=job.spec.seed)
    if job.spec.weights:
        path = find(job.spec.weights, ".skops")
        return trees.fitting(path, model, math.prod(job.parts.shape), job.parts.classes)
    return model.fit(_flat(train.x), train.y)


def _results(job: Job, dense: Any, pruned: Any, sizes: Mapping[str, Any]) -> Iterator[Event]:
    test = job.parts.test_once()
    seen = job.parts.validation.x
    many = _timed(dense, pruned, _flat(np.resize(seen, (BATCH, *seen.shape[1:]))))
    one = _timed(dense, pruned, _flat(seen[:1]))
    before, after = (
        _values(model, test, sizes[stage]) | {"latency_ms": many[stage], "single_ms": one[stage]}
        for stage, model in (("dense", dense), ("pruned", pruned))
    )
    yield _measured("dense", "test", before)
    yield _measured("pruned", "test", after)
    yield _measured("recovered", "test", after)


def _timed(dense: Any, pruned: Any, x: Any) -> dict[str, dict[str, Any]]:
    timed = latency({"dense": lambda: dense.predict(x), "pruned": lambda: pruned.predict(x)})
    return {stage: found | {"batch": len(x), "threads": 1} for stage, found in timed.items()}


def _measured(stage: Any, part: Any, values: dict[str, Any]) -> Measured:
    return Measured(stage=stage, part=part, values=values)


def _values(model: Any, part: Part, size: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = measure_tree(model, Part(_flat(part.x), part.y), size)
    return values


def _threshold(name: str, choice: Any) -> float | None:
    return lowest(choice.scores[name], choice.mask[name]) if name in choice.scores else None


def _said(model: Any, part: Part) -> Any:
    return model.classes_[model.predict_proba(_flat(part.x)).argmax(1)]


def _flat(x: Any) -> Any:
    return np.ascontiguousarray(x.reshape(len(x), -1))
