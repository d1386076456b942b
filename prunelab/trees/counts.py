"""What each node of a tree knows: its class counts, and what held-out rows say about it.

With several outputs, each output of a row counts as an example of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import is_classifier

from prunelab.trees.rules import up
from prunelab.trees.structure import Indices, Numbers


class Rows(NamedTuple):
    """Rows to prune with: as for scikit-learn, with a weight each if they have one."""

    x: Any
    y: Any
    weight: Any = None


class Sets(NamedTuple):
    """The rows a method may look at: those the tree was grown on, and those held out."""

    train: Rows | None = None
    validation: Rows | None = None


class Fallen(NamedTuple):
    """Held-out rows summed at every node: weight (nodes,), and by output what is asked of them.

    Classifiers have ``sums[o][node, class]``, regressors ``sums[o][node]`` = [Σw, Σwy, Σwy²] with
    y counted from ``origin[o]``.
    """

    weight: Numbers
    sums: list[Numbers]
    origin: Numbers


def class_counts(member: Any) -> Numbers:
    """Training counts, (nodes, outputs, classes), weighted as the tree was grown.

    Raises:
        TypeError: a tree that does not predict classes.
    """
    if not is_classifier(member):
        raise TypeError(f"This method needs a tree of classes, got {type(member).__name__}.")
    tree = member.tree_
    return np.asarray(tree.value * tree.weighted_n_node_samples[:, None, None])


def errors(member: Any) -> Numbers:
    """Training examples that each node would get wrong as a leaf."""
    counts = class_counts(member)
    return np.asarray(np.maximum((counts.sum(2) - counts.max(2)).sum(1), 0.0))


def held_out(data: Any, part: str = "validation") -> Rows:
    """The rows of one part of the data, flat.

    Raises:
        ValueError: there are none.
    """
    rows = getattr(data, part, None)
    if rows is None:
        what = "a pruning set (validation rows)" if part == "validation" else "the training rows"
        raise ValueError(f"This method needs {what}: pass data, or X and y.")
    x = rows.x.reshape(len(rows.x), -1) if getattr(rows.x, "ndim", 2) > 2 else rows.x
    if x is None or rows.y is None or np.shape(rows.y)[0] == 0:
        raise ValueError("The pruning set is empty; it needs at least one row with its target.")
    return Rows(x, rows.y, getattr(rows, "weight", None))


def fallen(model: Any, member: Any, rows: Rows) -> Fallen:
    """Sum held-out rows at every node of a tree of ``model`` that they pass.

    Raises:
        ValueError: other features, missing values where scikit-learn knows none, targets that do
            not match the rows, or classes the tree has never seen.
    """
    at = member.apply(rows.x)
    y = np.asarray(rows.y)
    y = y.reshape(len(y), -1)
    outputs = member.tree_.n_outputs
    if y.shape != (len(at), outputs):
        raise ValueError(f"y must be {len(at)} rows of {outputs} outputs, got {y.shape}.")
    weight = np.ones(len(at)) if rows.weight is None else np.asarray(rows.weight, np.float64)
    _weigh(weight, len(at))
    sums, origin = _sums(model, member, at, y, weight)
    total = np.bincount(at, weight, member.tree_.node_count)
    return Fallen(up(member.tree_, total), [up(member.tree_, s) for s in sums], origin)


def _weigh(weight: Numbers, rows: int) -> None:
    if weight.shape != (rows,):
        raise ValueError(f"sample_weight must be one number a row, got shape {weight.shape}.")
    if not (weight >= 0).all() or not 0 < weight.sum() < np.inf:
        raise ValueError("sample_weight must be finite numbers from 0 up, not all of them 0.")


def refuse_new_holes(train: Any, x: Any) -> None:
    """scikit-learn sends a missing value it never saw the way most rows went; here it is refused.

    Raises:
        ValueError: a feature has missing values in ``x`` and none in the rows grown on.
    """
    if issparse(train) or issparse(x):
        return  # scikit-learn takes no missing values there
    known, new = (np.isnan(np.asarray(rows, np.float64)).any(0) for rows in (train, x))
    if known.shape != new.shape:
        return  # other features: refused by scikit-learn, with its own words
    strange = np.flatnonzero(new & ~known)
    if len(strange):
        raise ValueError(
            f"Feature {strange[0]} has missing values, and the tree was grown without any there."
        )


def _sums(
    model: Any, member: Any, at: Indices, y: NDArray[Any], weight: Numbers
) -> tuple[list[Numbers], Numbers]:
    nodes = member.tree_.node_count
    if is_classifier(member):
        sums: list[Numbers] = []
        for output, codes in enumerate(codes_of(model, y)):
            classes = int(member.tree_.n_classes[output])
            cells = np.bincount(at * classes + codes, weight, nodes * classes)
            sums.append(np.asarray(cells, np.float64).reshape(nodes, classes))
        return sums, np.zeros(y.shape[1])
    origin = np.average(y.astype(np.float64), axis=0, weights=weight)
    if not np.isfinite(origin).all():
        raise ValueError("y must be finite numbers; some are missing or infinite.")
    moved = y - origin
    powers = [[weight, weight * m, weight * m * m] for m in moved.T]
    return [np.stack([np.bincount(at, p, nodes) for p in each], 1) for each in powers], origin


def codes_of(model: Any, y: NDArray[Any]) -> list[NDArray[np.int64]]:
    """The class numbers of each output, in the order of the model's classes.

    Raises:
        ValueError: a class the model has never seen.
    """
    several = isinstance(model.classes_, list)
    found = []
    for known, column in zip(model.classes_ if several else [model.classes_], y.T, strict=True):
        codes = np.minimum(np.searchsorted(known, column), len(known) - 1)
        strange = column[known[codes] != column]
        if len(strange):
            raise ValueError(f"y has the class {strange[0]}, which the tree has never seen.")
        found.append(codes)
    return found


def held_out_errors(model: Any, member: Any, rows: Rows) -> Numbers:
    """What each node would get wrong as a leaf: examples, or summed squares for a regressor."""
    seen = fallen(model, member, rows)
    cost = np.zeros(member.tree_.node_count)
    for output, sums in enumerate(seen.sums):
        value = member.tree_.value[:, output, :]
        if is_classifier(member):
            label = value.argmax(1)
            cost += seen.weight - sums[np.arange(len(sums)), label]
        else:
            v = value[:, 0] - seen.origin[output]
            cost += sums[:, 2] - 2 * v * sums[:, 1] + v * v * sums[:, 0]
    return cost
