"""The examples of the training part: a model then learns from the rest alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from prunelab.parts import Part
from prunelab.registry import Unit, unit


@unit(needs=(), noun="examples", unless={"language model"})
def examples() -> Unit:
    """Rows of the training part, class by class."""
    return Unit(shapes=_shapes, keep=_keep, rows=_rows)


def kept_indices(data: Any, mask: Mapping[str, Tensor]) -> NDArray[np.int64]:
    """The rows of the training part that stay, ascending."""
    stays = np.zeros(len(data.train.y), dtype=bool)
    for number, name in enumerate(data.classes):
        stays[data.train.y == number] = mask[name].cpu().numpy()
    return np.flatnonzero(stays)


def _shapes(model: object, data: Any) -> dict[str, tuple[int, ...]]:
    counts = np.bincount(data.train.y, minlength=len(data.classes))
    return {name: (int(n),) for name, n in zip(data.classes, counts, strict=True)}


def _keep(model: object, data: Any, mask: Mapping[str, Tensor]) -> Any:
    """The data with only those rows in their training part, in the same order."""
    rows = kept_indices(data, mask)
    left = Part(data.train.x[rows], data.train.y[rows])
    return replace(data, train=left, rows=data.rows[rows], wrong=data.wrong[rows])


def _rows(model: object, data: Any, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": list(m.shape), "units": m.numel(), "kept": int(m.sum())}
        for name, m in ((name, mask[name]) for name in data.classes)
    ]
