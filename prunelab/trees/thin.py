"""Orders in which the trees of a forest are taken: the first k are the thinned forest of size k."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from prunelab.trees.counts import codes_of, held_out
from prunelab.trees.structure import Indices, Numbers, trees

Vote = Literal["hard", "soft"]


class Votes(NamedTuple):
    """What each tree says about each held-out row: (trees, rows, classes), and the truth."""

    shares: NDArray[np.float32]
    truth: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether a tree alone is right, (trees, rows)."""
        return np.asarray(self.shares.argmax(2) == self.truth)


def votes(forest: Any, data: Any, vote: Vote = "hard") -> Votes:
    """The votes of every tree on the validation part: one class each, or class shares.

    Raises:
        TypeError: not a forest that predicts classes, with one output.
        ValueError: no held-out rows, or rows the forest does not know.
    """
    members = trees(forest)
    if hasattr(forest, "tree_") or not hasattr(forest, "classes_"):
        raise TypeError(f"Thinning needs a forest of classes, got {type(forest).__name__}.")
    if isinstance(forest.classes_, list):
        raise TypeError("Thinning needs a forest with one output.")
    rows = held_out(data)
    check_consistent_length(rows.x, rows.y)
    truth = codes_of(forest, np.asarray(rows.y).reshape(-1, 1))[0]
    shares = np.stack([m.predict_proba(rows.x) for m in members.values()]).astype(np.float32)
    if vote == "hard":
        shares = np.eye(shares.shape[2], dtype=np.float32)[shares.argmax(2)]
    return Votes(shares, truth)


def individual(told: Votes) -> Indices:
    """The most accurate trees first."""
    return np.argsort(-told.right.sum(1), kind="stable")


def reduced_error(told: Votes) -> Indices:
    """Each time the tree that makes the forest so far most accurate."""
    return _greedy(told, lambda joined, _: (joined.argmax(2) == told.truth).sum(1))


def complementarity(told: Votes) -> Indices:
    """Each time the tree that is right most often where the forest so far is wrong."""
    right = told.right

    def gain(joined: Any, so_far: Any) -> Any:
        wrong = so_far.argmax(1) != told.truth if so_far.any() else np.ones(len(so_far), bool)
        return (right & wrong).sum(1)

    return _greedy(told, gain)


def margin_distance(told: Votes, p: float) -> Indices:
    """Each time the tree that brings the mean signature nearest to p in every row."""
    signatures = np.where(told.right, 1.0, -1.0)
    size = len(signatures)
    so_far = np.zeros(signatures.shape[1])
    left, order = list(range(size)), []
    for _ in range(size):
        distance = np.linalg.norm(p - (signatures[left] + so_far) / size, axis=1)
        chosen = left.pop(int(distance.argmin()))
        so_far += signatures[chosen]
        order.append(chosen)
    return np.array(order, dtype=np.intp)


def kappa(told: Votes) -> Indices:
    """Pairs that agree least beyond chance first (Cohen's κ)."""
    said = told.shares.argmax(2)
    size, rows = said.shape
    hot = np.eye(told.shares.shape[2])[said]
    flat = hot.reshape(size, -1)
    agree = flat @ flat.T / rows
    share = hot.mean(1)
    chance = share @ share.T
    value = np.where(chance < 1, (agree - chance) / np.maximum(1 - chance, 1e-300), 1.0)
    one, other = np.triu_indices(size, 1)
    pairs = np.argsort(value[one, other], kind="stable")
    walked = np.stack([one[pairs], other[pairs]], 1).ravel()
    order = list(dict.fromkeys(walked.tolist()))
    return np.array(order or [0], dtype=np.intp)


def places(order: Indices) -> Numbers:
    """Scores from an order: the first of n trees gets n, the last 1."""
    scores = np.empty(len(order))
    scores[order] = np.arange(len(order), 0, -1)
    return scores


def _greedy(told: Votes, gain: Any) -> Indices:
    """Take the tree of highest gain again and again; of equals the lowest index."""
    left = list(range(len(told.shares)))
    so_far = np.zeros_like(told.shares[0])
    order = []
    while left:
        gains = gain(so_far + told.shares, so_far)[left]
        chosen = left.pop(int(gains.argmax()))
        so_far = so_far + told.shares[chosen]
        order.append(chosen)
    return np.array(order, dtype=np.intp)
