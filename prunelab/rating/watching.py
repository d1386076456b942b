"""Watching models learn the very examples that are to be scored, in a few trainings.

Scores of examples come from several trainings, so that no single set of first values decides.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prunelab.cover import Cover
from prunelab.events import Event
from prunelab.parts import Part, Parts
from prunelab.spec import SpecError
from prunelab.training import Recipe, fit, seeded, tensors

BATCH = 1024
MOST = 200_000_000  # logits kept of one training: 0.8 GB


@dataclass(frozen=True)
class Watched:
    """One training: the model at its end, and the logits of each row when it was presented.

    ``logits`` is (epochs, rows, classes) float32, before the step that learned from the row; empty
    for an estimator. ``held`` are the rows it did not train on.
    """

    model: Any
    logits: NDArray[np.float32]
    held: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How often and how long to watch: ``runs`` trainings of the whole, or one for each fold."""

    kind: Literal["runs", "folds"]
    build: Callable[[int], Any]  # a fresh model for a seed
    recipe: Recipe
    runs: int
    share: float
    seed: int

    @property
    def epochs(self) -> int:
        """Epochs of each training: a share of a whole one, at least the first."""
        return max(1, round(self.share * self.recipe.epochs))

    @property
    def plan(self) -> dict[str, int]:
        """Epochs of each phase."""
        return {_phase(number): self.epochs for number in range(1, self.runs + 1)}

    def __call__(self, parts: Parts) -> Generator[Event, None, list[Watched]]:
        """Train, telling each epoch; returns what was seen."""
        found = []
        for number in range(1, self.runs + 1):
            held = self._held(parts, number)
            model = self.build(self.seed + 7919 * number)
            if isinstance(model, nn.Module):
                found.append((yield from self._trained(model, parts, number, held)))
            else:
                found.append(_fitted(model, parts, held))
        return found

    def _held(self, parts: Parts, number: int) -> NDArray[np.int64]:
        if self.kind == "runs":
            return np.empty(0, dtype=np.int64)
        from sklearn.model_selection import StratifiedKFold

        folds = StratifiedKFold(self.runs, shuffle=True, random_state=self.seed % 2**32)
        y = parts.train.y
        rare = int(np.bincount(y).min())
        if rare < self.runs:
            raise SpecError(f"A class has only {rare} examples, too few for {self.runs} folds.")
        held: NDArray[np.int64] = list(folds.split(y, y))[number - 1][1]
        return held

    def _trained(
        self, net: nn.Module, parts: Parts, number: int, held: NDArray[np.int64]
    ) -> Generator[Event, None, Watched]:
        rows = np.setdiff1d(np.arange(len(parts.train.y)), held)
        part = Part(parts.train.x[rows], parts.train.y[rows])
        recipe = replace(self.recipe, epochs=self.epochs)
        classes = len(parts.classes)
        logits = np.empty((self.epochs, len(rows), classes), dtype=np.float32)
        if logits.size > MOST:
            raise ValueError(
                f"Watching {len(rows):,} examples of {classes} classes for {self.epochs} epochs "
                f"takes {logits.nbytes / 1e9:.1f} GB; watch a smaller share of the training."
            )
        epoch = 0
        with presented(net) as batches:
            for event in fit(
                net,
                replace(parts, train=part),
                recipe,
                phase=_phase(number),
                seed=self.seed,
                cover=Cover({}),
            ):
                epoch += 1
                order = torch.randperm(
                    len(rows), generator=seeded(self.seed, _phase(number), epoch)
                )
                logits[epoch - 1, order.numpy()] = torch.cat(batches).cpu().numpy()
                batches.clear()
                yield event
        return Watched(net.eval(), logits, held)


def seen(watching: Generator[Event, None, list[Watched]]) -> list[Watched]:
    """What a watch returns, its events unheard; torch's random numbers are as before."""
    with torch.random.fork_rng(devices=[]):
        while True:
            try:
                next(watching)
            except StopIteration as end:
                found: list[Watched] = end.value
                return found


@contextmanager
def presented(net: nn.Module) -> Iterator[list[torch.Tensor]]:
    """What a network answers inside, batch by batch, while it trains."""
    batches: list[torch.Tensor] = []

    def note(module: nn.Module, inputs: Any, answer: torch.Tensor) -> None:
        if module.training:
            batches.append(answer.detach())

    hook = net.register_forward_hook(note)
    try:
        yield batches
    finally:
        hook.remove()


@torch.no_grad()
def chances(model: Any, part: Part, classes: int) -> NDArray[np.float64]:
    """Probabilities (rows, classes) of a network in evaluation mode, or of a fitted estimator."""
    if isinstance(model, nn.Module):
        x, _ = tensors(part, next(model.parameters()).device)
        answers = [model(some).double().softmax(1).cpu() for some in torch.split(x, BATCH)]
        found: NDArray[np.float64] = torch.cat(answers).numpy()
        return found
    shares = np.zeros((len(part.y), classes))
    shares[:, model.classes_] = model.predict_proba(part.x.reshape(len(part.x), -1))
    return shares


def epochs_learned(seen: list[Watched], y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each row was right when it was presented: (runs, epochs, rows)."""
    return np.stack([watched.logits.argmax(2) == y for watched in seen])


def fresh(model: Any, seed: int) -> Any:
    """A copy of a model of one's own with new first values.

    Raises:
        ValueError: a network with parameters that no layer knows how to set anew.
    """
    if not isinstance(model, nn.Module):
        from sklearn.base import clone

        return clone(model)
    net = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in net.named_modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            elif any(True for _ in module.parameters(recurse=False)):
                raise ValueError(
                    f"{name or 'the network'} has parameters but no reset_parameters(); add one, "
                    f"or let PruneLab score the examples with a network of its own."
                )
    return net


def _fitted(model: Any, parts: Parts, held: NDArray[np.int64]) -> Watched:
    rows = np.setdiff1d(np.arange(len(parts.train.y)), held)
    x = parts.train.x.reshape(len(parts.train.x), -1)
    return Watched(model.fit(x[rows], parts.train.y[rows]), np.empty((0, 0, 0), np.float32), held)


def _phase(number: int) -> str:
    return f"score {number}"
