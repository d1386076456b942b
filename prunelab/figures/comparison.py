"""Accuracy against sparsity: every run a dot, a line through the means, a band of their spread."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.look import (
    PALETTES,
    Picture,
    Stroke,
    Theme,
    accuracy,
    is_baseline,
    layout,
    percent,
    strokes,
)
from prunelab.figures.means import Line, Point, lines, points
from prunelab.figures.narrow import END
from prunelab.speech import _

LEAST = 1e-3  # of errors, where they are drawn along a logarithm


def tradeoff(
    results: Iterable[Result], *, theme: Theme = "light", log: bool = False, highlight: str = ""
) -> Picture:
    """Accuracy against sparsity over many runs; ``log`` opens up the end where little is kept.

    Raises:
        ValueError: no run has an accuracy yet.
    """
    found = points(results)
    if not found:
        raise ValueError("No run has an accuracy yet; the first dot appears when one finishes.")
    drawn, axes = lines(found), Axes(log=log)
    title = _title(drawn, found)
    figure = ribbons(found, drawn, title, axes, theme=theme)
    _ring(figure, [p for p in found if p.key == highlight], theme, axes)
    return Picture(
        title,
        figure,
        _("Line chart. {title}. {note}", title=title, note=_note(drawn)),
        _table(drawn),
    )


class Axes(NamedTuple):
    """What is drawn along the axes: shares as they are, or opened up at their interesting end."""

    log: bool = False  # the share kept, along a logarithm
    fine: bool = False  # the share of errors, along a logarithm

    def x(self, share: float) -> float:
        """Where a sparsity is."""
        return max(1 - share, 1e-6) if self.log else share

    def y(self, accuracy: float) -> float:
        """Where an accuracy is."""
        return max(1 - accuracy, LEAST) if self.fine else accuracy

    def height(self, accuracy: float) -> float:
        """How high an accuracy is drawn, whatever the axis."""
        return -math.log10(self.y(accuracy)) if self.fine else accuracy

    def place(self, height: float) -> float:
        """A height as annotations want it: on a logarithmic axis the exponent of the errors."""
        return -height if self.fine else height


def ribbons(
    found: Sequence[Point], drawn: Sequence[Line], title: str, axes: Axes, *, theme: Theme
) -> go.Figure:
    """Every run a dot; a line through the means of each series, a band of one sd, its name."""
    styles = strokes((line.method for line in drawn), theme)
    figure = go.Figure()
    _dense(figure, found, theme, axes)
    for line in drawn:
        _draw(figure, line, [p for p in found if p.series == line.series], styles, axes)
    _name_ends(figure, drawn, styles, axes)
    layout(figure, title, theme=theme, height=440)
    _axes(figure, found, axes)
    figure.update_layout(showlegend=False, margin={"r": 170}, hovermode="closest")
    return figure


def _dense(figure: go.Figure, found: Sequence[Point], theme: Theme, axes: Axes) -> None:
    """The dense models as a grey band: what there is to lose. Only where all runs share them."""
    scores = {point.seed: point.dense for point in found if point.dense == point.dense}
    if not scores or {(p.seed, p.dense) for p in found} > set(scores.items()):
        return
    p = PALETTES[theme]
    ends = {"xref": "x domain", "x0": 0, "x1": 1, "layer": "below"}
    middle = statistics.fmean(scores.values())
    if len(scores) > 1:
        sd = statistics.stdev(scores.values())
        band = {"y0": axes.y(middle - sd), "y1": axes.y(middle + sd), "fillcolor": p.faint}
        band["opacity"] = 0.35
        figure.add_shape(type="rect", line_width=0, **band, **ends)
    at = axes.y(middle)
    figure.add_shape(type="line", y0=at, y1=at, line={"color": p.muted, "width": 1}, **ends)
    spread = _(" (sd of {n} seeds)", n=len(scores)) if len(scores) > 1 else ""
    figure.add_annotation(
        xref="x domain",
        x=0.0,
        y=axes.place(axes.height(middle)),
        yanchor="bottom",
        xanchor="left",
        text=_("dense {middle}{spread}", middle=accuracy(middle), spread=spread),
        font_color=p.muted,
        showarrow=False,
    )


def _draw(
    figure: go.Figure,
    line: Line,
    dots: Sequence[Point],
    styles: Mapping[str, Stroke],
    axes: Axes,
) -> None:
    style = styles[line.method]
    x = [axes.x(s) for s in line.sparsity]
    if max(line.seeds) > 1:
        up = [axes.y(m + s) for m, s in zip(line.mean, line.spread, strict=True)]
        down = [axes.y(m - s) for m, s in zip(line.mean, line.spread, strict=True)]
        figure.add_trace(
            go.Scatter(
                x=[*x, *x[::-1]],
                y=[*up, *down[::-1]],
                fill="toself",
                fillcolor=style.colour,
                opacity=0.16,
                line_width=0,
                mode="lines",
                hoverinfo="skip",
            )
        )
    pen = {"color": style.colour, "dash": style.dash, "width": 2.2}
    figure.add_trace(
        go.Scatter(
            x=x,
            y=[*map(axes.y, line.mean)],
            mode="lines",
            line=pen,
            name=_(line.series),
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[axes.x(p.sparsity) for p in dots],
            y=[axes.y(p.accuracy) for p in dots],
            mode="markers",
            name=_(line.series),
            marker={"color": style.colour, "symbol": style.marker, "size": 8},
            customdata=[(p.key, p.seed, percent(p.sparsity), accuracy(p.accuracy)) for p in dots],
            hovertemplate=_(
                "<b>{series}</b>, seed %{{customdata[1]}}<br>"
                "%{{customdata[2]}} removed → %{{customdata[3]}}<extra></extra>",
                series=_(line.series),
            ),
        )
    )


def _name_ends(
    figure: go.Figure, drawn: Sequence[Line], styles: Mapping[str, Stroke], axes: Axes
) -> None:
    """Names at the line ends, moved apart where they would overlap."""
    heights = [axes.height(mean) for line in drawn for mean in line.mean]
    room = max(0.02, (max(heights) - min(heights)) * 0.085)
    level = float("inf")
    for line in sorted(drawn, key=lambda one: -one.mean[-1]):
        level = min(axes.height(line.mean[-1]), level - room)
        seeds = max(line.seeds)
        text = _(
            '{series}<br><span style="font-size:11px">{seeds}</span>',
            series=line.series, seeds=_seeds(seeds),
        )  # fmt: skip
        figure.add_annotation(
            name=END,
            x=1,
            xref="paper",
            y=axes.place(level),
            xanchor="left",
            xshift=8,
            align="left",
            text=text,
            font_color=styles[line.method].colour,
            showarrow=False,
        )


def _seeds(number: int) -> str:
    return _("one run") if number == 1 else _("mean, sd of {n} seeds", n=number)


def _ring(figure: go.Figure, here: Sequence[Point], theme: Theme, axes: Axes) -> None:
    for point in here:
        figure.add_trace(
            go.Scatter(
                x=[axes.x(point.sparsity)],
                y=[axes.y(point.accuracy)],
                mode="markers",
                hoverinfo="skip",
                marker={
                    "size": 18,
                    "color": "rgba(0,0,0,0)",
                    "line": {"color": PALETTES[theme].ink, "width": 2},
                },
            )
        )


def _axes(figure: go.Figure, found: Sequence[Point], axes: Axes) -> None:
    low = min(p.accuracy for p in found)
    high = max([p.dense for p in found if p.dense == p.dense] + [p.accuracy for p in found])
    pad = max(0.01, (high - low) * 0.08)
    figure.update_yaxes(title_text=_("accuracy"), tickformat=".0%", range=[low - pad, high + pad])
    if high - low < 0.05:
        figure.update_yaxes(tickformat=".1%")
    if axes.fine:
        _fine(figure, low, high)
    if not axes.log:
        left = max(0.0, min([0.45, *(p.sparsity for p in found)]) - 0.03)
        figure.update_xaxes(
            title_text=_("sparsity: share of units removed"), tickformat=".0%", range=[left, 1.005]
        )
        return
    shares = [1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
    figure.update_xaxes(
        type="log",
        autorange="reversed",
        title_text=_("share of units kept<br>(each step right halves or more)"),
        tickvals=shares,
        ticktext=[percent(s) for s in shares],
    )


def _fine(figure: go.Figure, low: float, high: float) -> None:
    """The accuracy along the logarithm of its errors, right answers up."""
    ticks = [a for a in (0.1, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995) if low - 0.1 <= a]
    ends = [math.log10(min(1.0, 1.15 * (1 - low))), math.log10(max(LEAST, 0.8 * (1 - high)))]
    figure.update_yaxes(
        type="log",
        range=ends,
        tickvals=[1 - a for a in ticks],
        ticktext=[percent(a) for a in ticks],
        title_text=_("accuracy (each step halves the errors or more)"),
    )


def _title(drawn: Sequence[Line], found: Sequence[Point]) -> str:
    """The comparison at the highest sparsity that two lines share, or the only line's end."""
    if len({p.subject for p in found}) > 1:
        return _("{n} runs on different models or data, each line for itself", n=len(found))
    real = [line for line in drawn if not is_baseline(line.method)] or [*drawn]
    common = {p.asked for p in found if p.series == real[0].series}
    for line in drawn:
        common &= {p.asked for p in found if p.series == line.series}
    if len(drawn) > 1 and common:
        at = max(common)
        means = {
            line.series: statistics.fmean(
                p.accuracy for p in found if p.series == line.series and p.asked == at
            )
            for line in drawn
        }
        best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        gap = 100 * (means[best] - means[worst])
        return _(
            "At {at} sparsity {best} is {gap:.1f} points above {worst}",
            at=percent(at), best=best, gap=gap, worst=worst,
        )  # fmt: skip
    line = real[0]
    return _(
        "{series} at {sparsity} sparsity: {mean}",
        series=line.series,
        sparsity=percent(line.sparsity[-1]),
        mean=accuracy(line.mean[-1]),
    )


def _note(drawn: Sequence[Line]) -> str:
    return "; ".join(f"{line.series}: {_seeds(max(line.seeds))}" for line in drawn) + "."


def _table(drawn: Sequence[Line]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "method": line.series,
                "sparsity": sparsity,
                "accuracy": mean,
                "sd": spread if seeds > 1 else None,
                "seeds": seeds,
            }
            for line in drawn
            for sparsity, mean, spread, seeds in zip(
                line.sparsity, line.mean, line.spread, line.seeds, strict=True
            )
        ]
    )
