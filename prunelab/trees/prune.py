"""Pruning a fitted tree by any registered rule; the given tree is never changed."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np

from prunelab.registry import METHODS, UNITS
from prunelab.spec import SpecError
from prunelab.trees.counts import Rows, Sets
from prunelab.trees.rebuild import cut
from prunelab.trees.structure import Numbers, single


def prune_tree(  # noqa: PLR0913 - the rows, and where to cut
    tree: Any,
    method: str,
    x: Any = None,
    y: Any = None,
    *,
    sample_weight: Any = None,
    threshold: float = 0.0,
    leaves: int | None = None,
    seed: int = 0,
    **knobs: Any,
) -> Any:
    """A pruned copy of a fitted scikit-learn tree: the rule's own tree, or one of another size.

    Args:
        tree: a fitted ``DecisionTreeClassifier``, ``DecisionTreeRegressor`` or extra tree.
        method: name of a rule that scores splits, as "cost-complexity" or "pessimistic-error".
        x: rows the rule looks at, if it does: the pruning set of reduced-error, the training rows
            of mdl.
        y: their targets.
        sample_weight: their weights.
        threshold: splits that score above it stay. 0 is the answer of a rule that decides by
            itself; families take their parameter: α, a critical value, a limit (minus the depth).
        leaves: at most so many leaves instead, the best of the rule's family.
        seed: of rules that draw at random.
        knobs: settings of the rule.

    Raises:
        SpecError: an unknown method or setting, or one that does not prune single trees.
        TypeError: not a tree, or a rule that does not fit it.
        NotFittedError: the tree has not been fitted.
        ValueError: rows or settings the rule cannot work with.
    """
    if threshold != threshold:
        raise ValueError("threshold must be a number, got nan.")
    rows = Rows(x, y, sample_weight) if x is not None else None
    scores = scores_of(tree, method, Sets(rows, rows), seed=seed, **knobs)
    if leaves is not None:
        threshold = threshold_for(scores, leaves)
    pruned = cut(tree, scores > threshold)
    return with_alpha(pruned, method, threshold, knobs)


def scores_of(tree: Any, method: str, data: Any, *, seed: int = 0, **knobs: Any) -> Numbers:
    """The score of each split of one tree, in the order of ``splits``; parents never below."""
    single(tree)
    entry = METHODS[method]
    if "nodes" not in entry.units:
        raise SpecError(f"{method} does not prune single trees; it removes {entry.units[0]}.")
    known = {knob.name for knob in entry.knobs}
    strange = sorted(set(knobs) - known)
    if strange:
        there = ", ".join(sorted(known)) or "none"
        raise SpecError(f"{method} has no setting {strange[0]!r}; it has {there}.")
    for knob in entry.knobs:
        if knob.choices and knobs.get(knob.name, knob.default) not in knob.choices:
            choices = ", ".join(map(repr, knob.choices))
            raise SpecError(f"{knob.name} must be one of {choices}, got {knobs[knob.name]!r}.")
    unit = UNITS["nodes"].function()
    given = {"unit": unit, "seed": seed}
    wanted = inspect.signature(entry.function).parameters
    extra = {name: value for name, value in given.items() if name in wanted}
    scores = entry.function(tree, data, **extra, **knobs)
    return np.asarray(unit.order(tree, scores)["tree"].double().numpy())


def threshold_for(scores: Numbers, leaves: int) -> float:
    """The lowest threshold that leaves at most so many leaves.

    Raises:
        ValueError: fewer than one leaf.
    """
    if leaves < 1:
        raise ValueError(f"leaves must be at least 1, got {leaves}.")
    ascending = np.sort(scores)
    gone = len(scores) + 1 - leaves
    return float(ascending[gone - 1]) if gone > 0 else -np.inf


def with_alpha(pruned: Any, method: str, alpha: float, knobs: Any) -> Any:
    """The tree with the ``ccp_alpha`` that would grow it, where there is one."""
    if method == "cost-complexity" and knobs.get("risk", "impurity") == "impurity" and alpha > 0:
        pruned = copy.copy(pruned)
        pruned.ccp_alpha = alpha
    return pruned
