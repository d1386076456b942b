"""What the phases of one run on a network share: the network, its masks, and pruning it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from prunelab.checkpoint import Checkpoint, Place, part, under
from prunelab.cover import Cover, apply
from prunelab.events import Event, Measured, Pruned, Warned
from prunelab.forward import shown
from prunelab.histograms import lowest, scores_histogram, weights_histogram
from prunelab.job import Choice, Job, device
from prunelab.masks import Masks
from prunelab.measure.quality import quality
from prunelab.position import put_values, randomness, set_randomness, values
from prunelab.probes import reached
from prunelab.sealed import Held, Tensors
from prunelab.training import Learner

State = dict[str, Tensor]


@dataclass
class Lab:
    """What the phases of one run hand on: the network, its first values, its masks."""

    net: nn.Module
    first: State
    mask: Masks
    cover: Cover
    learner: Learner = field(default_factory=Learner)
    early: State = field(default_factory=dict)  # what late rewinding sets back to
    dense: nn.Module | None = None  # as trained, before anything is pruned
    pruned: nn.Module | None = None  # right after the last pruning
    rows: Tensor | None = None  # of the training part, where not all are learned from
    kept: Checkpoint = field(default_factory=Checkpoint)
    shared: Path | None = None  # the folder of what runs share


def piece(job: Job, lab: Lab, name: str, steps: Iterator[Event]) -> Iterator[Event]:
    """Work that is done once: after a break what it told is told again, and its end taken up."""
    if found := lab.kept.done(name):
        if found.end:
            _take_up_end(job, lab, found.end)
        yield from found.events
        return
    told = []
    for event in steps:
        told.append(event)
        yield event
        yield from lab.kept.warnings()
    chance = randomness()
    tensors = under("net", values(lab.net)) | under("more", held(lab)) | chance.tensors
    lab.kept.finish(name, Held(tensors, chance.about), told)


def place(job: Job, lab: Lab, name: str) -> Place:
    """Where a training that prunes meanwhile is kept."""
    return Place(lab.kept, name, lambda: held(lab), lambda tensors: take_up(job, lab, tensors))


def held(lab: Lab) -> Tensors:
    """What pruning has left beside the network: mask, examples, and the network right after."""
    after = values(lab.pruned) if lab.pruned is not None else {}
    rows = {} if lab.rows is None else {"kept": lab.rows}
    return under("mask", lab.mask) | under("pruned", after) | under("rows", rows)


def take_up(job: Job, lab: Lab, tensors: Tensors) -> None:
    """Take back what ``held`` gave."""
    lab.rows = part("rows", tensors).get("kept", lab.rows)
    if mask := part("mask", tensors):
        put(job, lab, mask)
    if after := part("pruned", tensors):
        lab.pruned = copy.deepcopy(lab.net)
        put_values(lab.pruned, after)


def _take_up_end(job: Job, lab: Lab, end: Held) -> None:
    take_up(job, lab, part("more", end.tensors))
    put_values(lab.net, part("net", end.tensors))
    set_randomness(end)


def prune(job: Job, lab: Lab, choice: Choice, number: int, sparsity: float) -> Iterator[Event]:
    """Put a mask on the network, and say what it removed."""
    last = number == len(job.steps)
    before = copy.deepcopy(lab.net) if last else lab.net
    table = put(job, lab, choice.mask)
    yield Pruned(
        round=number,
        rounds=len(job.steps),
        asked=job.asked(choice.scores, sparsity) if choice.asked is None else choice.asked,
        kept=sum(r["kept"] for r in table),
        of=sum(r["units"] for r in table),
        layers=[{**r, "threshold": _threshold(r["name"], choice)} for r in table],
    )
    if not last:
        return
    yield from (Warned(message=note) for note in choice.notes)
    empty = [r["name"] for r in table if r["kept"] == 0 and not job.structured]
    lab.pruned = copy.deepcopy(shown(lab.net, lab.cover, lab.learner.course))
    live, outputs = (1, 1) if job.structured else reached(lab.pruned, job.parts.shape)
    if empty:
        yield Warned(message=f"{', '.join(empty)} lost everything: no signal passes any more.")
    elif live < outputs:
        yield Warned(message=f"Only {live} of {outputs} outputs have a path left from the input.")
    yield weights_histogram(before, "pruned", lab.cover.parameters)
    yield scores_histogram(job.method.label, choice.scores, choice.mask)
    yield validated(job, lab.pruned, "pruned")


def put(job: Job, lab: Lab, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """Cover the network with a mask; one row a layer says what that leaves."""
    lab.mask = {name: m.to(device()) for name, m in mask.items()}
    lab.learner.course.mask = lab.mask
    table = job.unit.rows(lab.net, job.parts, lab.mask)
    cover = job.unit.cover
    lab.cover.parameters = cover(lab.net, job.parts, lab.mask) if cover else {}
    lab.cover.sparsity = 1 - sum(r["kept"] for r in table) / sum(r["units"] for r in table)
    lab.cover.layers = {r["name"]: 1 - r["kept"] / r["units"] for r in table}
    apply(lab.net, lab.cover)
    return table


def validated(job: Job, net: nn.Module, stage: Any) -> Measured:
    """Quality on the validation part."""
    values = quality(net, job.parts.validation, len(job.parts.classes))
    return Measured(stage=stage, part="validation", values=values)


def state(net: nn.Module) -> State:
    """A copy of all values of a network."""
    return {name: t.detach().clone() for name, t in net.state_dict().items()}


def _threshold(name: str, choice: Choice) -> float | None:
    return lowest(choice.scores[name], choice.mask[name]) if name in choice.scores else None
