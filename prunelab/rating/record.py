"""What a run writes down about its examples, row by row, for tables and pictures of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.masks import Masks, Scores
from prunelab.parts import Parts
from prunelab.rating.difficulty import embedding
from prunelab.rating.watching import chances
from prunelab.units.examples import kept_indices

PIXELS = 2_000_000  # bytes of pictures a run keeps
NUMBERS = 5_000_000  # values of a table a run keeps


def record(model: Any, parts: Parts, scores: Scores, mask: Masks) -> dict[str, Any]:
    """Arrays with one entry a row of the training part, and the pictures of some rows.

    ``row`` counts in the source. ``label`` is the class number, ``said`` what the model trained on
    all answers, ``doubt`` the chance it gives the likeliest other class less that of the label.
    ``place`` (rows, 2) is the plane of the two widest directions of the features. ``pictures``
    (n, height, width) or (n, height, width, 3) uint8 are those of the rows ``pictured``; of a table
    ``values`` (rows, features) are its numbers, where they are not too many.
    """
    y = parts.train.y
    score = np.empty(len(y))
    for number, name in enumerate(parts.classes):
        score[y == number] = scores[name].double().cpu().numpy()
    kept = np.zeros(len(score), dtype=bool)
    kept[kept_indices(parts, mask)] = True
    said, doubt = _answers(model, parts)
    images = parts.train.x.ndim == 4
    shown = _shown(score, kept, doubt, parts) if images else np.empty(0, dtype=np.int64)
    return {
        "row": parts.rows,
        "label": y,
        "score": score,
        "kept": kept,
        "wrong": parts.wrong,
        "said": said,
        "doubt": doubt.astype(np.float32),
        "place": _plane(embedding(model, parts)),
        "pictured": shown,
        "pictures": pictures(parts.train.x[shown]) if images else np.empty((0, 0, 0), np.uint8),
        "values": np.empty((0, 0), np.float32) if images else _values(parts),
        "features": np.array(parts.features, dtype=np.str_),
        "classes": np.array(parts.classes, dtype=np.str_),
    }


def _answers(model: Any, parts: Parts) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    p = chances(model, parts.train, len(parts.classes))
    rows, y = np.arange(len(p)), parts.train.y
    own = p[rows, y]
    others = p.copy()
    others[rows, y] = -1.0
    return p.argmax(1), others.max(1) - own


def _shown(
    score: NDArray[np.float64], kept: NDArray[np.bool_], doubt: NDArray[np.float64], parts: Parts
) -> NDArray[np.int64]:
    """The rows to picture: all, or as many from both ends, the cut, and the most doubtful."""
    size = parts.train.x[0].size
    most = max(1, PIXELS // size)
    nearest = np.where(kept, score, -score)  # ascending: the last to stay, then the first to go
    places = [_places(order) for order in (score, -score, -doubt)]
    cut = np.empty(len(score))
    for side in (kept, ~kept):
        cut[side] = _places(nearest[side])
    first = np.minimum.reduce([*places, cut])
    return np.sort(np.argsort(first, kind="stable")[:most])


def _places(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each value in ascending order."""
    places = np.empty(len(values))
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places


def _plane(features: Any) -> Any:
    from sklearn.decomposition import PCA

    pair = np.zeros((len(features), 2), dtype=np.float32)
    found = PCA(min(2, *features.shape), random_state=0).fit_transform(features)
    pair[:, : found.shape[1]] = found
    return pair


def pictures(x: Any) -> Any:
    """Images as bytes, each from its darkest to its brightest: grey, or three colours."""
    seen = x.transpose(0, 2, 3, 1) if x.shape[1] == 3 else x.mean(1)
    axes = tuple(range(1, seen.ndim))
    low, high = seen.min(axes, keepdims=True), seen.max(axes, keepdims=True)
    return np.round(255 * (seen - low) / np.maximum(high - low, 1e-12)).astype(np.uint8)


def _values(parts: Parts) -> Any:
    """The numbers of a table as they were given, up to rounding."""
    if parts.train.x.size > NUMBERS:
        return np.empty((0, 0), dtype=np.float32)
    return (parts.train.x * parts.deviation + parts.mean).astype(np.float32)
