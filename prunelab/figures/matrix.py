"""The weights of one layer as an image, the removed ones blank."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, percent, scale

CELLS = 256


class Image(NamedTuple):
    """At most 256 × 256 cells; each shows the strongest weight of its block that is kept."""

    values: NDArray[np.float32]  # NaN where the whole block was removed
    block: tuple[int, int]
    kept: int
    of: int


def image(weight: NDArray[Any], mask: NDArray[Any] | None = None) -> Image:
    """Any weight as a matrix (outputs × the rest), in blocks.

    A weight whose shape its mask does not have (whole filters) is covered along the first axis.

    Raises:
        ValueError: a mask that fits neither the weights nor their outputs.
    """
    table = np.asarray(weight, dtype=np.float32).reshape(len(weight), -1)
    cover = np.ones(table.shape, bool) if mask is None else _cover(np.asarray(mask), table.shape)
    rows, columns = (max(1, -(-n // CELLS)) for n in table.shape)
    padded = _blocks(np.where(cover, table, 0.0).astype(np.float32), rows, columns, 0.0)
    alive = _blocks(cover, rows, columns, False).any(-1)
    strongest = np.take_along_axis(padded, np.abs(padded).argmax(-1)[..., None], -1)[..., 0]
    return Image(np.where(alive, strongest, np.nan), (rows, columns), int(cover.sum()), cover.size)


def _cover(mask: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    if mask.size == shape[0] * shape[1]:
        return mask.reshape(shape).astype(bool)
    if mask.size == shape[0]:
        return np.repeat(mask.reshape(-1, 1).astype(bool), shape[1], axis=1)
    raise ValueError(
        f"The mask must have {shape[0] * shape[1]} or {shape[0]} units, got {mask.size}."
    )


def _blocks(table: NDArray[Any], rows: int, columns: int, fill: Any) -> NDArray[Any]:
    """(high, wide, block): every block of the table as one vector."""
    high, wide = -(-table.shape[0] // rows), -(-table.shape[1] // columns)
    pad = ((0, high * rows - table.shape[0]), (0, wide * columns - table.shape[1]))
    full = np.pad(table, pad, constant_values=fill)
    cells = full.reshape(high, rows, wide, columns).transpose(0, 2, 1, 3)
    return cells.reshape(high, wide, rows * columns)


def weights(
    layer: str,
    weight: NDArray[Any],
    mask: NDArray[Any] | None = None,
    *,
    theme: Theme = "light",
) -> Picture:
    """Blue is positive, brown negative, blank removed."""
    found = image(weight, mask)
    p = PALETTES[theme]
    limit = float(np.nanmax(np.abs(found.values))) if found.kept else 1.0
    shape = " × ".join(str(n) for n in np.shape(weight))
    title = f"{layer}: {count(found.kept)} of {count(found.of)} weights remain"
    if found.kept < found.of:
        title += f" ({percent(1 - found.kept / found.of)} gone)"
    figure = go.Figure(
        go.Heatmap(
            z=found.values,
            zmin=-limit,
            zmax=limit,
            colorscale=scale(p.signed),
            hovertemplate="output %{y}, input %{x}<br>%{z:.3f}<extra></extra>",
            dx=found.block[1],
            dy=found.block[0],
            x0=0,
            y0=0,
            colorbar={"thickness": 12, "outlinewidth": 0, "tickfont": {"color": p.muted}},
        )
    )
    layout(figure, title, theme=theme, height=420)
    figure.update_layout(plot_bgcolor=p.grid)
    each = "" if found.block == (1, 1) else f"; a cell is {found.block[0]} × {found.block[1]}"
    figure.update_xaxes(title_text=f"input (shape {shape}{each})", showgrid=False, zeroline=False)
    figure.update_yaxes(title_text="output", autorange="reversed", showgrid=False, zeroline=False)
    alive = ~np.isnan(found.values)
    table = pd.DataFrame(
        {"output": np.arange(len(alive)) * found.block[0], "cells alive": alive.sum(1)}
    )
    return Picture(title, figure, f"Image of the weights. {title}.", table)
