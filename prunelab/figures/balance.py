"""Under- and over-pruning around the balance: what each sparsity loses, and what is tolerated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from prunelab.fair.balance import Balance, Try
from prunelab.figures.look import PALETTES, Picture, Theme, layout, percent
from prunelab.speech import _

TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 0.875, 0.938, 0.969, 0.99)
CAP = 8  # times what is tolerated; what loses more stands at the upper edge


def balance(found: Balance, *, theme: Theme = "light") -> Picture:
    """Points lost at each sparsity that was tried, with the end of the interval that decides."""
    p, figure = PALETTES[theme], go.Figure()
    top = 100 * CAP * found.tolerated
    for holds, colour, name in ((True, p.accent, _("holds")), (False, p.warn, _("too much"))):
        mine = [t for t in found.tries if t.holds == holds and 100 * t.lost < top]
        _dots(
            figure, mine, name, {"size": 11, "color": colour, "symbol": "circle" if holds else "x"}
        )
    beyond = [t for t in found.tries if 100 * t.lost >= top]
    figure.add_trace(
        go.Scatter(
            x=[_place(t.sparsity) for t in beyond], y=[top] * len(beyond), mode="markers+text",
            name=_("far too much"), marker={"size": 13, "color": p.warn, "symbol": "triangle-up"},
            text=[_("{lost:.0f} points", lost=100 * t.lost) for t in beyond],
            textposition="bottom left",
            textfont={"color": p.muted}, customdata=[percent(t.sparsity) for t in beyond],
            hovertemplate=_("%{customdata} removed: %{text} lost<extra></extra>"),
        )
    )  # fmt: skip
    figure.add_hline(
        y=100 * found.tolerated, line={"color": p.ink, "dash": "dash", "width": 1.5},
        annotation_text=_(
            "tolerated: {value:g}",
            value=100 * found.tolerated,
        ), annotation_position="top left",
        annotation_font_color=p.ink,
    )  # fmt: skip
    title = _("Nothing that was tried holds")
    if found.sparsity:
        title = _("The balance: {sparsity} can go", sparsity=percent(found.sparsity))
        _line(figure, found, theme)
    layout(figure, title, theme=theme, height=420)
    ends = [_place(t.sparsity) for t in found.tries] or [1.0]
    ticks = [s for s in TICKS if min(ends) - 0.2 <= _place(s) <= max(ends) + 0.2]
    figure.update_xaxes(
        title_text=_("sparsity (each even step halves what is left)"),
        tickvals=[_place(s) for s in ticks], ticktext=[percent(s) for s in ticks],
        range=[min(ends) - 0.3, max(ends) + 0.3],
    )  # fmt: skip
    lowest = min([0.0, *(100 * t.lost for t in found.tries)])
    figure.update_yaxes(
        title_text=_("points of validation accuracy lost; whisker: at most"),
        range=[lowest - 0.06 * top, 1.06 * top],
    )  # fmt: skip
    return Picture(title, figure, _("Dots. {title}.", title=title), pd.DataFrame(found.tries))


def _place(sparsity: float) -> float:
    return -math.log2(1 - sparsity)


def _dots(figure: go.Figure, mine: Sequence[Try], name: str, marker: dict[str, Any]) -> None:
    figure.add_trace(
        go.Scatter(
            x=[_place(t.sparsity) for t in mine], y=[100 * t.lost for t in mine], mode="markers",
            name=name, marker=marker,
            error_y={"symmetric": False, "array": [100 * (t.most - t.lost) for t in mine],
                     "arrayminus": [0.0] * len(mine), "width": 5},
            customdata=[percent(t.sparsity) for t in mine],
            hovertemplate=_("%{customdata} removed: %{y:.2f} points lost<extra></extra>"),
        )
    )  # fmt: skip


def _line(figure: go.Figure, found: Balance, theme: Theme) -> None:
    """The balance, with what lies on either side of it."""
    p, at = PALETTES[theme], _place(found.sparsity)
    figure.add_vline(x=at, line={"color": p.accent, "width": 2})
    for text, anchor, shift in (
        (_("under-<br>pruned"), "right", -6),
        (_("over-<br>pruned"), "left", 6),
    ):
        figure.add_annotation(
            x=at, xanchor=anchor, xshift=shift, y=0.94, yref="paper", text=text, showarrow=False,
            font_color=p.muted,
        )  # fmt: skip
