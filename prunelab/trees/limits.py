"""Upper limits of a node's training errors, as C4.5, Weka and the binomial distribution have it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from scipy import stats

from prunelab.trees.counts import class_counts
from prunelab.trees.rules import at_leaves
from prunelab.trees.structure import Bools, Numbers

Table = Literal["c45", "weka", "exact"]
# C4.5's stats.c: the deviation for a confidence, linear in between.
_CONFIDENCES = (0.0, 0.001, 0.005, 0.01, 0.05, 0.10, 0.20, 0.40, 1.0)
_DEVIATIONS = (4.0, 3.09, 2.58, 2.33, 1.65, 1.28, 0.84, 0.25, 0.0)


def estimates(member: Any, confidence: float, table: Table = "c45") -> Numbers:
    """Errors each node would make as a leaf on new rows, at the upper limit; summed over outputs.

    Raises:
        ValueError: a confidence that is not between 0 and 1.
        TypeError: a tree that does not predict classes.
    """
    counts = class_counts(member)
    rows = member.tree_.weighted_n_node_samples
    wrong = np.maximum(counts.sum(2) - counts.max(2), 0.0)
    limits = [e + added_errors(rows, e, confidence, table) for e in wrong.T]
    return np.asarray(np.sum(limits, axis=0))


def collapsible(member: Any) -> Bools:
    """Nodes whose branch makes no fewer training errors than they would as leaves."""
    counts = class_counts(member)
    own = np.maximum(counts.sum(2) - counts.max(2), 0.0).sum(1)
    return np.asarray(at_leaves(member.tree_, own) >= own - 1e-3)


def added_errors(n: Any, e: Any, confidence: float, table: Table = "c45") -> Numbers:
    """Errors to add to ``e`` seen among ``n`` for the upper limit at this confidence.

    >>> float(added_errors(6, 0, 0.25).round(3))
    1.238

    Raises:
        ValueError: a confidence that is not between 0 and 1, or a table nobody knows.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}.")
    if table not in get_args(Table):
        raise ValueError(f"table must be one of {', '.join(get_args(Table))}, got {table!r}.")
    n, e = np.broadcast_arrays(np.asarray(n, float), np.asarray(e, float))
    n = np.maximum(n, 1e-12)
    if table == "exact":
        right = np.maximum(n - e, 0.0)
        limit = stats.beta.ppf(1 - confidence, e + 1, np.maximum(right, 1e-300))
        return np.asarray(n * np.where(right > 0, limit, 1.0) - e)
    if table == "weka" and confidence > 0.5:
        return np.zeros_like(n)
    none = n * (1 - confidence ** (1 / n))
    one = _above_one(n, np.ones_like(n), confidence, table)
    between = none + e * (one - none)
    above = _above_one(n, e, confidence, table)
    return np.where(e < 1e-6, none, np.where(e < 0.9999, between, above))


def _above_one(n: Numbers, e: Numbers, confidence: float, table: Table) -> Numbers:
    if table == "c45":
        z, most = float(np.interp(confidence, _CONFIDENCES, _DEVIATIONS)), 0.67 * (n - e)
    else:
        z, most = float(stats.norm.ppf(1 - confidence)), n - e
    z2, seen = z * z, e + 0.5
    root = np.sqrt(np.maximum(z2 * (seen * (1 - seen / n) + z2 / 4), 0.0))
    limit = n * (seen + z2 / 2 + root) / (n + z2) - e
    return np.where(seen >= n, np.maximum(most, 0.0), limit)
