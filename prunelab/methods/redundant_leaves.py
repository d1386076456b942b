"""Redundant leaves: what can go without one answer changing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import Bools, Numbers, levels, trees
from prunelab.trees.rules import at_leaves, ranked, up


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="answers changed per leaf saved",
    needs={"tree"},
    paper="scikit-learn #10810",
)
def redundant_leaves(model: Any, data: object) -> Scores:
    """Merge leaves that all predict the same, then those whose merging changes fewest answers.

    The splits of positive score are those that ``predict`` needs (probabilities may become
    coarser). Answers are counted over the training rows; regressors sum squared changes.

    It believes the tree and only says it shorter. It goes wrong as a cure for noise: the answers
    stay as they are.
    """
    return {name: torch.from_numpy(_scores(member)) for name, member in trees(model).items()}


def _scores(member: Any) -> Numbers:
    tree = member.tree_
    classes = is_classifier(member)
    answers = tree.value.argmax(2) if classes else tree.value[:, :, 0]
    cost = sum(
        (_changed if classes else _moved)(tree, answers[:, output])
        for output in range(tree.n_outputs)
    )
    return ranked(tree, ~_alike(tree, answers), np.maximum(cost, 0.0))


def _alike(tree: Any, answers: Any) -> Bools:
    """Nodes below which every leaf gives the node's own answer."""
    alike = np.ones(tree.node_count, dtype=bool)
    for ids, left, right in reversed(list(levels(tree))):
        same = (answers[ids] == answers[left]) & (answers[ids] == answers[right])
        alike[ids] = alike[left] & alike[right] & same.all(1)
    return alike


def _changed(tree: Any, answers: Any) -> Numbers:
    """Training rows of each node that another leaf below would answer differently."""
    rows = tree.weighted_n_node_samples
    given = np.zeros((tree.node_count, int(answers.max()) + 1))
    leaves = np.flatnonzero(tree.children_left < 0)
    given[leaves, answers[leaves]] = rows[leaves]
    return np.asarray(rows - up(tree, given)[np.arange(len(rows)), answers])


def _moved(tree: Any, answers: Numbers) -> Numbers:
    """Σ w (v - v(t))² over the leaves below each node t; from the root's value for precision."""
    rows, v = tree.weighted_n_node_samples, answers - answers[0]
    first, second = at_leaves(tree, rows * v), at_leaves(tree, rows * v * v)
    return np.asarray(second - 2 * v * first + v * v * rows)
