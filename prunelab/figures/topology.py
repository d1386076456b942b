"""Who is connected to whom while a network trains sparse: inputs, neurons, what came and went."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.events import Result
from prunelab.figures import film
from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, scale
from prunelab.speech import _

ROWS = 40  # classes of connections in a picture


class Degrees(NamedTuple):
    """How many neurons (or inputs) of a layer have so many connections, still by still."""

    epochs: list[int]
    edges: NDArray[np.int64]  # lower bounds of the classes of connections
    counts: NDArray[np.int64]  # class × still
    mean: list[float]


def pixels(result: Result, epoch: int | None = None, *, theme: Theme = "light") -> Picture:
    """Which inputs are still read, and by how many neurons.

    Raises:
        ValueError: the run has no stills.
    """
    frame = film.still(result, epoch)
    counts = film.pixel_counts(frame)
    most = max(int(film.pixel_counts(f).max(initial=0)) for f in result.frames)
    read, of = int((counts > 0).sum()), counts.size
    what = _inputs(frame)
    title = _(
        "{read} of {of} {what} are read at epoch {epoch}",
        read=count(read), of=count(of), what=what, epoch=frame.epoch,
    )  # fmt: skip
    figure = go.Figure([_squares(counts, most, theme), *_unread(counts, theme)])
    wide = counts.shape[0] == 1
    layout(figure, title, theme=theme, height=180 if wide else 360)
    figure.update_xaxes(visible=wide, showgrid=False, constrain="domain", title_text=what)
    figure.update_yaxes(visible=False, showgrid=False, autorange="reversed")
    figure.update_layout(margin={"l": 10, "b": 40 if wide else 16})
    if not wide:
        figure.update_yaxes(scaleanchor="x")
    rows, columns = np.indices(counts.shape)
    table = pd.DataFrame(
        {"row": rows.ravel(), "column": columns.ravel(), "connections": counts.ravel()}
    )
    return Picture(title, figure, _("Map. {title}.", title=title), table)


def _inputs(frame: Any) -> str:
    if film.is_image(frame):
        return _("pixels")
    return _("places of the kernel") if len(frame.layers[0]["shape"]) > 2 else _("inputs")


def _squares(counts: NDArray[np.int64], most: int, theme: Theme) -> go.Heatmap:
    p = PALETTES[theme]
    return go.Heatmap(
        z=counts,
        zmin=0,
        zmax=max(1, most),
        colorscale=scale(p.kept[::-1]),
        xgap=1,
        ygap=1,
        hovertemplate=_("row %{y}, column %{x}: %{z} connections<extra></extra>"),
        colorbar={
            "title": {"text": _("read by"), "side": "top", "font": {"color": p.muted, "size": 13}},
            "tickfont": {"color": p.muted},
            "thickness": 12,
            "outlinewidth": 0,
        },
    )


def _unread(counts: NDArray[np.int64], theme: Theme) -> list[go.Scatter]:
    """A cross on what nobody reads: not by colour alone."""
    rows, columns = np.nonzero(counts == 0)
    if not len(rows) or counts.size > 28 * 28:
        return []
    size = float(np.clip(120 / max(counts.shape), 3, 9))
    marker = {"symbol": "x-thin", "size": size, "line": {"color": PALETTES[theme].warn, "width": 1}}
    return [go.Scatter(x=columns, y=rows, mode="markers", marker=marker, hoverinfo="skip")]


def degree_numbers(result: Result, layer: str, *, out: bool = False) -> Degrees:
    """Connections of the neurons of a layer (``out``: of its inputs), in at most 40 classes.

    Raises:
        ValueError: no stills, or no such layer.
    """
    found = [film.fan(film.mask(f, layer), out=out) for f in film.stills(result)]
    most = max(int(f.max(initial=0)) for f in found)
    step = most // ROWS + 1
    edges = np.arange(0, most + 1, step)
    counts = np.stack([np.bincount(f // step, minlength=len(edges)) for f in found], axis=1)
    return Degrees(film.moments(result), edges, counts, [float(f.mean()) for f in found])


def degrees(
    result: Result,
    layer: str = "",
    epoch: int | None = None,
    *,
    out: bool = False,
    theme: Theme = "light",
) -> Picture:
    """How many connections each neuron of a layer has, at one epoch and at the start.

    Raises:
        ValueError: no stills, or no such layer.
    """
    layer = layer or film.names(result)[0]
    found = degree_numbers(result, layer, out=out)
    frame = film.still(result, epoch)
    place = found.epochs.index(frame.epoch)
    p = PALETTES[theme]
    now, start = found.counts[:, place], found.counts[:, 0]
    figure = go.Figure(
        [
            go.Bar(x=found.edges, y=now, name=_(
                "epoch {epoch}",
                epoch=frame.epoch,
            ), marker_color=p.accent),
            go.Scatter(
                x=found.edges, y=start, name=_("start"), mode="lines",
                line={"color": p.muted, "shape": "hvh", "width": 2},
            ),
        ]
    )  # fmt: skip
    who = _("inputs") if out else _("neurons")
    alone = int((film.fan(film.mask(frame, layer), out=out) == 0).sum())
    title = _("{layer}: {mean:.1f} connections on average", layer=layer, mean=found.mean[place])
    title += (
        _(", {alone} {who} have none", alone=count(alone), who=who)
        if alone
        else _(", no {who} without", who=who)
    )
    layout(figure, title, theme=theme, height=320)
    figure.update_layout(bargap=0.05, showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=_("connections of one of the {who}", who=who))
    figure.update_yaxes(title_text=who, range=[0, 1.05 * max(1, int(found.counts.max()))])
    table = pd.DataFrame(
        {"connections": found.edges, "start": start, _("epoch {epoch}", epoch=frame.epoch): now}
    )
    return Picture(title, figure, _("Bars. {title}.", title=title), table)


def topology(
    result: Result, layer: str = "", *, out: bool = False, theme: Theme = "light"
) -> Picture:
    """How the connections spread over the neurons of a layer, epoch by epoch.

    Raises:
        ValueError: no stills, or no such layer.
    """
    layer = layer or film.names(result)[0]
    found = degree_numbers(result, layer, out=out)
    p = PALETTES[theme]
    who = _("inputs") if out else _("neurons")
    ticks = [n for n in (0, 1, 3, 10, 30, 100, 300, 1000) if n <= found.counts.max()]
    figure = go.Figure(
        [
            go.Heatmap(
                z=np.log1p(found.counts),
                x=found.epochs,
                y=found.edges,
                zmin=0,
                colorscale=scale(p.kept[::-1]),
                customdata=found.counts,
                hovertemplate=(
                    _(
                        "epoch %{{x}}: %{{customdata}} {who} with %{{y}} connections"
                        "<extra></extra>",
                        who=who,
                    )
                ),
                colorbar={
                    "title": {"text": who, "side": "top", "font": {"color": p.muted, "size": 13}},
                    "tickvals": [math.log1p(n) for n in ticks],
                    "ticktext": [count(n) for n in ticks],
                    "tickfont": {"color": p.muted},
                    "thickness": 12,
                    "outlinewidth": 0,
                },
            ),
            go.Scatter(
                x=found.epochs, y=found.mean, mode="lines", name=_("mean"), hoverinfo="skip",
                line={"color": p.methods[1], "width": 2, "dash": "dash"},
            ),
        ]
    )  # fmt: skip
    title = _spread(result, layer, who, out)
    layout(figure, title, theme=theme, height=380)
    figure.update_layout(showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=_("epoch"), showgrid=False)
    figure.update_yaxes(title_text=_("connections of one of the {who}", who=who), showgrid=False)
    table = pd.DataFrame(found.counts, columns=[_("epoch {epoch}", epoch=e) for e in found.epochs])
    table.insert(0, "connections", found.edges)
    return Picture(title, figure, _("Heat map. {title}.", title=title), table)


def _spread(result: Result, layer: str, who: str, out: bool) -> str:
    first, last = (film.fan(film.mask(result.frames[i], layer), out=out) for i in (0, -1))
    if (first == last).all():
        return _("{layer}: the connections of the {who} never change", layer=layer, who=who)
    most = _(
        "the best connected of the {who} went from {before} to {after}",
        who=who, before=count(first.max()), after=count(last.max()),
    )  # fmt: skip
    alone = int((last == 0).sum())
    return f"{layer}: {most}" + (_(", {alone} have none left", alone=count(alone)) if alone else "")


def turnover(result: Result, *, theme: Theme = "light") -> Picture:
    """Connections that came and went between the stills.

    Raises:
        ValueError: the run has no stills.
    """
    found = film.turnover(result)
    p = PALETTES[theme]
    epochs = [t.epoch for t in found]
    figure = go.Figure(
        [
            go.Bar(x=epochs, y=[t.grown for t in found], name=_("came"), marker_color=p.accent),
            go.Bar(x=epochs, y=[-t.dropped for t in found], name=_("went"), marker_color=p.faint),
        ]
    )
    title = _came_and_went(found)
    layout(figure, title, theme=theme, height=300)
    figure.update_layout(barmode="relative", bargap=0.15, showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=_("epoch"))
    figure.update_yaxes(title_text=_("connections"), tickformat=",d")
    table = pd.DataFrame(found, columns=film.Turnover._fields)
    return Picture(title, figure, _("Bars. {title}.", title=title), table)


def _came_and_went(found: list[film.Turnover]) -> str:
    came, went = sum(t.grown for t in found), sum(t.dropped for t in found)
    if not came:
        return (
            _("{went} connections went, none came back", went=count(went))
            if went
            else _("The mask never changes")
        )
    each = came / max(1, found[-1].alive)
    return _(
        "{went} connections went, {came} came: {each:.1f} for each that is left",
        went=count(went), came=count(came), each=each,
    )  # fmt: skip
