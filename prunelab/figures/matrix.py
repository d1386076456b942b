"""The weights of one layer as an image, the removed ones blank."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, percent, scale
from prunelab.speech import _

CELLS = 256
CLICKS = 40  # places along each side that take a click
HIGH, WIDE = 14, 26  # weights around a place that are drawn one by one


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
    marked: tuple[int, int] | None = None,
    theme: Theme = "light",
) -> Picture:
    """Blue is positive, brown negative, blank removed; ``marked`` frames what ``closer`` shows."""
    found = image(weight, mask)
    p = PALETTES[theme]
    limit = float(np.nanmax(np.abs(found.values))) if found.kept else 1.0
    shape = " × ".join(str(n) for n in np.shape(weight))
    kept, of = count(found.kept), count(found.of)
    title = _("{layer}: {kept} of {of} weights remain", layer=layer, kept=kept, of=of)
    if found.kept < found.of:
        title += _(" ({value} gone)", value=percent(1 - found.kept / found.of))
    figure = go.Figure(
        go.Heatmap(
            z=found.values,
            zmin=-limit,
            zmax=limit,
            colorscale=scale(p.signed),
            hoverinfo="skip",
            dx=found.block[1],
            dy=found.block[0],
            x0=0,
            y0=0,
            colorbar={"thickness": 12, "outlinewidth": 0, "tickfont": {"color": p.muted}},
        )
    )
    figure.add_trace(_places(found))
    if marked:
        rows, columns = _around(np.shape(weight), marked)
        _frame(figure, rows, columns, p.accent)
    layout(figure, title, theme=theme, height=420)
    figure.update_layout(plot_bgcolor=p.grid, dragmode=False, showlegend=False)
    high, wide = found.block
    each = _("; a cell is {rows} × {columns}", rows=high, columns=wide) if high * wide > 1 else ""
    axis = {"showgrid": False, "zeroline": False}
    ends = [n * step - step / 2 for n, step in zip(found.values.shape, found.block, strict=True)]
    figure.update_xaxes(
        title_text=_("input (shape {shape}{each})", shape=shape, each=each),
        range=[-wide / 2, ends[1]], **axis,
    )  # fmt: skip
    figure.update_yaxes(title_text=_("output"), range=[ends[0], -found.block[0] / 2], **axis)
    alive = ~np.isnan(found.values)
    table = pd.DataFrame(
        {"output": np.arange(len(alive)) * found.block[0], "cells alive": alive.sum(1)}
    )
    return Picture(title, figure, _("Image of the weights. {title}.", title=title), table)


def closer(
    layer: str,
    weight: NDArray[Any],
    mask: NDArray[Any] | None,
    marked: tuple[int, int],
    *,
    theme: Theme = "light",
) -> Picture:
    """The weights around one of them, a cell each; those that go are pale.

    Raises:
        ValueError: there is no such weight, or the mask does not fit.
    """
    matrix = np.asarray(weight, dtype=np.float32).reshape(len(weight), -1)
    if not (0 <= marked[0] < len(matrix) and 0 <= marked[1] < matrix.shape[1]):
        raise ValueError(f"{layer} has no weight in row {marked[0]}, column {marked[1]}.")
    cover = np.ones(matrix.shape, bool) if mask is None else _cover(np.asarray(mask), matrix.shape)
    rows, columns = _around(matrix.shape, marked)
    here, stays = matrix[rows, columns], cover[rows, columns]
    p, limit = PALETTES[theme], float(np.abs(matrix).max()) or 1.0
    y, x = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
    figure = go.Figure(
        [
            go.Heatmap(
                z=np.where(side, here, np.nan), x=x, y=y, zmin=-limit, zmax=limit, opacity=opacity,
                colorscale=scale(p.signed), showscale=False, hoverinfo="skip", xgap=1, ygap=1,
            )
            for side, opacity in ((stays, 1.0), (~stays, 0.25))
        ]
    )  # fmt: skip
    table = pd.DataFrame(
        [(r, c, float(matrix[r, c]), bool(cover[r, c])) for r in map(int, y) for c in map(int, x)],
        columns=["output", "input", "weight", "stays"],
    )
    figure.add_scatter(
        x=table["input"], y=table["output"], mode="markers", showlegend=False,
        marker={"size": 18, "opacity": 0, "symbol": "square"},
        customdata=[(w, _("stays") if stay else _("goes")) for w, stay in
                    zip(table["weight"], table["stays"], strict=True)],
        hovertemplate=_("output %{y}, input %{x}<br>%{customdata[0]:.4g}, %{customdata[1]}"
        "<extra></extra>"),
    )  # fmt: skip
    row, column = marked
    _frame(figure, slice(row, row + 1), slice(column, column + 1), p.accent)
    title = _(
        "{n} of these {all} weights of {layer} stay; the pale ones go",
        n=count(int(stays.sum())), all=count(stays.size), layer=layer,
    )  # fmt: skip
    layout(figure, title, theme=theme, height=360)
    figure.update_layout(plot_bgcolor=p.paper, dragmode=False)
    axis = {"showgrid": False, "zeroline": False}
    figure.update_xaxes(title_text=_("input"), range=[x[0] - 0.5, x[-1] + 0.5], **axis)
    figure.update_yaxes(title_text=_("output"), range=[y[-1] + 0.5, y[0] - 0.5], **axis)
    return Picture(title, figure, _("Weights one by one. {title}.", title=title), table)


def _places(found: Image) -> go.Scatter:
    """Heat maps take no clicks, so invisible points above the cells do; of many cells some."""
    high, wide = found.values.shape
    at = [(r, c) for r in _spread(high) for c in _spread(wide)]
    return go.Scatter(
        x=[c * found.block[1] for _row, c in at], y=[r * found.block[0] for r, _column in at],
        mode="markers", marker={"size": 20, "opacity": 0, "symbol": "square"}, showlegend=False,
        hovertemplate=_("near output %{y}, input %{x}<br>click to look closer<extra></extra>"),
    )  # fmt: skip


def _spread(length: int) -> NDArray[np.int64]:
    """Evenly spread places, both ends among them; all where there are few."""
    return np.unique(np.linspace(0, length - 1, min(length, CLICKS)).round().astype(np.int64))


def _around(shape: tuple[int, ...], marked: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns around a place, as many as are drawn one by one."""
    sides = zip(marked, (shape[0], int(np.prod(shape[1:]))), (HIGH, WIDE), strict=True)
    starts = [(max(0, min(at - most // 2, size - most)), most, size) for at, size, most in sides]
    rows, columns = (slice(start, min(start + most, size)) for start, most, size in starts)
    return rows, columns


def _frame(figure: go.Figure, rows: slice, columns: slice, colour: str) -> None:
    figure.add_shape(
        type="rect", x0=columns.start - 0.5, x1=columns.stop - 0.5, y0=rows.start - 0.5,
        y1=rows.stop - 0.5, line={"color": colour, "width": 3},
    )  # fmt: skip
