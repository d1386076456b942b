"""Zeros under a microscope: one layer, one optimiser step at a time, each guard on or off.

A softmax layer on synthetic examples, in numpy, so that a page can compute a step at once; the step
is that of ``torch.optim.SGD`` with momentum and weight decay, bit by bit the same formula.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.speech import _

ROWS, COLUMNS = 8, 24  # classes and inputs
EXAMPLES, BEFORE = 256, 30  # steps of training before the cut
SPARSITY, LR, MOMENTUM, DECAY = 0.75, 0.1, 0.9, 0.02
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Guards:
    """What is multiplied by the mask in every step, and whether weights decay."""

    weights: bool = False
    gradients: bool = True
    momentum: bool = False
    decay: bool = True


@dataclass(frozen=True)
class Slide:
    """The layer at a step after the cut: weights (8, 24), mask (True stays), momentum buffer."""

    weight: Matrix
    mask: NDArray[np.bool_]
    buffer: Matrix
    steps: int = 0
    zeros: tuple[float, ...] = (1.0,)  # share of the pruned weights still zero, by step

    @property
    def woken(self) -> NDArray[np.bool_]:
        """Pruned weights that are no longer zero."""
        found: NDArray[np.bool_] = ~self.mask & (self.weight != 0)
        return found


def begin() -> Slide:
    """A layer trained for a while, then cut: the smallest three quarters are zero."""
    weight = np.random.default_rng(0).normal(0, 0.1, (ROWS, COLUMNS))
    buffer = np.zeros_like(weight)
    for _step in range(BEFORE):
        buffer = MOMENTUM * buffer + gradient(weight) + DECAY * weight
        weight = weight - LR * buffer
    order = np.argsort(np.abs(weight), axis=None, kind="stable")
    mask = np.ones(weight.size, dtype=bool)
    mask[order[: round(SPARSITY * weight.size)]] = False
    kept = mask.reshape(weight.shape)
    return Slide(weight * kept, kept, buffer)


def step(slide: Slide, guards: Guards) -> Slide:
    """One step of SGD with momentum, the guards applied where they stand in a training loop."""
    found = gradient(slide.weight)
    if guards.gradients:
        found = found * slide.mask
    if guards.decay:
        found = found + DECAY * slide.weight
    buffer = MOMENTUM * slide.buffer + found
    if guards.momentum:
        buffer = buffer * slide.mask
    weight = slide.weight - LR * buffer
    if guards.weights:
        weight = weight * slide.mask
    left = float((weight[~slide.mask] == 0).mean())
    return replace(
        slide, weight=weight, buffer=buffer, steps=slide.steps + 1, zeros=(*slide.zeros, left)
    )


def gradient(weight: Matrix) -> Matrix:
    """Of the mean cross-entropy over the examples, by the weights."""
    x, y = examples()
    logits = x @ weight.T
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    shares[np.arange(len(y)), y] -= 1
    found: Matrix = shares.T @ x / len(y)
    return found


@functools.cache
def examples() -> tuple[Matrix, NDArray[Any]]:
    """Inputs (256, 24) around one centre a class, and classes (256,)."""
    random = np.random.default_rng(1)
    y = random.integers(0, ROWS, EXAMPLES)
    centres = random.normal(0, 1, (ROWS, COLUMNS))
    return centres[y] + random.normal(0, 1, (EXAMPLES, COLUMNS)), y


def verdict(slide: Slide, guards: Guards) -> str:
    """What has become of the zeros, in a sentence."""
    left = slide.zeros[-1]
    if slide.steps == 0:
        return _("Three quarters of the weights were just set to zero")
    if left == 1:
        return _("Every zero is still zero")
    if guards.weights:
        return _("The zeros are put back after each step")
    if not guards.gradients:
        return _("Gradients woke {share:.0%} of the zeros", share=1 - left)
    return _(
        "Old momentum woke {share:.0%} of the zeros, though their gradients are masked",
        share=1 - left,
    )
