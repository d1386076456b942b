"""A forecast drawn: paths that stay open against sparsity, and the survivors of each layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import (
    PALETTES,
    Palette,
    Picture,
    Stroke,
    Theme,
    count,
    layout,
    scale,
    strokes,
)
from prunelab.figures.narrow import END
from prunelab.speech import _

if TYPE_CHECKING:
    from prunelab.foresight import Cliff, Forecast

OWN = "own"
DECADES = 4  # of the colours: from all of a layer to a ten-thousandth
TEXT = 24  # rows up to which every cell has its number


def exact(share: float) -> str:
    """A sparsity with as many digits as tell it from 1.

    >>> [exact(s).replace(chr(160), " ") for s in (0.5, 0.9985, 0.99985)]
    ['50 %', '99.85 %', '99.985 %']
    """
    digits = max(1, 1 + math.floor(-math.log10(max(1 - share, 1e-6)) - 1e-9))
    return f"{100 * share:.{digits}f}".rstrip("0").rstrip(".") + "\u00a0%"


def where(cliff: Cliff) -> str:
    """A cliff in words: the first sparsity that breaks, or what was tried in vain."""
    if cliff.broken is None:
        return _("none up to {sparsity}", sparsity=exact(cliff.whole))
    if cliff.broken - cliff.whole > 0.1 * (1 - cliff.whole):
        low, high = exact(cliff.whole), exact(cliff.broken)
        return _("between {low} and {high}", low=low, high=high)
    return exact(cliff.broken)


def verdict(found: Forecast, way: str = OWN) -> str:
    """The finding: who breaks first and who last."""
    cliffs = {m: found.cliff(m, way) for m in found.methods}
    order = sorted(cliffs, key=lambda m: cliffs[m].broken or 2.0)
    first, last = order[0], order[-1]
    if cliffs[first].broken is None:
        return _("No path is lost up to {sparsity} sparsity", sparsity=exact(cliffs[first].whole))
    words = _("{first} breaks at {where}", first=first, where=where(cliffs[first])).replace(
        "at between", "between"
    )
    if len(order) == 1:
        return f"{words}: {cliffs[first].why}"
    end = where(cliffs[last])
    if cliffs[last].broken is None:
        return _(
            "{words}, {last} not before {sparsity}",
            words=words, last=last, sparsity=exact(cliffs[last].whole),
        )  # fmt: skip
    said = _("{words}, {last} at {end}", words=words, last=last, end=end)
    return said.replace("at between", "between")


def paths(found: Forecast, *, way: str = OWN, theme: Theme = "light") -> Picture:
    """Paths from the input to the outputs that stay open, and where the first output is cut off."""
    styles, p = strokes(found.methods, theme), PALETTES[theme]
    rows = found.paths[found.paths["way"] == way]
    figure, ends = go.Figure(), []
    for name in found.methods:
        mine = rows[(rows["method"] == name) & (rows["open"] > 0)]
        figure.add_trace(_line(name, mine, styles[name]))
        ends.append((name, float(mine["open"].iloc[-1]) if len(mine) else 1.0))
        _cross(figure, found.cliff(name, way), mine, p)
    title = verdict(found, way)
    layout(figure, title, theme=theme, height=420)
    figure.update_layout(showlegend=False, margin={"r": 190})
    figure.update_yaxes(
        type="log",
        title_text=_("paths still open, as a share"),
        dtick=1,
        exponentformat="power",
    )
    _sparsities(figure, found.sparsities)
    _names(figure, found, ends, styles, way)
    return Picture(title, figure, _("Line chart. {title}.", title=title), rows.drop(columns="way"))


def _line(name: str, rows: pd.DataFrame, style: Stroke) -> go.Scatter:
    told = [
        (exact(r["sparsity"]), count(r["paths"]), r["why"] or _("every output has a path"))
        for r in rows.to_dict("records")
    ]
    return go.Scatter(
        x=1 - rows["sparsity"],
        y=rows["open"],
        name=name,
        mode="lines+markers",
        line={"color": style.colour, "dash": style.dash, "width": 2.2},
        marker={"symbol": style.marker, "size": 7},
        customdata=told,
        hovertemplate=_(
            "<b>{name}</b> at %{{customdata[0]}}<br>%{{customdata[1]}} paths<br>"
            "%{{customdata[2]}}<extra></extra>",
            name=name,
        ),
    )


def _cross(figure: go.Figure, cliff: Cliff, rows: pd.DataFrame, p: Palette) -> None:
    """The cliff, at its height on the line."""
    if cliff.broken is None or rows.empty:
        return
    before = rows[rows["sparsity"] <= cliff.broken]
    after = rows[rows["sparsity"] >= cliff.broken]
    low = before.iloc[-1] if len(before) else rows.iloc[0]
    high = after.iloc[0] if len(after) else low
    span = math.log(1 - low["sparsity"]) - math.log(1 - high["sparsity"])
    far = (math.log(1 - low["sparsity"]) - math.log(1 - cliff.broken)) / span if span else 0.0
    level = low["open"] ** (1 - far) * high["open"] ** far
    figure.add_trace(
        go.Scatter(
            x=[1 - cliff.broken],
            y=[level],
            mode="markers",
            marker={"symbol": "x", "size": 13, "color": p.warn, "line_width": 0},
            hovertemplate=_(
                "{why} from {cliff} on<extra></extra>", why=cliff.why, cliff=where(cliff)
            ),
        )
    )


def _names(
    figure: go.Figure,
    found: Forecast,
    ends: list[tuple[str, float]],
    styles: dict[str, Stroke],
    way: str,
) -> None:
    """Names beside the plot with their cliffs, moved apart where they would overlap."""
    lowest = min(math.log10(end) for _start, end in ends)
    room, level = max(0.4, -lowest * 0.15), math.inf
    for name, end in sorted(ends, key=lambda e: -e[1]):
        level = min(math.log10(end), level - room)
        figure.add_annotation(
            name=END, x=1, xref="paper", y=level, xanchor="left", xshift=8, showarrow=False,
            align="left",
            font_color=styles[name].colour,
            text=_(
                '{name}<br><span style="font-size:11px">cliff {where}</span>',
                name=name, where=where(found.cliff(name, way)),
            ),
        )  # fmt: skip


def _sparsities(figure: go.Figure, tried: list[float]) -> None:
    few = [s for s in tried if len(tried) < 7 or s in (0.5, 0.9, 0.99, 0.999, 0.9999)]
    figure.update_xaxes(
        type="log",
        autorange="reversed",
        title_text=_("sparsity (a tenth is left at each line)") if few != tried else _("sparsity"),
        tickvals=[1 - s for s in few],
        ticktext=[exact(s) for s in few],
        tickangle=0,
    )


def survivors(found: Forecast, *, way: str = OWN, theme: Theme = "light") -> Picture:
    """Weights on a path, layer by layer, at every sparsity; ink is what is left."""
    rows = found.table
    rows = rows[rows["way"] == way]
    order = [(m, layer) for m in found.methods for layer in found.layers]
    grid = rows.pivot_table("live", ["method", "layer"], "sparsity").reindex(order)
    shares = grid.div([found.layers[layer] for _at, layer in order], axis=0)
    p, few = PALETTES[theme], len(order) <= TEXT
    faded = [
        [min(1.0, -math.log10(v) / DECADES) if v > 0 else 1.0 for v in row]
        for row in shares.to_numpy()
    ]
    words = [[count(v) if v > 0 else "✕" for v in row] for row in grid.to_numpy()]
    labels = [f"{method} · {layer}" for method, layer in order]
    figure = go.Figure(
        go.Heatmap(
            z=faded, zmin=0, zmax=1, x=[exact(s) for s in sorted(set(rows["sparsity"]))], y=labels,
            colorscale=scale(p.kept), xgap=1, ygap=2, customdata=words,
            hovertemplate=_("%{y} at %{x}<br>%{customdata} on a path<extra></extra>"),
            colorbar=_bar(p),
            **({"text": words, "texttemplate": "%{text}", "textfont_size": 11} if few else {}),
        )
    )  # fmt: skip
    title = _thinnest(found, rows)
    layout(figure, title, theme=theme, height=130 + (26 if few else 15) * len(order))
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_xaxes(title_text=_("sparsity"), showgrid=False, tickangle=-40, type="category")
    figure.update_layout(dragmode=False, margin={"r": 110})
    table = rows.drop(columns="way").reset_index(drop=True)
    return Picture(title, figure, _("Heat map. {title}.", title=title), table)


def _bar(p: Palette) -> dict[str, Any]:
    return {
        "title": {"text": _("on a path"), "side": "top", "font": {"color": p.muted, "size": 13}},
        "tickvals": [0, 0.25, 0.5, 0.75, 1],
        "ticktext": [_("all"), "10\u00a0%", "1\u00a0%", "0.1\u00a0%", _("less")],
        "tickfont": {"color": p.muted},
        "thickness": 12,
        "lenmode": "pixels",
        "len": 150,
        "y": 1,
        "yanchor": "top",
        "outlinewidth": 0,
    }


def _thinnest(found: Forecast, rows: pd.DataFrame) -> str:
    """Which layer is the first without a path, over all methods."""
    dead = rows[rows["live"] == 0].sort_values("sparsity", kind="stable")
    if dead.empty:
        return _(
            "Every layer keeps a path up to {sparsity} sparsity",
            sparsity=exact(max(found.sparsities)),
        )
    first = dict(dead.to_dict("records")[0])
    return _(
        "{method} is the first with a dead layer: {sparsity} sparsity",
        method=first["method"], sparsity=exact(first["sparsity"]),
    )  # fmt: skip
