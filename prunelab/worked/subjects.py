"""What a worked example is worked on: models so small that every number fits on a card."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from prunelab.parts import Part, Parts
from prunelab.registry import UNITS, Entry
from prunelab.speech import mark
from prunelab.training import seeded

CLASSES = 3
EACH = 10  # training examples of a class: as many as a score wants that takes some of each


@dataclass(frozen=True)
class Subject:
    """A tiny model with the data it learns from."""

    words: str
    traits: frozenset[str]
    build: Callable[[], Any]
    parts: Callable[[], Parts]


def subject(method: Entry) -> tuple[Subject, str] | None:
    """The first tiny model a method can prune, and the unit it removes; None if there is none."""
    for name in method.units:
        unit = UNITS[name]
        fitting = [s for s in SUBJECTS if unit.needs | method.needs <= s.traits]
        if fitting:
            images = [s for s in fitting if "convolutional" in s.traits]
            return (images or fitting if unit.structured else fitting)[0], name
    return None


def layer() -> nn.Module:
    """Four inputs, a layer of 4 × 4 weights, ReLU, and an output for each class."""
    hidden, out = nn.Linear(4, 4), nn.Linear(4, CLASSES)
    return _plain(nn.Sequential(OrderedDict(layer=hidden, relu=nn.ReLU(), output=out)))


def convolution() -> nn.Module:
    """Four filters of 2 × 2 on images of 3 × 3, and an output for each class."""
    layers: dict[str, nn.Module] = {
        "layer": nn.Conv2d(1, 4, 2),
        "norm": nn.BatchNorm2d(4),
        "relu": nn.ReLU(),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
        "output": nn.Linear(4, CLASSES),
    }
    return _plain(nn.Sequential(OrderedDict(layers)))


@torch.no_grad()
def _plain(net: nn.Module) -> nn.Module:
    """First values of two decimals, so that they can be followed by hand."""
    for name, parameter in net.named_parameters():
        if name.endswith("weight") and parameter.dim() > 1:
            drawn = torch.randn(parameter.shape, generator=seeded(0, "worked", name))
            parameter.copy_((drawn / 2).mul(100).round().div(100))
        elif name.endswith("bias"):
            parameter.zero_()
    return net


def tree() -> Any:
    """A decision tree of a few splits."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_leaf_nodes=8)


def forest() -> Any:
    """Six small trees that vote."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=6, max_depth=3)


def boosting() -> Any:
    """Six stages of small trees."""
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=6, max_depth=2)


@functools.cache
def table() -> Parts:
    """Four features that take whole numbers; the first three rise with a class each."""
    return _parts((4,))


@functools.cache
def images() -> Parts:
    """Images of 3 × 3 whole numbers, a row of them bright for each class."""
    return _parts((1, 3, 3))


def _parts(shape: tuple[int, ...]) -> Parts:
    drawn = np.random.default_rng(7)

    def part(each: int) -> Part:
        y = np.repeat(np.arange(CLASSES), each)
        x = drawn.integers(-2, 3, (len(y), *shape)).astype(np.float32)
        for row, at in zip(x, y, strict=True):
            row.reshape(-1, shape[-1] if len(shape) > 1 else 1)[at] += 2
        return Part(x, y)

    train, validation, test = part(EACH), part(4), part(4)
    classes = tuple("ABC")
    return Parts(
        classes=classes,
        features=tuple(f"x{n}" for n in range(1, 1 + int(np.prod(shape)))),
        train=train,
        validation=validation,
        digest="worked",
        rows=np.arange(len(train.y)),
        wrong=np.zeros(len(train.y), dtype=bool),
        mean=np.zeros(1),
        deviation=np.ones(1),
        _test=test,
    )


_NETWORK, _TREE = frozenset({"network"}), frozenset({"tree"})
SUBJECTS = (
    Subject(
        mark("a layer of 4 × 4 weights, then an output for each of 3 classes"),
        _NETWORK,
        layer,
        table,
    ),
    Subject(
        mark("4 filters of 2 × 2 weights, then an output for each of 3 classes"),
        _NETWORK | {"convolutional", "batch-normalised network"},
        convolution,
        images,
    ),
    Subject(mark("a decision tree of 8 leaves"), _TREE, tree, table),
    Subject(mark("a forest of 6 small trees"), _TREE | {"forest"}, forest, table),
    Subject(mark("gradient boosting of 6 stages"), frozenset({"boosting"}), boosting, table),
)
