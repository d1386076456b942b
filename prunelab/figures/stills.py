"""One still of a training that prunes: the weights that are there, their values, the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.events import Frame, Result
from prunelab.figures import film
from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, percent
from prunelab.figures.matrix import CELLS
from prunelab.speech import _, mark

GONE, WENT, STAYED, CAME = range(4)
BINS = 60
STATES = (mark("absent"), mark("just went"), mark("stayed"), mark("just came"))


def cells(
    result: Result, layer: str = "", epoch: int | None = None, *, theme: Theme = "light"
) -> Picture:
    """The weights of a layer that are there, and what came and went since the still before.

    Raises:
        ValueError: no stills, or no such layer.
    """
    layer = layer or film.names(result)[0]
    frame = film.still(result, epoch)
    place = film.moments(result).index(frame.epoch)
    now = film.mask(frame, layer)
    before = film.mask(result.frames[max(0, place - 1)], layer)
    states = _states(before, now)
    drawn, block = _coarse(states)
    colours = _colours(theme)
    figure = go.Figure(
        go.Heatmap(
            z=drawn, zmin=-0.5, zmax=3.5, colorscale=_steps(colours), showscale=False,
            dx=block[1], dy=block[0], x0=0, y0=0, hoverinfo="skip",
        )
    )  # fmt: skip
    for name, colour in zip(STATES, colours, strict=True):
        marker = {"color": colour, "symbol": "square", "size": 11}
        figure.add_trace(
            go.Scatter(x=[None], y=[None], mode="markers", name=_(name), marker=marker)
        )
    counts = [int((states == state).sum()) for state in range(4)]
    there = counts[STAYED] + counts[CAME]
    title = _(
        "{layer}: {there} of {size} weights at epoch {epoch}",
        layer=layer, there=count(there), size=count(now.size), epoch=frame.epoch,
    )  # fmt: skip
    layout(figure, title, theme=theme, height=360)
    each = (
        ""
        if block == (1, 1)
        else _("; a cell is {rows} × {columns}", rows=block[0], columns=block[1])
    )
    figure.update_layout(showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=_("input{each}", each=each), showgrid=False, zeroline=False)
    figure.update_yaxes(
        title_text=_("neuron"), autorange="reversed", showgrid=False, zeroline=False
    )
    table = pd.DataFrame({"weights": STATES, "count": counts})
    return Picture(title, figure, _("Image of the mask. {title}.", title=title), table)


def _states(before: film.Mask, now: film.Mask) -> NDArray[np.int8]:
    states = np.where(now, np.where(before, STAYED, CAME), np.where(before, WENT, GONE))
    return states.reshape(len(states), -1).astype(np.int8)


def _coarse(states: NDArray[np.int8]) -> tuple[NDArray[np.int8], tuple[int, int]]:
    """At most 256 × 256 cells; a cell shows the most telling state in it."""
    rows, columns = (max(1, -(-n // CELLS)) for n in states.shape)
    high, wide = -(-states.shape[0] // rows), -(-states.shape[1] // columns)
    pad = ((0, high * rows - states.shape[0]), (0, wide * columns - states.shape[1]))
    blocks = np.pad(states, pad).reshape(high, rows, wide, columns)
    return blocks.max((1, 3)), (rows, columns)


def _colours(theme: Theme) -> tuple[str, str, str, str]:
    p = PALETTES[theme]
    return p.grid, p.faint if theme == "dark" else "#9AA6B2", p.accent, p.methods[1]


def _steps(colours: Sequence[str]) -> list[list[Any]]:
    """A scale of flat steps: a state has one colour."""
    n = len(colours)
    return [[(i + end) / n, colour] for i, colour in enumerate(colours) for end in (0, 1)]


def values(
    result: Result, layer: str = "", epoch: int | None = None, *, theme: Theme = "light"
) -> Picture:
    """The values of the weights that are there, at one epoch and at the start.

    Raises:
        ValueError: no stills, or no such layer.
    """
    layer = layer or film.names(result)[0]
    frame = film.still(result, epoch)
    rows = [film.row_of(f, layer) for f in (frame, result.frames[0])]
    reach = max(abs(row[end]) for f in result.frames for row in [film.row_of(f, layer)]
                for end in ("low", "high"))  # fmt: skip
    p = PALETTES[theme]
    left = sum(rows[0]["counts"])
    edges = np.linspace(-reach, reach, BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    now, start = (_rebinned(row, edges) for row in rows)
    pen = {"color": p.muted, "shape": "hvh", "width": 2}
    figure = go.Figure(
        [
            go.Bar(
                x=middle, y=now, name=_("epoch {epoch}", epoch=frame.epoch), marker_color=p.accent
            ),
            go.Scatter(x=middle, y=start, mode="lines", name=_("start"), line=pen),
        ]
    )
    title = _(
        "{layer}: {left} weights, from {rows:.2f} to {rows2:.2f}",
        layer=layer,
        left=count(left),
        rows=rows[0]["low"],
        rows2=rows[0]["high"],
    )
    layout(figure, title, theme=theme, height=320)
    figure.update_layout(bargap=0, showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=_("weight"), range=[-1.02 * reach, 1.02 * reach])
    figure.update_yaxes(title_text=_("weights"), tickformat=",")
    table = pd.DataFrame(
        {"around": middle, "start": start, _("epoch {epoch}", epoch=frame.epoch): now}
    )
    return Picture(title, figure, _("Histogram. {title}.", title=title), table.round(3))


def gates(
    result: Result, layer: str = "", epoch: int | None = None, *, theme: Theme = "light"
) -> Picture:
    """What decides for each weight whether it stays, and where the threshold is.

    Raises:
        ValueError: the method has no gates, or no such layer.
    """
    frame = _gated(result, epoch)
    layer = layer or str(frame.gates["layers"][0]["name"])
    about = frame.gates
    row = next((r for r in about["layers"] if r["name"] == layer), None)
    if row is None:
        raise ValueError(f"There is no layer {layer!r} with gates.")
    p = PALETTES[theme]
    _edges, middle, width, counts = _bins(row)
    above = middle > about["threshold"]
    shut = above if about["shut"] == "above" else ~above
    figure = go.Figure(
        [
            go.Bar(x=middle[side], y=counts[side], width=width, name=name, marker_color=colour)
            for name, side, colour in (("open", ~shut, p.accent), ("shut", shut, p.faint))
        ]
    )
    line = {"color": p.ink, "dash": "dash", "width": 1.5}
    figure.add_vline(x=about["threshold"], line=line)
    figure.add_annotation(
        x=about["threshold"], y=1, yref="y domain",
        text=_("threshold {threshold:.2g}", threshold=about["threshold"]),
        showarrow=False, xanchor="left", yanchor="top", xshift=6, font_color=p.ink,
    )  # fmt: skip
    there = film.mask(frame, layer)
    share = 1 - there.mean() if there.size else 0.0
    title = _(
        "{layer}: {share} of the gates are shut at epoch {epoch}",
        layer=layer, share=percent(float(share)), epoch=frame.epoch,
    )  # fmt: skip
    layout(figure, title, theme=theme, height=340)
    figure.update_layout(barmode="overlay", bargap=0, showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=about["label"])
    figure.update_yaxes(title_text=_("weights"), tickformat=",")
    return Picture(title, figure, _("Histogram. {title}.", title=title), _table(row))


def _gated(result: Result, epoch: int | None) -> Frame:
    """The last still with gates at or before an epoch."""
    film.stills(result)
    with_gates = [f for f in result.frames if f.gates]
    if not with_gates:
        raise ValueError(
            "This method learns no gates. Variational dropout learns a noise for every weight, L0 "
            "the probability that it is there."
        )
    before = [f for f in with_gates if epoch is None or f.epoch <= epoch]
    return (before or with_gates[:1])[-1]


def _bins(
    row: Mapping[str, Any],
) -> tuple[NDArray[Any], NDArray[Any], float, NDArray[Any]]:
    edges = np.linspace(row["low"], row["high"], len(row["counts"]) + 1)
    return edges, (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0]), np.array(row["counts"])


def _rebinned(row: Mapping[str, Any], edges: NDArray[Any]) -> NDArray[Any]:
    """The counts in other bins, each old one spread evenly, so that two stills can be compared."""
    own, _low, _high, counts = _bins(row)
    below = np.interp(edges, own, np.concatenate([[0], np.cumsum(counts)]))
    spread: NDArray[Any] = np.diff(below)
    return spread


def _table(row: Mapping[str, Any]) -> pd.DataFrame:
    edges, _low, _high, counts = _bins(row)
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "weights": counts})
