"""What the dense and the pruned model say of each test example, and pictures of what was lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.parts import Part
from prunelab.rating.record import pictures

PIXELS = 300_000  # bytes of pictures a run keeps


def answers(test: Part, dense: NDArray[Any], pruned: NDArray[Any]) -> dict[str, Any]:
    """Arrays with one entry a test example, and pictures of those that were right and are not.

    ``label``, ``dense`` and ``pruned`` are class numbers; ``pictures`` (n, height, width) or
    (n, height, width, 3) uint8 are those of the examples ``pictured``, the first of them where all
    would be too many.
    """
    kind = np.min_scalar_type(max(int(test.y.max()), int(dense.max()), int(pruned.max())))
    found = {"label": test.y, "dense": dense, "pruned": pruned}
    lost = np.flatnonzero((dense == test.y) & (pruned != test.y))
    images = test.x.ndim == 4
    shown = lost[: max(1, PIXELS // test.x[0].size)] if images else lost[:0]
    return {name: array.astype(kind) for name, array in found.items()} | {
        "pictured": shown,
        "pictures": pictures(test.x[shown]) if len(shown) else np.empty((0, 0, 0), np.uint8),
    }
