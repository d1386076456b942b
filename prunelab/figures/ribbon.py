"""What a forecast leaves of each layer at one sparsity, as a ribbon from input to output."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from prunelab.figures.foretold import OWN, exact
from prunelab.figures.look import (
    PALETTES,
    Palette,
    Picture,
    Theme,
    count,
    layout,
    percent,
    strokes,
)
from prunelab.speech import _, anew, many, mark

if TYPE_CHECKING:
    from prunelab.foresight import Forecast

FLAT = 0.27  # half the width of a layer in its ribbon


def ribbons(found: Forecast, sparsity: float, *, way: str = OWN, theme: Theme = "light") -> Picture:
    """What is left of each layer, from input to output: a ribbon for each method.

    The pale part stays but lies on no path. Thickness is the square root of a layer's share.

    Raises:
        ValueError: a sparsity that was not tried.
    """
    rows = found.table
    rows = rows[(rows["way"] == way) & (rows["sparsity"] == sparsity)]
    if rows.empty:
        tried = ", ".join(map(exact, found.sparsities))
        raise ValueError(f"The forecast has no sparsity {sparsity:g}; it has {tried}.")
    names = [m for m in found.methods if m in set(rows["method"])]
    figure = make_subplots(len(names), 1, shared_xaxes=True, vertical_spacing=0.3 / len(names))
    styles, p = strokes(found.methods, theme), PALETTES[theme]
    for place, name in enumerate(names, 1):
        mine = rows[rows["method"] == name]
        units = [found.layers[layer] for layer in mine["layer"]]
        for kind, colour in ((mark("kept"), p.faint), (mark("live"), styles[name].colour)):
            shares = [k / n for k, n in zip(mine[kind], units, strict=True)]
            figure.add_trace(_band(shares, colour, f"{name}, {_(kind)}"), place, 1)
        _labels(figure, mine, units, place, p, len(names))
        figure.add_annotation(
            xref="x domain", yref=f"y{place if place > 1 else ''} domain", x=0, y=1.0,
            yanchor="bottom", xanchor="left", showarrow=False, font={"color": p.ink, "size": 14},
            text=f"<b>{name}</b> · {_state(found, name, way, sparsity)}",
        )  # fmt: skip
    title = _ribbon_title(found, names, way, sparsity)
    layout(figure, title, theme=theme, height=80 + 150 * len(names))
    figure.update_layout(showlegend=False, margin={"l": 20, "t": 84})
    figure.update_yaxes(visible=False, range=[-0.62, 0.62], fixedrange=True)
    ticks = {"tickvals": [*range(len(found.layers))], "ticktext": [*found.layers]}
    figure.update_xaxes(
        range=[-0.5, len(found.layers) - 0.5], showgrid=False, zeroline=False, **ticks
    )
    table = rows.drop(columns="way").assign(units=[found.layers[n] for n in rows["layer"]])
    return Picture(title, figure, _("Ribbons. {title}.", title=title), table)


def _band(shares: list[float], colour: str, name: str) -> go.Scatter:
    x, half = [], []
    for place, share in enumerate(shares):
        x += [place - FLAT, place + FLAT]
        half += [0.5 * math.sqrt(share)] * 2
    return go.Scatter(
        x=[*x, *x[::-1]],
        y=[*half, *(-h for h in reversed(half))],
        fill="toself",
        mode="lines",
        line={"width": 1, "color": colour},
        fillcolor=colour,
        name=name,
        hoverinfo="skip",
    )


def _labels(
    figure: go.Figure, rows: pd.DataFrame, units: list[int], place: int, p: Palette, many: int
) -> None:
    few = len(units) <= 8
    pairs = [*zip(rows.to_dict("records"), units, strict=True)]
    told = [
        _(
            "{live} of {of} on a path, {kept} kept",
            live=count(r["live"]),
            of=count(of),
            kept=count(r["kept"]),
        )
        for r, of in pairs
    ]
    short = [_left(r["kept"], r["live"], of) for r, of in pairs]
    colours = [p.ink if live else p.warn for live in rows["live"]]
    figure.add_trace(
        go.Scatter(
            x=[*range(len(units))],
            y=[-0.58] * len(units),
            mode="text" if few else "markers",
            marker={"size": 12, "color": "rgba(0,0,0,0)"},
            text=short,
            textfont={"color": colours, "size": 12},
            customdata=told,
            hovertemplate="%{customdata}<extra></extra>",
        ),
        place,
        1,
    )


def _left(kept: int, live: int, of: int) -> str:
    if not live:
        return _("✕ no path") if kept else _("✕ nothing left")
    return f"{count(live)} · {percent(live / of)}"


def _state(found: Forecast, name: str, way: str, sparsity: float) -> str:
    rows = found.paths
    row = rows[(rows["method"] == name) & (rows["way"] == way) & (rows["sparsity"] == sparsity)]
    why = str(row["why"].iloc[0])
    return f"✕ {anew(why)}" if why else _("every output has a path")


def _ribbon_title(found: Forecast, names: list[str], way: str, sparsity: float) -> str:
    whole = [n for n in names if "✕" not in _state(found, n, way, sparsity)]
    at = _("At {sparsity} sparsity", sparsity=exact(sparsity))
    if len(whole) == len(names):
        return _("{at} every output can still be reached", at=at)
    if not whole:
        return _("{at} each of these networks is broken", at=at)
    listed = " and ".join(filter(None, (", ".join(whole[:-1]), whole[-1])))
    return many(
        "{at} only {methods} still reaches every output",
        "{at} only {methods} still reach every output", len(whole), at=at, methods=listed,
    )  # fmt: skip
