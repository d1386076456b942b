"""What a decision tree or forest scores and costs."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skops.io import dumps

from prunelab.parts import Part
from prunelab.trees import depths, trees

SURE = float(np.finfo(np.float64).eps)  # a probability is never taken for less, nor for 1 more


def measure_tree(estimator: Any, part: Part, size: dict[str, Any] | None = None) -> dict[str, Any]:
    """Quality on one part of the data, and size, unless it is known from ``tree_size``.

    ``loss`` is the mean log-loss in nats. Counts are summed over the trees of a forest, ``depth``
    is that of the deepest, ``mean_path`` the splits one example passes.
    """
    x = part.x.reshape(len(part.x), -1)
    size = size or tree_size(estimator)
    return {**_quality(estimator, x, part.y), **size, "mean_path": _path(estimator, x)}


def _quality(estimator: Any, x: NDArray[np.float32], y: NDArray[np.int64]) -> dict[str, Any]:
    known = estimator.classes_
    shares = estimator.predict_proba(x)
    guess = known[shares.argmax(1)]
    classes = int(max(known.max(), y.max())) + 1
    all_shares = np.zeros((len(y), classes))
    all_shares[:, known] = shares
    of_truth = np.clip(all_shares[np.arange(len(y)), y], SURE, 1 - SURE)
    cells = np.bincount(y * classes + guess, minlength=classes * classes)
    return {
        "accuracy": int((guess == y).sum()) / len(y),
        "loss": float(-np.log(of_truth).mean()),
        "confusion": cells.reshape(classes, classes).tolist(),
    }


def tree_size(estimator: Any) -> dict[str, Any]:
    """Nodes, leaves, depth and bytes of a tree or of all trees of an ensemble."""
    members = [member.tree_ for member in trees(estimator).values()]
    nodes = sum(int(tree.node_count) for tree in members)
    return {
        "params": nodes,
        "nonzero": nodes,
        "nodes": nodes,
        "leaves": sum(int(tree.n_leaves) for tree in members),
        "depth": max(int(tree.max_depth) for tree in members),
        "bytes": {"raw": len(stored := _stored(estimator)), "zip": len(zlib.compress(stored, 6))},
    }


def _stored(estimator: Any) -> bytes:
    """What skops writes, one file after the other, without the addresses it names things by."""
    with zipfile.ZipFile(io.BytesIO(dumps(estimator))) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = content.pop("schema.json").decode()
    schema = re.sub(r'(?<="__id__": )\d+|\d+(?=\.npy")', "0" * 15, schema)
    return b"".join((*content.values(), schema.encode()))


def _path(estimator: Any, x: NDArray[np.float32]) -> float:
    members = [member.tree_ for member in trees(estimator).values()]
    return float(sum(depths(tree)[tree.apply(x)].mean() for tree in members))
