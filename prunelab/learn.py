"""Training while pruning: the mask follows a schedule, or a method that learns along."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from prunelab.cover import Cover, apply
from prunelab.events import Event, Warned
from prunelab.job import Job
from prunelab.lab import Lab, place, prune, put
from prunelab.masks import Scores
from prunelab.scoring import call
from prunelab.training import Learner, fit
from prunelab.watch import Watch

Offer = Callable[[], Scores | None]


def train_and_prune(job: Job, lab: Lab) -> Iterator[Event]:
    """Train from the first values, or from the trained ones, while the mask follows the method.

    A learner that has begun goes on from where it was: with its memory, mask and network.
    """
    if job.method.start == "first" and not lab.learner.begin:
        lab.net.load_state_dict(lab.first)
    lab.cover.latent = job.method.latent
    scores = None if _nothing_to_learn(job) else _scores(job, lab)
    offer = (lambda: next(scores)) if isinstance(scores, Generator) else None
    lab.learner.update = _Schedule(job, lab, offer)
    lab.learner.place = place(job, lab, "train")
    watch = Watch(lab.net, job.parts.shape, lab.cover, lab.learner.course, "train")
    lab.learner.watch = watch
    yield from fit(
        lab.net,
        job.parts,
        job.train,
        phase="train",
        seed=job.spec.seed,
        cover=lab.cover,
        learner=lab.learner,
    )
    if job.method.latent or isinstance(job.steps, dict):  # else what came in later began at zero
        yield watch.moved(job.method.start)
    yield from _finish(lab)


def _nothing_to_learn(job: Job) -> bool:
    """Where nothing is to go, noise or gates would still disturb what is then dense training."""
    return job.method.schedule == "settle" and not job.spec.sparsity and not job.spec.layers


def _scores(job: Job, lab: Lab) -> Any:
    return call(job.method, job.unit, lab.net, job.parts, job.spec, lab.learner)


class _Schedule:
    """Chooses a mask when the schedule says so, or whenever a method offers scores in between."""

    def __init__(self, job: Job, lab: Lab, offer: Offer | None) -> None:
        self.job, self.lab, self.offer = job, lab, offer
        steps = job.steps
        self.due = sorted(steps.items()) if isinstance(steps, dict) else [(0.0, steps[-1])]
        self.first = True

    def __call__(self) -> Iterator[Event]:
        course = self.lab.learner.course
        if self.first and self.lab.learner.begin:
            self.due = [(share, s) for share, s in self.due if share > course.done + 1e-9]
        sparsity = self._sparsity(course.done)
        course.due = sparsity is not None
        scores = self.offer() if self.offer else None
        if sparsity is not None:
            yield from self._prune(scores, sparsity)
        elif scores is not None and not isinstance(self.job.steps, dict) and not self.first:
            put(self.job, self.lab, self.job.again(scores, self.lab.mask))
        self.first = False

    def _sparsity(self, done: float) -> float | None:
        sparsity = None
        while self.due and self.due[0][0] <= done + 1e-9:
            sparsity = self.due.pop(0)[1]
        return sparsity if sparsity or not self.due else None

    def _prune(self, scores: Any, sparsity: float) -> Iterator[Event]:
        job, lab = self.job, self.lab
        if self.offer:
            choice = job.select(scores, sparsity)
        else:
            choice = job.choose(lab.net, sparsity, lab.mask)
        yield from prune(job, lab, choice, len(job.steps) - len(self.due), sparsity)


def _finish(lab: Lab) -> Iterator[Event]:
    """What was latent becomes zero for good; the outputs stay."""
    lab.cover.latent = False
    apply(lab.net, Cover(lab.cover.parameters))
    if lab.learner.course.note:
        yield Warned(message=lab.learner.course.note)
    lab.learner = Learner()
