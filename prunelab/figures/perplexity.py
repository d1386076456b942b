"""Perplexity against the share removed, and which neurons of each MLP stay."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.look import (
    PALETTES,
    Picture,
    Stroke,
    Theme,
    layout,
    percent,
    strokes,
)
from prunelab.figures.narrow import END
from prunelab.speech import _
from prunelab.talk import Mlp

ROOM = 0.135  # of the height, between two names


class Course(NamedTuple):
    """One method: mean and spread of the perplexity over its runs at each share removed."""

    method: str
    removed: list[float]
    mean: list[float]
    spread: list[float]
    runs: list[int]


def courses_of(results: Iterable[Result]) -> list[Course]:
    """The runs that have a perplexity by method, in the order of their last mean."""
    found: dict[str, dict[float, list[float]]] = {}
    for result in results:
        if "perplexity" in result.recovered:
            at = round(float(result.sparsity["achieved"]), 4)
            rows = found.setdefault(str(result.spec["method"]), {}).setdefault(at, [])
            rows.append(float(result.recovered["perplexity"]))
    made = [_course(method, dict(sorted(rows.items()))) for method, rows in found.items()]
    return sorted(made, key=lambda course: course.mean[-1])


def _course(method: str, rows: dict[float, list[float]]) -> Course:
    spread = [statistics.stdev(values) if len(values) > 1 else 0.0 for values in rows.values()]
    mean = [statistics.fmean(values) for values in rows.values()]
    return Course(method, [*rows], mean, spread, [len(values) for values in rows.values()])


def perplexity(
    results: Iterable[Result], *, theme: Theme = "light", highlight: str = ""
) -> Picture:
    """Test perplexity against the share removed, along a logarithm; lower is better.

    Raises:
        ValueError: no run has a perplexity yet.
    """
    done = list(results)
    drawn = courses_of(done)
    if not drawn:
        raise ValueError("No run has a perplexity yet; the first dot appears when one finishes.")
    dense = statistics.fmean({r.dense["perplexity"] for r in done if "perplexity" in r.dense})
    title = _title(drawn)
    figure, styles = go.Figure(), strokes((c.method for c in drawn), theme)
    _dense(figure, dense, theme)
    for course in drawn:
        _line(figure, course, styles[course.method])
    _here(figure, [r for r in done if r.key == highlight], theme)
    _names(figure, drawn, styles)
    layout(figure, title, theme=theme, height=440)
    values = [value for course in drawn for value in course.mean] + [dense]
    figure.update_yaxes(type="log", title_text=_("test perplexity"), **_ticks(values))
    figure.update_xaxes(title_text=_("share removed"), tickformat=".0%", rangemode="tozero")
    figure.update_layout(showlegend=False, margin_r=190, hovermode="closest")
    table = pd.DataFrame(
        {"method": c.method, "removed": at, "perplexity": mean, "sd": sd if n > 1 else None,
         "runs": n}
        for c in drawn
        for at, mean, sd, n in zip(c.removed, c.mean, c.spread, c.runs, strict=True)
    )  # fmt: skip
    return Picture(
        title, figure, _("Line chart. {title}. Dense {dense:.2f}.", title=title, dense=dense), table
    )


def _title(drawn: Sequence[Course]) -> str:
    """Who is best where most goes, and whether that is more than the spread."""
    most = max(at for course in drawn for at in course.removed)
    there = [c for c in drawn if c.removed[-1] == most]
    best = there[0]
    said = _(
        "{method}: perplexity {mean:.2f} with {most} removed",
        method=best.method,
        mean=best.mean[-1],
        most=percent(most),
    )
    if len(there) < 2:
        return said
    second = there[1]
    apart = second.mean[-1] - best.mean[-1] > second.spread[-1] + best.spread[-1]
    worst = there[-1]
    so = f"{second.method} {second.mean[-1]:.2f}"
    so += "" if apart else _(", no more apart than chance makes them")
    return f"{said}; {so}" + (f"; {worst.method} {worst.mean[-1]:.2f}" if len(there) > 2 else "")


def _dense(figure: go.Figure, value: float, theme: Theme) -> None:
    muted = PALETTES[theme].muted
    ends = {"xref": "x domain", "x0": 0, "x1": 1, "layer": "below"}
    figure.add_shape(type="line", y0=value, y1=value, line={"color": muted, "width": 1}, **ends)
    figure.add_annotation(
        xref="x domain", x=0, y=math.log10(value), xanchor="left", yanchor="top",
        text=_("dense {value:.2f}", value=value), font_color=muted, showarrow=False,
    )  # fmt: skip


def _line(figure: go.Figure, course: Course, style: Stroke) -> None:
    both = list(zip(course.mean, course.spread, strict=True))
    up, down = [m + s for m, s in both], [max(1.0, m - s) for m, s in both]
    x = course.removed
    if max(course.runs) > 1:
        figure.add_trace(
            go.Scatter(
                x=[*x, *x[::-1]], y=[*up, *down[::-1]], fill="toself", mode="lines",
                fillcolor=style.colour, opacity=0.16, line_width=0, hoverinfo="skip",
            )
        )  # fmt: skip
    said = [
        _("{at} removed → {m:.3f}", at=percent(at), m=m)
        + (_(" ± {s:.3f} (sd of {n})", s=s, n=n) if n > 1 else "")
        for at, m, s, n in zip(x, course.mean, course.spread, course.runs, strict=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=x, y=course.mean, mode="lines+markers", name=course.method, customdata=said,
            line={"color": style.colour, "dash": style.dash, "width": 2.2},
            marker={"color": style.colour, "symbol": style.marker, "size": 8},
            hovertemplate=f"<b>{course.method}</b><br>%{{customdata}}<extra></extra>",
        )
    )  # fmt: skip


def _here(figure: go.Figure, results: Sequence[Result], theme: Theme) -> None:
    for result in results:
        figure.add_trace(
            go.Scatter(
                x=[result.sparsity["achieved"]], y=[result.recovered["perplexity"]],
                mode="markers", hoverinfo="skip",
                marker={"size": 18, "color": "rgba(0,0,0,0)",
                        "line": {"color": PALETTES[theme].ink, "width": 2}},
            )
        )  # fmt: skip


def _names(figure: go.Figure, drawn: Sequence[Course], styles: dict[str, Stroke]) -> None:
    """Names at the line ends, moved apart where they would overlap."""
    ends = {course.method: math.log10(course.mean[-1]) for course in drawn}
    heights = [math.log10(m) for course in drawn for m in course.mean]
    room = max(0.004, (max(heights) - min(heights)) * ROOM)
    level = float("-inf")
    for course in drawn:
        level = max(ends[course.method], level + room)
        runs = max(course.runs)
        said = _("one run") if runs == 1 else _("mean, sd of {runs} seeds", runs=runs)
        figure.add_annotation(
            name=END, x=1, xref="paper", y=level, xanchor="left", xshift=8, align="left",
            showarrow=False,
            text=_(
                '{method}<br><span style="font-size:11px">{said}</span>',
                method=course.method, said=said,
            ),
            font_color=styles[course.method].colour,
        )  # fmt: skip


def _ticks(values: Sequence[float]) -> dict[str, object]:
    """Few round numbers along the logarithm."""
    low, high = min(values), max(values)
    steps = (1, 1.2, 1.5, 2, 3, 5, 7)
    all_ = [s * 10**p for p in range(6) for s in steps]
    there = [t for t in all_ if low * 0.95 <= t <= high * 1.1]
    few = there[:: max(1, -(-len(there) // 7))]
    return {"tickvals": few, "ticktext": [f"{t:g}" for t in few]}


def neurons(mlps: Sequence[Mlp], *, theme: Theme = "light") -> Picture:
    """Every neuron of every MLP a stripe, the highest score first; pale ones go.

    Raises:
        ValueError: the model has no MLP.
    """
    if not mlps:
        raise ValueError("This model has no MLP whose neurons could be shown.")
    p, figure, widest = PALETTES[theme], go.Figure(), max(len(m.kept) for m in mlps)
    rows = [_row(m) for m in mlps]
    colours = [[0.0, p.faint], [0.5, p.faint], [0.5, p.accent], [1.0, p.accent]]
    for number, (mlp, (order, height, kept)) in enumerate(zip(mlps, rows, strict=True), 1):
        figure.add_trace(
            go.Bar(
                x=np.arange(1, len(order) + 1), y=height, name=mlp.name, width=0.86,
                marker={"color": kept, "colorscale": colours, "cmin": 0, "cmax": 1,
                        "line_width": 0},
                customdata=list(zip(order, _words(kept), strict=True)), xaxis="x",
                yaxis="y" if number == 1 else f"y{number}",
                hovertemplate=_(
                    "neuron %{customdata[0]} %{customdata[1]}: %{y:.4g}<extra></extra>",
                ),
            )
        )  # fmt: skip
    title = _stay(mlps)
    layout(figure, title, theme=theme, height=90 + 150 * len(mlps))
    each = 1 / len(mlps)
    for number, mlp in enumerate(mlps, 1):
        top = 1 - (number - 1) * each
        axis = "yaxis" if number == 1 else f"yaxis{number}"
        look = {"gridcolor": p.grid, "tickfont": {"color": p.muted, "size": 12}, "nticks": 4}
        domain = [top - 0.72 * each, top - 0.08 * each]
        figure.update_layout({axis: look | {"domain": domain, "rangemode": "tozero"}})
        figure.add_annotation(
            xref="paper", yref="paper", x=0, y=top - 0.06 * each, xanchor="left",
            yanchor="bottom", text=f"{mlp.name}", font_color=p.muted, showarrow=False,
        )  # fmt: skip
    figure.update_xaxes(range=[0.4, widest + 0.6], title_text=_("neurons of a layer, by score"),
                        anchor=f"y{len(mlps)}" if len(mlps) > 1 else "y")  # fmt: skip
    figure.update_layout(showlegend=False, bargap=0)
    table = pd.DataFrame(
        {"layer": mlp.name, "place": place, "neuron": int(neuron), "score": value, "kept": stays}
        for mlp, (order, height, kept) in zip(mlps, rows, strict=True)
        for place, (neuron, value, stays) in enumerate(zip(order, height, kept, strict=True), 1)
    )
    return Picture(title, figure, _("Bar chart. {title}.", title=title), table)


def _row(mlp: Mlp) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons from the highest score down; without scores by what stays of them."""
    height = mlp.score if mlp.score.size else mlp.kept
    order = np.argsort(-height, kind="stable")
    kept = mlp.kept if mlp.kept.size else np.ones(len(height))
    return order, height[order], kept[order]


def _words(kept: np.ndarray) -> list[str]:
    said = {0.0: _("goes"), 1.0: _("stays")}
    return [said.get(float(k), _("{k} of its weights stay", k=percent(float(k)))) for k in kept]


def _stay(mlps: Sequence[Mlp]) -> str:
    whole = all(set(np.unique(m.kept)) <= {0.0, 1.0} for m in mlps)
    if not whole:
        share = float(np.mean([m.kept.mean() for m in mlps]))
        return _("{share} of the weights that make neurons stay", share=percent(share))
    left = [int(m.kept.sum()) for m in mlps]
    if max(left) - min(left) <= 1:  # the same share, but for rounding
        share = sum(left) / sum(len(m.kept) for m in mlps)
        return _("{share} of the neurons stay in every block", share=percent(share))
    return _("Neurons that stay, block by block: ") + ", ".join(map(str, left))


def alike(dense: str, pruned: str) -> int:
    """How many letters two continuations share before they part."""
    return next(
        (i for i, (a, b) in enumerate(zip(dense, pruned, strict=False)) if a != b),
        min(len(dense), len(pruned)),
    )
