"""The real run of a method on a tiny model, with every choice it makes written down."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from prunelab import run_network
from prunelab.cover import Cover
from prunelab.job import Choice, Job, device
from prunelab.lab import Lab, state
from prunelab.masks import Masks, Scores
from prunelab.probes import weights
from prunelab.registry import METHODS, UNITS, Entry, knobs_of
from prunelab.schedules import SCHEDULES
from prunelab.spec import RunSpec
from prunelab.training import Recipe, fit
from prunelab.worked.subjects import Subject, subject

SPARSITY = 0.5
BRIEF = {
    "runs": 2,
    "folds": 2,
    "rounds": 2,
    "every": 2,
    "updates": 2,
    "rate": 0.3,
}  # knobs that make an example short
TRAINED = Recipe(epochs=4, lr=0.05, batch_size=10)


@dataclass(frozen=True)
class Moment:
    """A choice of units: what the method saw, its scores, and what it led to."""

    model: Any  # a copy from just before
    gradients: dict[str, Tensor]  # those the last backward pass left
    before: Masks
    scores: Scores
    mask: Masks


@dataclass(frozen=True, kw_only=True)
class Watched(Job):
    """A job that notes what is chosen, of the very network the run works on."""

    net: Any
    subject: Subject
    moments: list[Moment] = field(default_factory=list)

    def build(self) -> Any:
        """The tiny model with its first values."""
        return self.subject.build()

    def select(
        self,
        scores: Scores,
        sparsity: float,
        within: Masks | None = None,
        notes: tuple[str, ...] = (),
    ) -> Choice:
        """As every job, and noted."""
        made = super().select(scores, sparsity, within, notes)
        self._note(scores, within or {}, made.mask)
        return made

    def again(self, scores: Scores, mask: Masks) -> Masks:
        """As every job, and noted."""
        made = super().again(scores, mask)
        self._note(scores, mask, made)
        return made

    def _note(self, scores: Scores, before: Masks, mask: Masks) -> None:
        found = {}
        if isinstance(self.net, nn.Module):
            found = {
                n: w.grad.detach().clone().cpu()
                for n, w in weights(self.net).items()
                if w.grad is not None
            }
        held = {name: s.detach().clone().cpu() for name, s in scores.items()}
        model = copy.deepcopy(self.net)
        masks = [{n: m.clone().cpu() for n, m in given.items()} for given in (before, mask)]
        self.moments.append(Moment(model, found, masks[0], held, masks[1]))


def watched(name: str) -> Watched | None:
    """A method after its whole run on the tiny model it fits; None where there is none."""
    entry = METHODS[name]
    found = subject(entry)
    if found is None:
        return None
    job = _job(entry, *found)
    (_network if isinstance(job.net, nn.Module) else _estimator)(job)
    return job


def _job(entry: Entry, on: Subject, unit: str) -> Watched:
    schedule = SCHEDULES[entry.schedule]
    mine = {knob.name for knob in (*entry.knobs, *knobs_of(schedule))}
    knobs = {name: value for name, value in BRIEF.items() if name in mine}
    spec = RunSpec(method=entry.name, sparsity=SPARSITY, knobs=knobs)
    own = {k.name for k in knobs_of(schedule)}
    return Watched(
        spec=spec,
        method=entry,
        unit=UNITS[unit].function(),
        unit_entry=UNITS[unit],
        parts=on.parts(),
        scope=entry.scope,
        recover="rewind" if entry.when == "init" else entry.recover,
        recipe=TRAINED,
        retrain=replace(TRAINED, epochs=2),
        train=replace(TRAINED, **entry.recipe),
        steps=schedule(SPARSITY, **{k: v for k, v in knobs.items() if k in own}),
        structured=UNITS[unit].structured,
        net=on.build(),
        subject=on,
    )


def _network(job: Watched) -> None:
    net = job.net.to(device())
    lab = Lab(net=net, first=state(net), mask={}, cover=Cover({}))
    if job.method.when == "trained" or job.method.start == "trained":
        for _ in fit(net, job.parts, job.recipe, phase="dense", seed=0, cover=lab.cover):
            pass
    if job.examples:
        job.choose(net, SPARSITY)
        return
    for _ in run_network.PATHS[job.method.when](job, lab):
        pass


def _estimator(job: Watched) -> None:
    train = job.parts.train
    job.net.set_params(random_state=0).fit(train.x.reshape(len(train.y), -1), train.y)
    job.choose(job.net, SPARSITY)
