"""Histograms of weights or scores: what was there, what was cut, what is there now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from prunelab.events import Histogram, Result
from prunelab.figures.look import PALETTES, Palette, Picture, Theme, count, layout, percent
from prunelab.speech import _

MAGNITUDE = "|w|"  # a score that is the weight's own size also cuts the axis of the weights
FEW = 5  # counts up to which every whole number has its line
MOST = 12  # small multiples that still can be read


class Bins(NamedTuple):
    """The histogram of one layer. ``after`` are heights at ``after_x``, per bin of ``before``."""

    layer: str
    label: str
    x: list[float]
    width: float
    before: list[int]
    kept: list[int]
    threshold: float | None
    cut: str  # what the threshold is a value of
    after_x: list[float]
    after: list[float]

    @property
    def units(self) -> int:
        """How many were counted before."""
        return sum(self.before)

    @property
    def removed(self) -> float:
        """The share that was cut."""
        return 1 - sum(self.kept) / self.units if self.units else 0.0


def bins(result: Result, quantity: str = "weights") -> list[Bins]:
    """One record a layer, from the newest histograms the run has sent so far.

    Raises:
        ValueError: the run has sent no such histogram.
    """
    stages = {
        stage: histogram
        for stage in ("start", "dense", "pruned", "recovered")
        if (histogram := result.histograms.get(f"{quantity} {stage}"))
    }
    base = stages.get("pruned") or stages.get("dense") or stages.get("start")
    if base is None:
        raise ValueError(f"This run has no histogram of its {quantity} yet; it sends one soon.")
    after = _rows(stages.get("recovered"))
    found = [_bins(base, row, after.get(row["name"])) for row in base.layers]
    scores = result.histograms.get("scores pruned")
    if quantity != "weights" or scores is None or not scores.label.endswith(MAGNITUDE):
        return found
    logged = scores.label.startswith("log10")
    cuts = {n: _unlogged(row.get("threshold"), logged) for n, row in _rows(scores).items()}
    return [b._replace(threshold=cuts.get(b.layer), cut=MAGNITUDE) for b in found]


def _unlogged(threshold: float | None, logged: bool) -> float | None:
    return 10**threshold if logged and threshold is not None else threshold


def _rows(histogram: Histogram | None) -> dict[str, Mapping[str, Any]]:
    return {row["name"]: row for row in histogram.layers} if histogram else {}


def _bins(base: Histogram, row: Mapping[str, Any], after: Mapping[str, Any] | None) -> Bins:
    x, width = _centres(row)
    after_x, after_width = _centres(after) if after else ([], width)
    heights = [n * width / after_width for n in after["counts"]] if after else []
    return Bins(
        layer=row["name"],
        label=base.label,
        x=x,
        width=width,
        before=list(row["counts"]),
        kept=list(row.get("kept") or row["counts"]),
        threshold=row.get("threshold"),
        cut=base.label,
        after_x=after_x,
        after=heights,
    )


def _centres(row: Mapping[str, Any]) -> tuple[list[float], float]:
    width = (row["high"] - row["low"]) / max(1, len(row["counts"])) or 1.0
    return [row["low"] + (i + 0.5) * width for i in range(len(row["counts"]))], width


def histogram(
    result: Result,
    quantity: str = "weights",
    layer: str | None = None,
    *,
    columns: int = 3,
    theme: Theme = "light",
) -> Picture:
    """One layer (or small multiples of all) before and after on one axis, with the threshold.

    Raises:
        ValueError: no histogram yet, or a layer the run does not have.
    """
    found = bins(result, quantity)
    if layer and layer not in (names := [b.layer for b in found]):
        raise ValueError(f"layer must be one of {', '.join(names)}, got {layer!r}.")
    chosen = [b for b in found if b.layer == layer] if layer else found
    noun = result.unit or "weights"
    title = _title(chosen, noun)
    rows = math.ceil(len(chosen[:MOST]) / columns)
    figure = _draw(chosen[:MOST], noun, min(columns, len(chosen)), theme)
    layout(figure, title, theme=theme, height=380 if len(chosen) == 1 else 150 + 230 * rows)
    if len(chosen) > 1:
        figure.update_layout(legend={"y": 1 + 0.16 / rows}, margin={"t": 116})
        figure.update_xaxes(title_standoff=4, nticks=4, tickangle=0)
    return Picture(title, figure, _("Histogram. {title}.", title=title), _table(chosen))


def _title(chosen: list[Bins], noun: str) -> str:
    units = sum(b.units for b in chosen)
    gone = 1 - sum(sum(b.kept) for b in chosen) / units if units else 0.0
    where = chosen[0].layer if len(chosen) == 1 else _("Altogether")
    if gone == 0:
        return _(
            "{where}: {units} {noun} before pruning", where=where, units=count(units), noun=noun
        )
    title = _(
        "{where}: {gone} of {units} {noun} gone",
        where=where,
        gone=percent(gone),
        units=count(units),
        noun=noun,
    )
    if len(chosen) > MOST:
        title += _(" (the first {most} of {n} drawn)", most=MOST, n=len(chosen))
    if len(chosen) == 1 and chosen[0].threshold is not None:
        title += _(
            ", the cut is at {cut} = {threshold:.3g}",
            cut=chosen[0].cut, threshold=chosen[0].threshold,
        )  # fmt: skip
    return title


def _draw(chosen: list[Bins], noun: str, columns: int, theme: Theme) -> go.Figure:
    names = (
        [_("{layer}<br>{removed} gone", layer=b.layer, removed=percent(b.removed)) for b in chosen]
        if len(chosen) > 1
        else None
    )
    rows = math.ceil(len(chosen) / columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=names,
        vertical_spacing=0.38 / rows,
        horizontal_spacing=0.09,
    )
    for place, one in enumerate(chosen):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        for trace in _traces(one, noun, PALETTES[theme], legend=place == 0):
            figure.add_trace(trace, **at)
        _cut(figure, one, PALETTES[theme], at, named=len(chosen) == 1)
        figure.update_xaxes(title_text=_axis(one), **at)
        figure.update_yaxes(title_text=noun if at["col"] == 1 else None, nticks=5, **at)
        if max(one.before, default=0) <= FEW:
            figure.update_yaxes(dtick=1, **at)
    figure.update_layout(barmode="stack", bargap=0.02)
    figure.update_annotations(font={"size": 13, "color": PALETTES[theme].ink})
    return figure


def _axis(one: Bins) -> str:
    label = _(one.label)
    return label if len(label) < 28 else label[:27] + "…"


def _traces(one: Bins, noun: str, p: Palette, *, legend: bool) -> list[Any]:
    cut = [b - k for b, k in zip(one.before, one.kept, strict=True)]
    hover = f"{_(one.label)} ≈ %{{x:.3g}}<br>%{{y:,}} {noun} %{{fullData.name}}<extra></extra>"
    common = {"x": one.x, "width": one.width, "hovertemplate": hover, "showlegend": legend}
    traces: list[Any] = [
        go.Bar(y=one.kept, name=_("kept"), marker={"color": p.accent}, legendgroup="kept", **common)
    ]
    if any(cut):
        style = {"color": p.faint}
        traces.append(
            go.Bar(y=cut, name=_("removed"), marker=style, legendgroup="removed", **common)
        )
    if one.after:
        traces.append(
            go.Scatter(
                x=one.after_x,
                y=one.after,
                mode="lines",
                name=_("after recovery"),
                legendgroup="after",
                showlegend=legend,
                line={"color": p.ink, "width": 1.5, "shape": "hvh"},
                hovertemplate=_("%{x:.3g}: %{y:,.0f} after recovery<extra></extra>"),
            )
        )
    return traces


def _cut(figure: go.Figure, one: Bins, p: Palette, at: dict[str, int], *, named: bool) -> None:
    if one.threshold is None:
        return
    sides = {one.threshold, -one.threshold} if one.x and one.x[0] < 0 else {one.threshold}
    for side in sorted(sides):
        if not one.x[0] - one.width <= side <= one.x[-1] + one.width:
            continue
        text = f"{side:.3g}" if named else ""
        figure.add_vline(
            x=side,
            line={"color": p.ink, "width": 1.2, "dash": "dash"},
            annotation={"text": text, "font": {"color": p.ink, "size": 12}},
            annotation_position="top right" if side > 0 else "top left",
            **at,
        )


def _table(chosen: list[Bins]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"layer": b.layer, b.label: x, "before": n, "kept": k, "removed": n - k}
            for b in chosen
            for x, n, k in zip(b.x, b.before, b.kept, strict=True)
            if n
        ]
    )
