"""Spirals wound into each other: easy to see, hard to learn."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from prunelab.parts import Table
from prunelab.registry import Range, dataset

TURNS = 1.5


@dataset(
    traits={"table"},
    title="Spirals",
    licence="public domain (computed)",
    source="r = φ, after Lang and Witbrock 1988",
    epochs=100,
)
def spirals(
    *,
    rows: Annotated[int, Range(100, 20_000, 100), "number of points"] = 1000,
    noise: Annotated[float, Range(0, 1, 0.01), "deviation added to each point"] = 0.03,
) -> Table:
    """Points on two spirals wound into each other."""
    random = np.random.default_rng(0)
    y = np.arange(rows) % 2
    radius = np.sqrt(random.uniform(0.01, 1, rows))
    angle = 2 * np.pi * TURNS * radius + np.pi * y
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x += noise * random.standard_normal(x.shape)
    return Table(
        x=x.astype(np.float32),
        y=y.astype(np.int64),
        classes=("first", "second"),
        features=("x1", "x2"),
    )
