"""A worked example drawn: the matrices of its steps side by side, every number in its cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from prunelab.figures.look import PALETTES, Palette, Picture, Theme, layout, scale
from prunelab.speech import _

SIDE = 4  # cells: narrower matrices have cells of the same size
CELL, HEAD = 44, 62  # pixels of a row, and of what is around four of them


def matrices(steps: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """The steps that are matrices, with their number among all steps."""
    return [(place, s) for place, s in enumerate(steps, 1) if s["kind"] == "matrix"]


def worked(name: str, steps: Sequence[Mapping[str, Any]], *, theme: Theme = "light") -> Picture:
    """The matrices of a worked example, two in a row; hover shows the formula with its numbers.

    Raises:
        ValueError: an example without a matrix, as those of trees.
    """
    drawn = matrices(steps)
    if not drawn:
        raise ValueError(f"The worked example of {name} has tables, no matrices.")
    lines = -(-len(drawn) // 2)
    titles = [f"{place}. {_(step['title'])}" for place, step in drawn]
    figure = make_subplots(lines, 2, subplot_titles=titles, vertical_spacing=0.28 / lines)
    p = PALETTES[theme]
    for number, (_place, step) in enumerate(drawn):
        row, col = number // 2 + 1, number % 2 + 1
        figure.add_trace(cells(step, p), row, col)
        for box in gone(step, p):
            figure.add_shape(row=row, col=col, **box)
        high = len(step["values"])
        figure.update_xaxes(range=[-0.5, SIDE - 0.5], row=row, col=col)
        figure.update_yaxes(range=[high - 0.5, -0.5], row=row, col=col)
    title = _title(name, steps)
    layout(figure, title, theme=theme, height=lines * (SIDE * CELL + HEAD) + 40)
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(visible=False, fixedrange=True)
    figure.update_annotations(font={"size": 14, "color": p.ink})
    figure.update_layout(margin={"l": 8, "r": 8, "b": 10}, dragmode=False)
    return Picture(title, figure, _("Matrices of numbers. {title}.", title=title), _table(drawn))


def _title(name: str, steps: Sequence[Mapping[str, Any]]) -> str:
    kept = next((np.array(s["kept"]) for s in steps if "kept" in s), None)
    if kept is None:
        return _("{name} on a tiny model", name=name)
    noun = "filters" if kept.shape[1] == 1 else "weights"
    return _(
        "{name} keeps {n} of the {all} {units} of this layer",
        name=name, n=kept.sum(), all=kept.size, units=_(noun),
    )  # fmt: skip


def cells(step: Mapping[str, Any], p: Palette) -> go.Heatmap:
    """The numbers of a step in tints; what does not stay has none."""
    values = np.array(step["values"], dtype=float)
    kept = np.array(step.get("kept") or np.ones(values.shape), dtype=bool)
    limit = float(np.abs(values).max()) or 1.0
    signed = step.get("signed", False)
    shade = np.abs(values) / limit if not signed else values / limit
    low = -1.0 if signed else 0.0
    if not signed and values.min() < 0:  # scores below nought: their order is what counts
        shade = (values - values.min()) / ((values.max() - values.min()) or 1.0)
    colours = _soft(p, signed)
    working = step.get("working") or [["" for _cell in row] for row in values]
    texts = [[_short(v) for v in row] for row in values]
    return go.Heatmap(
        z=np.where(kept, shade, np.nan),
        zmin=low,
        zmax=1.0,
        colorscale=colours,
        showscale=False,
        text=texts,
        texttemplate="%{text}",
        textfont={"size": 13, "color": p.ink},
        customdata=[
            [
                _("row {i}, column {j}<br>", i=i, j=j) + (f"{w} = {v:.4g}" if w else f"{v:.6g}")
                for j, (w, v) in enumerate(zip(a, b, strict=True), 1)
            ]
            for i, (a, b) in enumerate(zip(working, values, strict=True), 1)
        ],
        hovertemplate="%{customdata}<extra></extra>",
        xgap=2,
        ygap=2,
    )


def _soft(p: Palette, signed: bool) -> list[list[Any]]:
    """Tints light enough, or in the dark theme dark enough, for a number to be read on them."""
    if signed:
        return scale((p.signed[2], p.signed[3], p.signed[4]) if p.ink < "#8" else p.signed[2:5])
    quiet = p.kept[::-1]
    return scale(quiet[:5])


def gone(step: Mapping[str, Any], p: Palette) -> list[dict[str, Any]]:
    """A line through what does not stay: not by colour alone."""
    line = {"color": p.muted, "width": 1.5}
    return [
        {"type": "line", "x0": j - 0.42, "x1": j + 0.42, "y0": i + 0.3, "y1": i - 0.3, "line": line}
        for i, row in enumerate(step.get("kept") or ())
        for j, stays in enumerate(row)
        if not stays
    ]


def _short(value: float) -> str:
    """So few digits that four numbers stand side by side; hover has them all."""
    if value == 0 or 0.005 <= abs(value) < 1000:
        return f"{value:.3g}" if value == 0 or abs(value) >= 1 else f"{value:.2f}"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def _table(drawn: Sequence[tuple[int, Mapping[str, Any]]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"step": step["title"], "row": i, "column": j, "value": value}
            for _place, step in drawn
            for i, row in enumerate(step["values"])
            for j, value in enumerate(row)
        ]
    )
