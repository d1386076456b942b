"""An exhibit of the failure museum drawn: what a tool prints, and what is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import PALETTES, Picture, Theme, layout
from prunelab.speech import _, mark

PRINTED, TRUE = mark("what the tool prints"), mark("what is true")


def exhibit(told: Mapping[str, Any], *, revealed: bool = True, theme: Theme = "light") -> Picture:
    """The printed numbers against the axis of the exhibit, and the true ones once revealed.

    Args:
        told: as of ``prunelab.collection.exhibits``.
        revealed: False leaves the truth out, as before a visitor has answered.
        theme: of the colours.
    """
    p, shown = PALETTES[theme], told["shown"]
    lines = [(PRINTED, shown["printed"], p.warn, "dash", "x")]
    if revealed:
        lines.append((TRUE, shown["true"], p.accent, "solid", "circle"))
    places = [str(i) for i in range(len(shown["x"]))]
    figure = go.Figure()
    for name, values, colour, dash, marker in lines:
        figure.add_scatter(
            x=places, y=values, name=_(name), mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2.5},
            marker={"symbol": marker, "size": 9},
            hovertemplate=f"{_(name)}: %{{y}}<extra></extra>",
        )  # fmt: skip
    said = _("{title}: what the tool prints, and what is true") if revealed else ""
    title = (said or _("{title}: what the tool prints")).format(title=_(told["title"]))
    layout(figure, title, theme=theme, height=340)
    form = {"%": ".0%", "points": "+.1%", "": ",.0f"}[told["unit"]]
    figure.update_yaxes(title_text=_(told["axes"][1]), tickformat=form)
    figure.update_xaxes(
        title_text=_(told["axes"][0]), type="category", tickvals=places, ticktext=_ticks(shown["x"])
    )
    if told["unit"] != "points":
        figure.update_yaxes(rangemode="tozero")
    figure.update_layout(
        legend={"orientation": "h", "y": 1.12, "x": 0}, hovermode="x unified", margin={"l": 70}
    )
    table = pd.DataFrame({told["axes"][0]: shown["x"], PRINTED: shown["printed"]})
    if revealed:
        table[TRUE] = shown["true"]
    return Picture(title, figure, _("Lines. {title}.", title=title), table)


def _ticks(x: list[float]) -> list[str]:
    if max(x) <= 1:
        return [f"{100 * value:.3g} %" for value in x]
    return [f"{value:,.0f}" for value in x]
