"""What the dense and the pruned model say of each test example, and what of it was lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.parts import Part, Parts
from prunelab.rating.record import pictures

PIXELS = 300_000  # bytes of pictures a run keeps
NUMBERS = 100_000  # values of table rows a run keeps


def answers(parts: Parts, dense: NDArray[Any], pruned: NDArray[Any]) -> dict[str, Any]:
    """Arrays with one entry a test example, and those that were right and are not.

    ``label``, ``dense`` and ``pruned`` are class numbers. ``pictures`` (n, height, width) or
    (n, height, width, 3) uint8 are those of the examples ``pictured``. Of a table, ``values``
    (n, features) are the numbers of the examples ``listed`` as they were given; ``mean`` and
    ``deviation`` of each of its ``features`` are those of the training part. Only the first of them
    are kept where all would be too many.
    """
    test = parts.test_once()
    kind = np.min_scalar_type(max(int(test.y.max()), int(dense.max()), int(pruned.max())))
    found = {"label": test.y, "dense": dense, "pruned": pruned}
    lost = np.flatnonzero((dense == test.y) & (pruned != test.y))
    shown = _pictured(test, lost) if test.x.ndim == 4 else _listed(parts, test, lost)
    return {name: array.astype(kind) for name, array in found.items()} | shown


def _pictured(test: Part, lost: NDArray[np.int64]) -> dict[str, Any]:
    shown = lost[: max(1, PIXELS // test.x[0].size)]
    empty = np.empty((0, 0, 0), np.uint8)
    return {"pictured": shown, "pictures": pictures(test.x[shown]) if len(shown) else empty}


def _listed(parts: Parts, test: Part, lost: NDArray[np.int64]) -> dict[str, Any]:
    shown = lost[: max(1, NUMBERS // test.x[0].size)]
    mean, deviation = parts.mean.astype(np.float32), parts.deviation.astype(np.float32)
    names = parts.features or [f"feature {n + 1}" for n in range(test.x.shape[1])]
    return {
        "listed": shown,
        "values": (test.x[shown] * parts.deviation + parts.mean).astype(np.float32),
        "mean": mean,
        "deviation": deviation,
        "features": np.array(names, dtype=np.str_),
    }
