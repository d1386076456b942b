"""A run on a network: train, prune (once, in rounds, while training), recover, remove, measure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prunelab import artefacts, beforehand, given, recover
from prunelab.checkpoint import Checkpoint, Place, identity
from prunelab.cover import Cover
from prunelab.events import Event, Measured
from prunelab.files import CHECKPOINT
from prunelab.histograms import weights_histogram
from prunelab.job import Job, device
from prunelab.keep_examples import keep_examples
from prunelab.keep_examples import plan as plan_of_examples
from prunelab.lab import Lab, piece, prune, state, validated
from prunelab.learn import train_and_prune
from prunelab.manifest import manifest
from prunelab.measure.costs import LARGE, costs
from prunelab.measure.quality import agreement, answered
from prunelab.parts import Part
from prunelab.rating.answers import answers
from prunelab.registry import MODELS
from prunelab.shared_scores import once, scoring
from prunelab.training import Learner, fit


def run_network(job: Job, files: Path | None, dense: Path | None) -> Iterator[Event]:
    """The events of a run on a network, from its first values to the measured result."""
    net = job.build().to(device())
    lab = Lab(
        net=net, first=state(net), mask={}, cover=Cover({}), kept=_kept(job, files), shared=dense
    )
    yield weights_histogram(net, "start")
    chosen = []
    for event in beforehand.choose(job, lab, dense):
        chosen.append(event)
        yield event
    yield from piece(job, lab, "dense", train_dense(job, lab, dense, chosen))
    job = beforehand.on_fewer(job, lab)
    lab.dense = trained = copy.deepcopy(net)
    yield weights_histogram(net, "dense")
    yield validated(job, net, "dense")
    if job.examples:
        yield from keep_examples(job, lab, files)
    else:
        yield from PATHS[job.method.when](job, lab)
    yield weights_histogram(net, "recovered", lab.cover.parameters)
    yield validated(job, net, "recovered")
    yield from _results(job, lab, trained, files)


def _kept(job: Job, files: Path | None) -> Checkpoint:
    if files is None:
        return Checkpoint()
    code = (job.method.function, MODELS[job.spec.model].function)
    return Checkpoint(files / CHECKPOINT, identity(job.spec.to_json(), manifest(job), code=code))


def plan(job: Job) -> dict[str, int]:
    """Epochs of each phase, in order."""
    dense = {} if job.spec.weights else {"dense": job.recipe.epochs}
    dense = beforehand.plan(job) | dense
    if job.examples:
        return dense | plan_of_examples(job)
    train = {"train": job.train.epochs} if job.method.when == "training" else {}
    return dense | train | recover.plan(job)


def train_dense(
    job: Job, lab: Lab, folder: Path | None, before: Sequence[Event] = ()
) -> Iterator[Event]:
    """The dense network: with weights of one's own, trained before for this dense key, or here.

    ``before`` is what choosing its examples told, where some are pruned beforehand; what was
    trained before tells that too, if nothing was chosen here.
    """
    if job.spec.weights:
        yield from given.start(job, lab.net)
        return
    kept = artefacts.load_dense(folder, job.spec.dense_key) if folder else None
    if kept:
        lab.net.load_state_dict(kept.state)
        lab.rows = kept.rows
        yield from (e for e in kept.told if not before or beforehand.is_dense(e))
        return
    seen = [*before]
    for event in _train_dense(job, lab):
        seen.append(event)
        yield event
    if folder:
        artefacts.save_dense(folder, job.spec.dense_key, lab.net.state_dict(), seen, lab.rows)


def _train_dense(job: Job, lab: Lab) -> Iterator[Event]:
    yield from fit(
        lab.net,
        beforehand.on_fewer(job, lab).parts,
        job.recipe,
        phase="dense",
        seed=job.spec.seed,
        cover=lab.cover,
        learner=Learner(place=Place(lab.kept, "dense")),
    )


def _trained(job: Job, lab: Lab) -> Iterator[Event]:
    """Score the trained network, prune, recover; once or in rounds."""
    for number, sparsity in enumerate(job.steps, start=1):
        yield from piece(job, lab, f"round {number}", _round(job, lab, number, sparsity))


def _init(job: Job, lab: Lab) -> Iterator[Event]:
    """Score the first values, prune, and train only what is left."""
    lab.net.load_state_dict(lab.first)
    yield from _trained(job, lab)


def _training(job: Job, lab: Lab) -> Iterator[Event]:
    yield from piece(job, lab, "train", train_and_prune(job, lab))
    if job.recover != "none":
        last = len(job.steps)
        yield from piece(job, lab, "recover", recover.recover(job, lab, last))


PATHS = {"init": _init, "trained": _trained, "training": _training}


def _round(job: Job, lab: Lab, number: int, sparsity: float) -> Iterator[Event]:
    """Choose a mask, apply it, and recover."""
    steps = scoring(job, lab.net, sparsity)
    rated = yield from once(job, lab.net, steps, lab.shared if number == 1 else None)
    choice = job.take(lab.net, rated, sparsity, lab.mask)
    yield from prune(job, lab, choice, number, sparsity)
    if job.recover != "none":
        yield from recover.recover(job, lab, number)


def _results(job: Job, lab: Lab, trained: nn.Module, files: Path | None) -> Iterator[Event]:
    """Remove for real, save, and touch the test part: once, for the three stages together."""
    net = lab.net.eval()
    shipped = job.unit.keep(net, job.parts, lab.mask) if job.structured else net
    if files:
        artefacts.save_network(
            files, shipped, dense=trained, masks=lab.mask, architecture=_architecture(job)
        )
    test = job.parts.test_once()
    costs = _costs(job, lab, trained.eval(), shipped)
    after = lab.pruned.eval() if lab.pruned is not None else net
    stages: dict[Any, nn.Module] = {"dense": trained, "pruned": after, "recovered": shipped}
    said = {}
    for stage, model in stages.items():
        values, said[stage] = answered(model, test, len(job.parts.classes))
        if test.y.ndim == 2:  # text
            values["agreement"] = agreement(model, trained, test)
        yield Measured(stage=stage, part="test", values=values | costs[stage])
    if files and test.y.ndim == 1:
        artefacts.save_answers(files, answers(job.parts, said["dense"], said["recovered"]))


def _costs(job: Job, lab: Lab, dense: nn.Module, shipped: nn.Module) -> dict[str, dict[str, Any]]:
    zeros = sum(int((~m).sum()) for m in lab.cover.parameters.values())
    return costs(dense, lab.net, shipped, zeros, _example(job.parts.validation))


def _architecture(job: Job) -> dict[str, Any]:
    return {
        "model": job.spec.model,
        "model_knobs": dict(job.spec.model_knobs),
        "shape": list(job.parts.shape),
        "classes": len(job.parts.classes),
        "unit": job.unit_entry.name,
    }


def _example(part: Part) -> Tensor:
    return torch.from_numpy(part.x[:LARGE]).to(device())
