"""Under- and over-pruning around the balance: what each sparsity loses, and what is tolerated."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from prunelab.fair.balance import Balance
from prunelab.figures.look import PALETTES, Picture, Theme, layout, percent


def balance(found: Balance, *, theme: Theme = "light") -> Picture:
    """Points lost at each sparsity that was tried, with the end of the interval that decides."""
    p = PALETTES[theme]
    x = [-math.log2(1 - t.sparsity) for t in found.tries]
    figure = go.Figure()
    for holds, colour, name in ((True, p.accent, "holds"), (False, p.warn, "too much")):
        mine = [(at, t) for at, t in zip(x, found.tries, strict=True) if t.holds == holds]
        figure.add_trace(
            go.Scatter(
                x=[at for at, _ in mine], y=[100 * t.lost for _, t in mine], mode="markers",
                name=name, marker={"size": 11, "color": colour,
                                   "symbol": "circle" if holds else "x"},
                error_y={"symmetric": False, "array": [100 * (t.most - t.lost) for _, t in mine],
                         "arrayminus": [0.0] * len(mine), "width": 5},
                customdata=[percent(t.sparsity) for _, t in mine],
                hovertemplate="%{customdata} removed: %{y:.2f} points lost<extra></extra>",
            )
        )  # fmt: skip
    figure.add_hline(
        y=100 * found.tolerated, line={"color": p.ink, "dash": "dash", "width": 1.5},
        annotation_text=f"tolerated: {100 * found.tolerated:g} points",
    )  # fmt: skip
    title = "Nothing that was tried holds"
    if found.sparsity:
        at = -math.log2(1 - found.sparsity)
        title = f"The balance: {percent(found.sparsity)} can go"
        for text, ends, anchor in (("under-pruned", (min(x), at), "left"),
                                   ("over-pruned", (at, max(x)), "right")):  # fmt: skip
            if ends[1] > ends[0]:
                figure.add_annotation(
                    x=ends[0] if anchor == "left" else ends[1], xanchor=anchor, y=1, yref="paper",
                    text=text, showarrow=False, font_color=p.muted,
                )  # fmt: skip
        figure.add_vline(x=at, line={"color": p.accent, "width": 2})
    layout(figure, title, theme=theme, height=420)
    figure.update_xaxes(
        title_text="sparsity (each even step halves what is left)", tickvals=x,
        ticktext=[percent(t.sparsity) for t in found.tries],
    )  # fmt: skip
    figure.update_yaxes(title_text="points of validation accuracy lost; whisker: at most")
    return Picture(title, figure, f"Dots. {title}.", pd.DataFrame(found.tries))
