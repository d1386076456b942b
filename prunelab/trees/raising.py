"""Error-based pruning with subtree raising, as C4.5 does it: a branch may take its parent's place.

The rows of the parent are then routed through the branch, so counts change below and no mask can
say what happened. Hence this is a function of its own, which needs the rows the tree was grown on.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, compute_sample_weight

from prunelab.trees.counts import class_counts, codes_of
from prunelab.trees.limits import Table, added_errors, collapsible
from prunelab.trees.rebuild import OF_A_LEAF
from prunelab.trees.structure import LEAF, Indices, Numbers, single

NEARLY = 0.1
_LINKS = ("left_child", "right_child", "feature", "threshold", "missing_go_to_left")


def raise_subtrees(  # noqa: PLR0913 - the rows, and C4.5's settings
    tree: Any,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    confidence: float = 0.25,
    table: Table = "c45",
    collapse: bool = True,
    most_rows: int = 100_000,
) -> Any:
    """A copy of a fitted tree, pruned by error-based pruning with subtree raising.

    Raises:
        NotFittedError, TypeError: not one fitted tree of classes.
        ValueError: rows the tree was not grown on, more than ``most_rows`` of them, several
            outputs, monotonic constraints (raising would break them), or a confidence outside 0..1.
    """
    _refuse(single(tree), class_counts(tree), x, most_rows)
    rows = _Rows(tree, x, y, sample_weight)
    return _Raising(tree, rows, (confidence, table), collapse=collapse).run()


class _Rows:
    """The rows a tree was grown on: features as the tree reads them, class numbers, weights."""

    def __init__(self, tree: Any, x: Any, y: Any, sample_weight: Any) -> None:
        checked = tree._validate_X_predict(x, check_input=True)
        self.x = checked.toarray() if hasattr(checked, "toarray") else checked
        check_consistent_length(x, y)
        self.codes = codes_of(tree, np.asarray(y).reshape(-1, 1))[0]
        weight = compute_sample_weight(tree.class_weight, y)
        self.weight = weight if sample_weight is None else weight * np.asarray(sample_weight)
        self.all = np.flatnonzero(self.weight)
        self.classes = int(tree.tree_.n_classes[0])
        at = tree.tree_.apply(checked) * self.classes + self.codes
        found = np.bincount(at, self.weight, tree.tree_.node_count * self.classes)
        leaf = tree.tree_.children_left == LEAF
        grown = class_counts(tree)[leaf, 0]
        if not np.allclose(found.reshape(-1, self.classes)[leaf], grown):
            raise ValueError("x, y and sample_weight must be those that the tree was grown on.")

    def counts(self, rows: Indices) -> Numbers:
        """Weighted class counts of some rows."""
        counts = np.bincount(self.codes[rows], self.weight[rows], self.classes)
        return np.asarray(counts, np.float64)


class _Raising:
    """One run: links as they change, and for each open node its rows and its estimate."""

    def __init__(
        self, tree: Any, rows: _Rows, limit: tuple[float, Table], *, collapse: bool
    ) -> None:
        self.member, self.rows, self.limit = tree, rows, limit
        self.nodes = tree.tree_.__getstate__()["nodes"].copy()
        self.values = tree.tree_.__getstate__()["values"].copy()
        if collapse:
            self._close(np.flatnonzero(collapsible(tree)))
        self.errors = np.zeros(len(self.nodes))
        self.here: dict[int, Indices] = {}

    def run(self) -> Any:
        """Children before parents, without recursion: a raised branch is entered once more."""
        todo: list[tuple[int, Indices | None, bool]] = [(0, self.rows.all, False)]
        while todo:
            node, rows, again = todo.pop()
            if rows is None:
                todo += self._decide(node, again=again)
            else:
                todo += self._enter(node, rows, again=again)
        return self._built()

    def _enter(self, node: int, rows: Indices, *, again: bool) -> list[Any]:
        if again:
            self._recount(node, rows)
        if self.nodes["left_child"][node] == LEAF:
            self.errors[node] = self._estimate(self.rows.counts(rows)[None])[0]
            return []
        self.here[node] = rows
        left = self._goes_left(np.full(len(rows), node), rows)
        children = int(self.nodes["left_child"][node]), int(self.nodes["right_child"][node])
        first = [(node, None, again)]
        return [*first, (children[1], rows[~left], again), (children[0], rows[left], again)]

    def _decide(self, node: int, *, again: bool) -> list[Any]:
        rows = self.here.pop(node)
        left, right = int(self.nodes["left_child"][node]), int(self.nodes["right_child"][node])
        as_tree = float(self.errors[left] + self.errors[right])
        as_leaf = float(self._estimate(self.rows.counts(rows)[None])[0])
        heavy = self.rows.weight[rows[self._goes_left(np.full(len(rows), node), rows)]].sum()
        branch = left if 2 * heavy > self.rows.weight[rows].sum() else right
        as_branch = self._branch_errors(branch, rows)
        if as_leaf <= min(as_branch, as_tree) + NEARLY:
            self._close(np.array([node]))
            self.errors[node] = as_leaf
        elif as_branch <= as_tree + NEARLY:
            for field in _LINKS:
                self.nodes[field][node] = self.nodes[field][branch]
            return [(node, rows, True)]
        else:
            self.errors[node] = as_tree
        return []

    def _branch_errors(self, branch: int, rows: Indices) -> float:
        """The estimates of a branch's leaves if all these rows went through it."""
        at = np.full(len(rows), branch)
        going = np.arange(len(rows))
        while len(going := going[self.nodes["left_child"][at[going]] != LEAF]):
            left = self._goes_left(at[going], rows[going])
            links = self.nodes[["left_child", "right_child"]][at[going]]
            at[going] = np.where(left, links["left_child"], links["right_child"])
        _, place = np.unique(at, return_inverse=True)
        cells = place * self.rows.classes + self.rows.codes[rows]
        size = (int(place.max()) + 1) * self.rows.classes
        counts = np.asarray(np.bincount(cells, self.rows.weight[rows], size), np.float64)
        return float(self._estimate(counts.reshape(-1, self.rows.classes)).sum())

    def _goes_left(self, at: Indices, rows: Indices) -> NDArray[np.bool_]:
        value = self.rows.x[rows, self.nodes["feature"][at]]
        missing = self.nodes["missing_go_to_left"][at] == 1
        below = value <= self.nodes["threshold"][at]
        return np.asarray(np.where(np.isnan(value), missing, below))

    def _estimate(self, counts: Numbers) -> Numbers:
        n = counts.sum(1)
        e = np.maximum(n - counts.max(1), 0.0)
        return np.asarray(e + added_errors(n, e, *self.limit))

    def _recount(self, node: int, rows: Indices) -> None:
        counts = self.rows.counts(rows)
        shares = counts / counts.sum()
        self.values[node, 0] = shares
        self.nodes["n_node_samples"][node] = len(rows)
        self.nodes["weighted_n_node_samples"][node] = counts.sum()
        self.nodes["impurity"][node] = _impurity(shares, self.member.criterion)

    def _close(self, nodes: Indices) -> None:
        for field, value in OF_A_LEAF.items():
            self.nodes[field][nodes] = value
        self.nodes["missing_go_to_left"][nodes] = 0

    def _built(self) -> Any:
        kind, arguments, state = self.member.tree_.__reduce__()
        ids, depth = _preorder(self.nodes)
        place = np.full(len(self.nodes), LEAF)
        place[ids] = np.arange(len(ids))
        nodes = np.zeros(len(ids), self.nodes.dtype)  # zeros: the padding is pickled too
        for field in nodes.dtype.names:
            nodes[field] = self.nodes[field][ids]
        for field in ("left_child", "right_child"):
            nodes[field] = np.where(nodes[field] == LEAF, LEAF, place[nodes[field]])
        values = np.ascontiguousarray(self.values[ids])
        fresh = kind(*arguments)
        changed = {"max_depth": depth, "node_count": len(ids), "nodes": nodes, "values": values}
        fresh.__setstate__({**state, **changed})
        raised = copy.copy(self.member)
        raised.tree_ = fresh
        return raised


def _preorder(nodes: NDArray[Any]) -> tuple[list[int], int]:
    order, deepest, todo = [], 0, [(0, 0)]
    while todo:
        node, depth = todo.pop()
        order.append(node)
        deepest = max(deepest, depth)
        if nodes["left_child"][node] != LEAF:
            below = (int(nodes["right_child"][node]), int(nodes["left_child"][node]))
            todo += [(child, depth + 1) for child in below]
    return order, deepest


def _impurity(shares: Numbers, criterion: str) -> float:
    if criterion == "gini":
        return float(1 - (shares**2).sum())
    there = shares[shares > 0]
    return float(-(there * np.log2(there)).sum())


def _refuse(tree: Any, counts: Numbers, x: Any, most_rows: int) -> None:
    if counts.shape[1] > 1:
        raise ValueError(f"Subtree raising needs one output, got {counts.shape[1]}.")
    if getattr(tree, "monotonic_cst", None) is not None:
        raise ValueError("Subtree raising would break the tree's monotonic constraints.")
    if (rows := np.shape(x)[0]) > most_rows:
        raise ValueError(f"Subtree raising takes at most {most_rows} rows, got {rows}.")
