"""A run on a network: train, prune (once, in rounds, while training), recover, remove, measure."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prunelab import artefacts
from prunelab.events import Event, Measured, Pruned, Warned
from prunelab.histograms import lowest, scores_histogram, weights_histogram
from prunelab.job import Choice, Job, device
from prunelab.masks import Masks
from prunelab.measure.latency import latency
from prunelab.measure.macs import ideal_macs, macs
from prunelab.measure.quality import quality
from prunelab.measure.size import size
from prunelab.parts import Part
from prunelab.training import Cover, apply, fit

State = dict[str, Tensor]
BATCH = 64  # of the latency measurement


@dataclass
class Lab:
    """What the phases of one run hand on: the network, its first values, its masks."""

    net: nn.Module
    first: State
    mask: Masks
    cover: Cover
    pruned: nn.Module | None = None  # right after the last pruning


def run_network(job: Job, files: Path | None, dense: Path | None) -> Iterator[Event]:
    """The events of a run on a network, from its first values to the measured result."""
    net = job.build().to(device())
    lab = Lab(net=net, first=_state(net), mask={}, cover=Cover({}))
    yield weights_histogram(net, "start")
    yield from _dense(job, lab, dense)
    trained = copy.deepcopy(net)
    yield weights_histogram(net, "dense")
    yield _validated(job, net, "dense")
    if job.method.when == "training":
        yield from _while_training(job, lab)
    else:
        for number, sparsity in enumerate(job.steps, start=1):
            yield from _round(job, lab, number, sparsity)
    yield weights_histogram(net, "recovered", lab.cover.parameters)
    yield _validated(job, net, "recovered")
    yield from _results(job, lab, trained, files)


def plan(job: Job) -> dict[str, int]:
    """Epochs of each phase, in order."""
    phases = {"dense": job.recipe.epochs}
    if job.method.when == "training":
        phases["train"] = job.recipe.epochs
    elif job.recover != "none":
        phases |= {_phase(job, n): job.retrain.epochs for n in range(1, len(job.steps) + 1)}
    return phases


def _phase(job: Job, number: int) -> str:
    return "recover" if len(job.steps) == 1 else f"round {number}"


def _dense(job: Job, lab: Lab, folder: Path | None) -> Iterator[Event]:
    """Train the dense network, or take the one that another run of the same dense key trained."""
    kept = artefacts.load_dense(folder, job.spec.dense_key) if folder else None
    if kept:
        lab.net.load_state_dict(kept[0])
        yield from kept[1]
        return
    seen = []
    for event in _fit(job, lab, "dense"):
        seen.append(event)
        yield event
    if folder:
        artefacts.save_dense(folder, job.spec.dense_key, lab.net.state_dict(), seen)


def _fit(job: Job, lab: Lab, phase: str, update: Any = None) -> Iterator[Event]:
    recipe = job.recipe if phase in ("dense", "train") else job.retrain
    seed = job.spec.seed
    yield from fit(
        lab.net, job.parts, recipe, phase=phase, seed=seed, cover=lab.cover, update=update
    )


def _round(job: Job, lab: Lab, number: int, sparsity: float) -> Iterator[Event]:
    """Choose a mask, apply it, and recover."""
    yield from _prune(job, lab, number, sparsity)
    if job.recover == "none":
        return
    if job.recover == "rewind":
        lab.net.load_state_dict(lab.first)
    if job.recover == "reinit":
        other = replace(job, spec=replace(job.spec, seed=job.spec.seed + 1_000_003 * number))
        lab.net.load_state_dict(other.build().state_dict())
    yield from _fit(job, lab, _phase(job, number))


def _while_training(job: Job, lab: Lab) -> Iterator[Event]:
    """Train anew from the first values while the mask follows the schedule."""
    lab.net.load_state_dict(lab.first)
    due = sorted(job.steps.items())

    def update(net: nn.Module, done: float, cover: Cover) -> Iterator[Event]:
        sparsity = None
        while due and due[0][0] <= done + 1e-9:
            sparsity = due.pop(0)[1]
        if sparsity is not None and (sparsity > 0 or not due):
            yield from _prune(job, lab, len(job.steps) - len(due), sparsity)

    yield from _fit(job, lab, "train", update)


def _prune(job: Job, lab: Lab, number: int, sparsity: float) -> Iterator[Event]:
    """Choose a mask, put it on the network, and say what it removed."""
    last = number == len(job.steps)
    before = copy.deepcopy(lab.net) if last else lab.net
    choice = job.choose(lab.net, sparsity, lab.mask)
    lab.mask = {name: mask.to(device()) for name, mask in choice.mask.items()}
    table = job.unit.rows(lab.net, job.parts, lab.mask)
    _cover(job, lab, table)
    apply(lab.net, lab.cover)
    yield Pruned(
        round=number,
        rounds=len(job.steps),
        asked=job.asked(choice.scores, sparsity),
        kept=sum(r["kept"] for r in table),
        of=sum(r["units"] for r in table),
        layers=[{**r, "threshold": _threshold(r["name"], choice)} for r in table],
    )
    if not last:
        return
    empty = [r["name"] for r in table if r["kept"] == 0]
    if empty:
        yield Warned(message=f"{', '.join(empty)} lost everything: no signal passes any more.")
    yield weights_histogram(before, "pruned", lab.cover.parameters)
    yield scores_histogram(job.method.label, choice.scores, choice.mask)
    lab.pruned = copy.deepcopy(lab.net)
    yield _validated(job, lab.net, "pruned")


def _cover(job: Job, lab: Lab, table: list[dict[str, Any]]) -> None:
    cover = job.unit.cover
    lab.cover.parameters = cover(lab.net, job.parts, lab.mask) if cover else {}
    units = sum(r["units"] for r in table)
    lab.cover.sparsity = 1 - sum(r["kept"] for r in table) / units
    lab.cover.layers = {r["name"]: 1 - r["kept"] / r["units"] for r in table}


def _threshold(name: str, choice: Choice) -> float | None:
    return lowest(choice.scores[name], choice.mask[name]) if name in choice.scores else None


def _validated(job: Job, net: nn.Module, stage: Any) -> Measured:
    values = quality(net, job.parts.validation, len(job.parts.classes))
    return Measured(stage=stage, part="validation", values=values)


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
    for stage, model in stages.items():
        values = quality(model, test, len(job.parts.classes)) | costs[stage]
        yield Measured(stage=stage, part="test", values=values)


def _costs(job: Job, lab: Lab, dense: nn.Module, shipped: nn.Module) -> dict[str, dict[str, Any]]:
    example = _example(job.parts.validation)
    covered = sum(int((~m).sum()) for m in lab.cover.parameters.values())
    counted = macs(dense, example[:1])
    total = sum(p.numel() for p in dense.parameters())
    masked = {
        "params": sum(p.numel() for p in shipped.parameters()),
        "nonzero": total - covered,
        "bytes": size(lab.net, shipped),
        "macs": {
            "dense": sum(counted.values()),
            "ideal": ideal_macs(lab.net, example[:1]),
            "shipped": sum(macs(shipped, example[:1]).values()),
        },
    }
    full = sum(counted.values())
    whole = {
        "params": total,
        "nonzero": total,
        "bytes": size(dense, dense),
        "macs": {"dense": full, "ideal": full, "shipped": full},
    }
    timed = _latency({"dense": dense, "recovered": shipped}, example)
    return {
        "dense": whole | {"latency_ms": timed["dense"]},
        "pruned": masked,
        "recovered": masked | {"latency_ms": timed["recovered"]},
    }


def _latency(nets: dict[str, nn.Module], example: Tensor) -> dict[str, dict[str, Any]]:
    def call(net: nn.Module) -> Any:
        with torch.inference_mode():
            return net(example)

    timed = latency({name: functools.partial(call, net) for name, net in nets.items()})
    about = {"batch": len(example), "threads": torch.get_num_threads()}
    return {name: values | about for name, values in timed.items()}


def _architecture(job: Job) -> dict[str, Any]:
    return {
        "model": job.spec.model,
        "model_knobs": dict(job.spec.model_knobs),
        "shape": list(job.parts.shape),
        "classes": len(job.parts.classes),
        "unit": job.unit_entry.name,
    }


def _example(part: Part) -> Tensor:
    return torch.from_numpy(part.x[:BATCH]).to(device())


def _state(net: nn.Module) -> State:
    return {name: t.detach().clone() for name, t in net.state_dict().items()}
