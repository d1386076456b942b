"""One step of a worked example, large; and how far methods agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import PALETTES, Picture, Theme, layout, scale
from prunelab.figures.worked import cells, gone
from prunelab.speech import _


def step(
    made: Mapping[str, Any], *, marked: tuple[int, int] | None = None, theme: Theme = "light"
) -> Picture:
    """The matrix of one step, every number in its cell, what does not stay struck through.

    Args:
        made: a step of kind "matrix" of a worked example.
        marked: row and column of a cell to frame, from 0.
        theme: of the colours.
    """
    p, high = PALETTES[theme], len(made["values"])
    wide = len(made["values"][0])
    figure = go.Figure(cells(made, p))
    for line in gone(made, p):
        figure.add_shape(**line)
    if marked:
        row, column = marked
        figure.add_shape(
            type="rect", x0=column - 0.49, x1=column + 0.49, y0=row - 0.49, y1=row + 0.49,
            line={"color": p.accent, "width": 4},
        )  # fmt: skip
    # Heat maps take no clicks, so invisible points above the cells do.
    drawn = figure.data[0]
    figure.add_scatter(
        x=[j for _row in range(high) for j in range(wide)],
        y=[i for i in range(high) for _column in range(wide)],
        mode="markers", marker={"size": 48, "opacity": 0, "symbol": "square"},
        customdata=[text for line in drawn.customdata for text in line], showlegend=False,
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    title = _(made["title"])
    layout(figure, title, theme=theme, height=76 * high + 70)
    figure.update_xaxes(visible=False, fixedrange=True, range=[-0.5, wide - 0.5])
    figure.update_yaxes(visible=False, fixedrange=True, range=[high - 0.5, -0.5])
    figure.update_traces(textfont={"size": 17}, selector={"type": "heatmap"})
    figure.update_layout(margin={"l": 4, "r": 4, "b": 4}, dragmode=False)
    table = pd.DataFrame(
        [
            {"row": i + 1, "column": j + 1, "value": value}
            for i, line in enumerate(made["values"])
            for j, value in enumerate(line)
        ]
    )
    return Picture(title, figure, _("A matrix of numbers: {title}.", title=title), table)


def agree(
    methods: Sequence[str], shares: Sequence[Sequence[float]], *, theme: Theme = "light"
) -> Picture:
    """How much of what two methods keep is the same, for each pair."""
    p = PALETTES[theme]
    names = list(methods)
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=names, y=names, zmin=0, zmax=1, colorscale=scale(p.kept[::-1]),
            xgap=2, ygap=2, colorbar={"title": {"text": _("shared")}, "tickformat": ".0%"},
            hovertemplate=_("%{y} and %{x}: %{z:.0%} shared<extra></extra>"),
        )
    )  # fmt: skip
    title = _("What {n} methods keep of this layer, and how much of it they share", n=len(names))
    layout(figure, title, theme=theme, height=max(360, 24 * len(names) + 170))
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(tickangle=-60, showgrid=False)
    rows = [
        {"method": a, "other": b, "shared": share}
        for a, line in zip(names, shares, strict=True)
        for b, share in zip(names, line, strict=True)
    ]
    return Picture(title, figure, _("A heatmap. {title}.", title=title), pd.DataFrame(rows))
