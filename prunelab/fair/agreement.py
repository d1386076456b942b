"""How much of what methods keep is the same, from the masks of stored runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = Mapping[str, NDArray[Any]]


def jaccard(masks: Mapping[str, Mask]) -> dict[tuple[str, str], float]:
    """Kept by both / kept by either, for every two masks over the same groups.

    >>> a, b = {"fc": np.array([1, 1, 0])}, {"fc": np.array([0, 1, 1])}
    >>> round(jaccard({"a": a, "b": b})["a", "b"], 2)
    0.33

    Raises:
        ValueError: masks of other groups or sizes, which cannot be laid on one another.
    """
    flat = {name: _flat(mask) for name, mask in masks.items()}
    first = next(iter(masks.values()), {})
    shape = {group: np.size(m) for group, m in first.items()}
    for name, mask in masks.items():
        if {group: np.size(m) for group, m in mask.items()} != shape:
            raise ValueError(f"The mask of {name} is over other units than the others.")
    return {
        (a, b): float((flat[a] & flat[b]).sum() / max(1, (flat[a] | flat[b]).sum()))
        for a, b in product(flat, repeat=2)
    }


def by_chance(kept: float) -> float:
    """What two random masks that keep a share each would agree on.

    >>> round(by_chance(0.1), 3)
    0.053
    """
    return kept / (2 - kept) if kept else 0.0


def _flat(mask: Mask) -> NDArray[np.bool_]:
    return np.concatenate([np.ravel(mask[group]).astype(bool) for group in sorted(mask)])
