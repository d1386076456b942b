"""What is known of a grown tree: plain arrays, one entry a node where nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Numbers = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Dots(NamedTuple):
    """Some examples of one part: where they are, their classes, and their dense leaves."""

    x: NDArray[np.float32]  # (examples, 2), as the data were measured
    y: Ints
    leaf: Ints


@dataclass(frozen=True)
class Plane:
    """A tree of two features in the plane: the dense leaf of each cell, and some examples."""

    grid: Ints  # (high, wide)
    axes: Numbers  # (2, cells): the middles of the cells, as the data were measured
    train: Dots
    validation: Dots


@dataclass(frozen=True)
class Path:
    """One rule's nested subtrees: node t is a leaf of tree k where ``birth <= k < death``."""

    alphas: Numbers
    birth: Ints
    death: Ints
    label: str  # what the thresholds mean
    decides: bool  # whether threshold 0 is the rule's own answer
    refits: bool = False  # whether the folds of cross-validation are this rule's


@dataclass(frozen=True)
class Grown:
    """The dense tree, the class counts of training and validation rows, and every rule's path."""

    left: Ints
    right: Ints
    depth: Ints
    feature: Ints
    threshold: Numbers  # as the data were measured; NaN at leaves
    impurity: Numbers
    label: Ints
    train: Ints  # (nodes, classes)
    validation: Ints  # (nodes, classes)
    features: tuple[str, ...]
    classes: tuple[str, ...]
    paths: dict[str, Path]
    share_start: NDArray[np.int64]
    shares: Ints
    plane: Plane | None = None

    @cached_property
    def inner(self) -> Bools:
        """Which nodes split in the dense tree."""
        return np.asarray(self.left >= 0)

    @cached_property
    def parent(self) -> Ints:
        """The node above each; -1 above the root."""
        above: Ints = np.full(len(self.left), -1, np.int32)
        ids = np.flatnonzero(self.inner).astype(np.int32)
        above[self.left[ids]] = above[self.right[ids]] = ids
        return above

    @cached_property
    def levels(self) -> list[tuple[Ints, Ints, Ints]]:
        """The splits of each depth from the root down, with their children."""
        ids = np.flatnonzero(self.inner).astype(np.int32)
        rows = [ids[self.depth[ids] == d] for d in range(int(self.depth.max()))]
        return [(row, self.left[row], self.right[row]) for row in rows]

    @cached_property
    def leaves(self) -> int:
        """How many leaves the dense tree has."""
        return int((~self.inner).sum())

    @cached_property
    def wrong(self) -> tuple[Numbers, Numbers, Numbers]:
        """Per node as a leaf: training errors, validation errors, weighted impurity."""
        told = np.arange(len(self.label)), self.label
        train = self.train.sum(1) - self.train[told]
        held = self.validation.sum(1) - self.validation[told]
        rows = self.train.sum(1)
        return train.astype(float), held.astype(float), rows * self.impurity / rows[0]


@dataclass(frozen=True)
class CrossValidated:
    """Scores of every α of cost-complexity on the training rows, (folds, alphas)."""

    alphas: Numbers
    scores: Numbers


@dataclass(frozen=True)
class Compared:
    """Ways to prune on fresh splits: scores (ways, splits, leaves), and each way's own answer.

    Scores are NaN where a way has no such size, answers where it leaves the choice open.
    """

    rules: tuple[str, ...]
    leaves: NDArray[np.int64]
    scores: Numbers
    own: Numbers  # (ways, splits, 2): leaves and score
