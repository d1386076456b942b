"""After pruning: fine-tune, rewind, or one of the controls that show what the mask is worth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from prunelab.after import distillation, recalibrate
from prunelab.checkpoint import Place
from prunelab.course import Loss
from prunelab.cover import Cover
from prunelab.events import Event
from prunelab.job import LONGEST, Job, device
from prunelab.lab import Lab, put, state
from prunelab.masks import Masks
from prunelab.measure.macs import ideal_macs, macs
from prunelab.probes import weights
from prunelab.sealed import Held
from prunelab.training import Learner, Recipe, fit, seeded
from prunelab.watch import Watch

# What Frankle & Carbin and Liu et al. compare a mask with comes last; until then the method's way.
CONTROLS = ("reinit", "shuffle", "scratch-e", "scratch-b")
ANEW = ("reinit", "scratch-e", "scratch-b")
EARLY = "early"


def plan(job: Job) -> dict[str, int]:
    """Epochs of each recovery, in order; of scratch-b at most so many."""
    if job.recover in ("none", "recalibrate"):
        return {}
    last = len(job.steps) if job.method.when == "trained" else 1
    return {
        phase(job, n): job.recipe_of(way(job, n)).epochs - begin(job, way(job, n))
        for n in range(1, last + 1)
    }


def phase(job: Job, number: int) -> str:
    """The name of the training after a round of pruning."""
    if job.method.when == "init":
        return "train"
    rounds = len(job.steps) > 1 and job.method.when == "trained"
    return f"round {number}" if rounds else "recover"


def way(job: Job, number: int) -> str:
    """How a round recovers: a control is for the last mask, found in the method's own way."""
    last = number == len(job.steps) or job.method.when != "trained"
    own = "finetune" if job.method.recover == "none" else job.method.recover
    return own if job.recover in CONTROLS and not last else job.recover


def begin(job: Job, how: str) -> int:
    """The epochs that count as done: those before the values or the learning rate set back to."""
    if how not in ("rewind", "shuffle", "lr-rewind"):
        return 0
    return min(int(job.spec.knobs.get("rewind_epoch", 0)), job.recipe_of(how).epochs - 1)


def recover(job: Job, lab: Lab, number: int) -> Iterator[Event]:
    """Train what a round of pruning has left."""
    how = way(job, number)
    recipe = _recipe(job, lab, how)
    if how in ("rewind", "shuffle"):
        lab.net.load_state_dict(_early(job, lab, begin(job, how)))
    if how == "shuffle":
        put(job, lab, shuffled(lab.mask, job.spec.seed))
    if how in ANEW:
        other = replace(job, spec=replace(job.spec, seed=job.spec.seed + 1_000_003 * number))
        lab.net.load_state_dict(other.build().state_dict())
    if how.startswith("recalibrate"):
        recalibrate(lab.net, job.parts)
    if how == "recalibrate":
        return
    learner = Learner(begin=begin(job, how), place=Place(lab.kept, phase(job, number)))
    if how == "distill":
        learner.course.loss = _taught(job, lab)
    if phase(job, number) == "train":
        learner.watch = Watch(lab.net, job.parts.shape, lab.cover, learner.course, "train")
    yield from fit(
        lab.net,
        job.parts,
        recipe,
        phase=phase(job, number),
        seed=job.spec.seed,
        cover=lab.cover,
        learner=learner,
    )


def _taught(job: Job, lab: Lab) -> Loss:
    if lab.dense is None:
        raise RuntimeError("Distillation needs the dense network; the run has none.")
    mine = distillation.__kwdefaults__ or {}
    asked: dict[str, Any] = {k: v for k, v in job.spec.knobs.items() if k in mine}
    return distillation(lab.dense, **asked)


def shuffled(mask: Masks, seed: int) -> Masks:
    """The mask with the units of each layer in random order: the same counts, nothing else."""
    return {
        name: m.flatten()[torch.randperm(m.numel(), generator=seeded(seed, "shuffle", name))]
        .reshape(m.shape)
        .clone()
        for name, m in ((name, m.cpu()) for name, m in mask.items())
    }


def _early(job: Job, lab: Lab, epochs: int) -> dict[str, torch.Tensor]:
    """The dense values after so many epochs: trained again, since the dense model may be shared."""
    if epochs and not lab.early:
        kept = lab.kept.load(EARLY)
        lab.early = kept.tensors if kept else _again(job, lab, epochs)
    return lab.early or lab.first


def _again(job: Job, lab: Lab, epochs: int) -> dict[str, torch.Tensor]:
    net = job.build().to(device())
    dense = fit(
        net,
        job.parts,
        job.recipe,
        phase="dense",
        seed=job.spec.seed,
        cover=Cover({}),
        learner=Learner(place=Place(lab.kept, EARLY)),
    )
    for _ in itertools.islice(dense, epochs):
        pass
    lab.kept.later(EARLY, Held(state(net), {}))
    return state(net)


def _recipe(job: Job, lab: Lab, how: str) -> Recipe:
    """As long as planned; scratch-b as long as the multiply-adds of dense training allow."""
    recipe = job.recipe_of(how)
    if how != "scratch-b":
        return recipe
    example = torch.from_numpy(job.parts.train.x[:1]).to(device())
    dense = sum(macs(lab.net, example).values())
    left = (
        sum(macs(_small(job, lab), example).values())
        if job.structured
        else ideal_macs(lab.net, example)
    )
    ratio = dense / max(1, left)
    return replace(recipe, epochs=round(recipe.epochs / LONGEST * min(LONGEST, ratio)))


def _small(job: Job, lab: Lab) -> nn.Module:
    """The network without what the masks remove: without the next layer's inputs, too."""
    return job.unit.keep(lab.net, job.parts, lab.mask)  # type: ignore[no-any-return]


def scale_as_small(job: Job, lab: Lab) -> None:
    """Make fresh values as large as those the small architecture would draw for itself.

    Layers draw within ± 1/√inputs (Kaiming uniform); with fewer inputs a layer begins with larger
    weights. Trained from scratch as Liu et al. 2019 do, the small network must not start as a part
    of the large one.
    """
    small = dict(_small(job, lab).named_parameters())
    with torch.no_grad():
        for name, weight in weights(lab.net).items():
            less = small.get(f"{name}.weight")
            if less is not None and less.numel():
                inputs, left = weight[0].numel(), less[0].numel()
                weight.mul_(math.sqrt(inputs / left))
                bias = dict(lab.net.named_parameters()).get(f"{name}.bias")
                if bias is not None:
                    bias.mul_(math.sqrt(inputs / left))
