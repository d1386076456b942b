"""The layer under the microscope, and how many of its zeros are left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import PALETTES, Picture, Theme, layout, percent, scale
from prunelab.microscope import Slide
from prunelab.speech import _, many


def slide(seen: Slide, *, theme: Theme = "light") -> Picture:
    """Every weight of the layer; those that woke are framed, those still zero are empty."""
    p = PALETTES[theme]
    limit = float(np.abs(seen.weight).max()) or 1.0
    shown = np.where(seen.weight == 0, np.nan, seen.weight)
    figure = go.Figure(
        go.Heatmap(
            z=shown, zmin=-limit, zmax=limit, colorscale=scale(p.signed), xgap=2, ygap=2,
            colorbar={"title": {"text": _("weight")}, "len": 0.9},
            hovertemplate=_("row %{y}, column %{x}: %{z:.4f}<extra></extra>"),
        )
    )  # fmt: skip
    rows, columns = np.nonzero(seen.woken)
    figure.add_scatter(
        x=columns, y=rows, mode="markers", name="woke", showlegend=False,
        marker={
            "symbol": "circle-open", "size": 15, "color": p.warn, "line": {"width": 2.5},
        },
        hovertemplate=_("woke: row %{y}, column %{x}<extra></extra>"),
    )  # fmt: skip
    woke, gone = int(seen.woken.sum()), int((~seen.mask).sum())
    title = _("{woke} of {gone} pruned weights are no longer zero", woke=woke, gone=gone)
    layout(figure, title, theme=theme, height=330)
    high, wide = seen.weight.shape
    figure.update_xaxes(visible=False, fixedrange=True, range=[-0.5, wide - 0.5])
    figure.update_yaxes(visible=False, fixedrange=True, range=[high - 0.5, -0.5])
    figure.update_layout(margin={"l": 4, "b": 8}, dragmode=False)
    return Picture(
        title, figure, _("A heatmap of weights. {title}.", title=title), pd.DataFrame(seen.weight)
    )


def strip(seen: Slide, *, theme: Theme = "light") -> Picture:
    """The share of the pruned weights that are still zero, step by step."""
    p = PALETTES[theme]
    steps = list(range(len(seen.zeros)))
    figure = go.Figure(
        go.Scatter(
            x=steps, y=list(seen.zeros), mode="lines+markers",
            line={"color": p.accent, "width": 2.5},
            hovertemplate=_("step %{x}: %{y:.1%}<extra></extra>"),
        )
    )  # fmt: skip
    steps_ = many("{n} step", "{n} steps", seen.steps)
    title = _(
        "{share} of the zeros left after {steps}", share=percent(seen.zeros[-1]), steps=steps_
    )
    layout(figure, title, theme=theme, height=240)
    figure.update_yaxes(title_text=_("zeros left"), tickformat=".0%", range=[-0.03, 1.05])
    figure.update_xaxes(title_text=_("optimiser steps"), range=[-0.5, max(10, len(steps)) + 0.5])
    table = pd.DataFrame({"step": steps, "zeros left": list(seen.zeros)})
    return Picture(title, figure, _("A line. {title}.", title=title), table)
