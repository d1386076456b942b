"""Weights before and after a training that prunes: which moves saved them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Moved, Result
from prunelab.figures.look import PALETTES, Picture, Theme, layout, percent
from prunelab.packing import unpack_values
from prunelab.speech import _, mark

WAYS = {
    "away": mark("away from zero"),
    "toward": mark("towards zero"),
    "across": mark("past zero to the other sign"),
}
SIDES = (mark("kept"), mark("removed"))
UNMOVED = mark(
    "There is nothing to compare. Either the run is not done, or its method starts "
    "sparse (RigL, SET, static): weights that come in later begin at zero and have no "
    "before."
)


def movement_numbers(result: Result, layer: str = "") -> pd.DataFrame:
    """For each way a weight can go: how many did, how many of them were kept. Exact counts.

    Raises:
        ValueError: the run has no weights before and after, or no such layer.
    """
    rows = []
    found = _rows(_moved(result), layer)
    for way, words in WAYS.items():
        kept, gone = (sum(row[way][side] for row in found) for side in (0, 1))
        share = kept / (kept + gone) if kept + gone else float("nan")
        rows.append({"went": words, "weights": kept + gone, "kept": kept, "share kept": share})
    return pd.DataFrame(rows)


def movement(result: Result, layer: str = "", *, theme: Theme = "light") -> Picture:
    """Each weight before and after training, kept or removed; of all layers or of one.

    Raises:
        ValueError: as ``movement_numbers``.
    """
    moved = _moved(result)
    found = _rows(moved, layer)
    p = PALETTES[theme]
    points = {
        side: np.concatenate([unpack_values(row[side]).reshape(-1, 2) for row in found])
        for side in SIDES
    }
    reach = 1.05 * float(max((abs(v).max(initial=0.1) for v in points.values()), default=0.1))
    figure = go.Figure([_dots(points[side], side, theme) for side in SIDES[::-1]])
    line = {"color": p.muted, "dash": "dot", "width": 1}
    figure.add_shape(type="line", x0=-reach, y0=-reach, x1=reach, y1=reach, line=line)
    _name_places(figure, reach, theme)
    table = movement_numbers(result, layer)
    title = _title(table)
    layout(figure, title, theme=theme, height=520)
    before = _("trained weight before") if moved.before == "trained" else _("first value")
    figure.update_layout(showlegend=True, margin={"t": 70})
    figure.update_xaxes(title_text=before, range=[-reach, reach], zeroline=True)
    figure.update_yaxes(title_text=_("weight at the end of training"), range=[-reach, reach])
    return Picture(title, figure, _("Scatter plot. {title}.", title=title), table)


def _moved(result: Result) -> Moved:
    if result.moved is None:
        raise ValueError(_(UNMOVED))
    return result.moved


def _rows(moved: Moved, layer: str) -> list[Mapping[str, Any]]:
    found = [row for row in moved.layers if layer in ("", row["name"])]
    if not found:
        there = ", ".join(str(row["name"]) for row in moved.layers)
        raise ValueError(f"There is no layer {layer!r}; the layers are {there}.")
    return found


def _dots(points: Any, side: str, theme: Theme) -> go.Scattergl:
    p = PALETTES[theme]
    kept = side == "kept"
    marker = {
        "color": p.accent if kept else p.methods[1],
        "size": 5 if kept else 4,
        "opacity": 0.75 if kept else 0.45,
        "symbol": "circle" if kept else "x-thin-open",
    }
    return go.Scattergl(
        x=points[:, 0], y=points[:, 1], mode="markers", name=_(side), marker=marker,
        hovertemplate="%{x:.3f} → %{y:.3f}<extra>" + _(side) + "</extra>",
    )  # fmt: skip


def _name_places(figure: go.Figure, reach: float, theme: Theme) -> None:
    """What a place in the picture means: both ways of going away, and past zero."""
    p = PALETTES[theme]
    for x, y, text in (
        (0.35, 0.93, _("away from zero")),
        (-0.35, -0.93, _("away from zero")),
        (0.78, 0.12, _("towards zero")),
        (-0.78, -0.12, _("towards zero")),
        (0.7, -0.7, _("past zero")),
        (-0.7, 0.7, _("past zero")),
    ):
        figure.add_annotation(
            x=x * reach, y=y * reach, text=text, showarrow=False, font={"color": p.muted},
            bgcolor=p.paper, opacity=0.85,
        )  # fmt: skip


def _title(table: pd.DataFrame) -> str:
    shares = dict(zip(table["went"], table["share kept"], strict=True))
    away, toward = shares[WAYS["away"]], shares[WAYS["toward"]]
    if np.isnan(away) or np.isnan(toward):
        return _("All weights went one way")
    return _(
        "Of the weights that went away from zero {away} stayed, of those that went "
        "towards it {toward}",
        away=percent(away), toward=percent(toward),
    )  # fmt: skip
