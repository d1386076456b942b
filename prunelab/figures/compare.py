"""Any runs on any two axes, their front, their gaps; which classes pay; which masks agree."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.fair.chance import Compared
from prunelab.fair.front import Axis, front
from prunelab.figures.look import (
    DASHES,
    PALETTES,
    Picture,
    Stroke,
    Theme,
    is_baseline,
    layout,
    percent,
    scale,
    strokes,
)
from prunelab.speech import _, many


class Stop(NamedTuple):
    """The mean of one series at one asked sparsity, along two axes."""

    series: str
    method: str
    asked: float
    x: float
    y: float
    sd: float
    seeds: int
    front: bool


def stops(rows: pd.DataFrame, names: tuple[str, str], axes: tuple[Axis, Axis]) -> list[Stop]:
    """Means over seeds, and which of them nothing beats."""
    x, y = names
    found = []
    drawn = rows.dropna(subset=[x, y])
    for place, group in drawn.groupby(["series", "asked"], sort=True):
        series, asked = cast("tuple[str, float]", place)
        several = len(group) > 1
        sd = statistics.stdev(group[y]) if several else 0.0
        where = (statistics.fmean(group[x]), statistics.fmean(group[y]))
        method = str(group["method"].iloc[0])
        found.append(Stop(series, method, asked, *where, sd, len(group), front=False))
    best = front([(s.x, s.y) for s in found], x=axes[0], y=axes[1])
    return [s._replace(front=i in best) for i, s in enumerate(found)]


def compare(
    rows: pd.DataFrame, x: str, y: str, axes: tuple[Axis, Axis], *, theme: Theme = "light"
) -> Picture:
    """Runs of any kind along two axes: dots, means with one sd, and the front nothing beats.

    Raises:
        ValueError: no run has measured both.
    """
    found = stops(rows, (x, y), axes)
    if not found:
        raise ValueError(f"No run here has measured both {x} and {y}.")
    figure = go.Figure()
    _front(figure, found, axes[0], theme)
    styles = _styles(found, theme)
    for series in dict.fromkeys(s.series for s in found):
        _line(figure, [s for s in found if s.series == series], rows, (x, y), styles)
    title = _title(found, x)
    layout(figure, title, theme=theme, height=480)
    figure.update_layout(hovermode="closest", margin={"t": 96})
    figure.update_xaxes(title_text=_(axes[0].title), **(_log(found) if axes[0].log else {}))
    figure.update_yaxes(title_text=_(axes[1].title))
    if x == "sparsity":
        figure.update_xaxes(tickformat=".0%")
    if y.startswith("accuracy"):
        figure.update_yaxes(tickformat=".1~%")
    table = pd.DataFrame(found).rename(columns={"x": x, "y": y})
    return Picture(title, figure, _("Scatter chart. {title}.", title=title), table)


def _log(found: Sequence[Stop]) -> dict[str, Any]:
    """A logarithmic axis with ticks one would say: 1, 2, 5, 10, 20, 50."""
    low, high = (math.floor(math.log10(end(s.x for s in found))) for end in (min, max))
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{t:,.12g}" for t in ticks]}


def _front(figure: go.Figure, found: Sequence[Stop], x: Axis, theme: Theme) -> None:
    """A staircase through what nothing beats."""
    best = sorted((s for s in found if s.front), key=lambda s: s.x)
    figure.add_trace(
        go.Scatter(
            x=[s.x for s in best], y=[s.y for s in best], mode="lines+markers",
            line={"color": PALETTES[theme].faint, "width": 9, "shape": "vh" if x.more else "hv"},
            marker={"size": 17, "color": PALETTES[theme].faint},
            name=_("front: nothing beats these"), hoverinfo="skip",
        )
    )  # fmt: skip


def _line(
    figure: go.Figure,
    mine: Sequence[Stop],
    rows: pd.DataFrame,
    names: tuple[str, str],
    styles: Mapping[str, Any],
) -> None:
    series = mine[0].series
    style = styles[series]
    dots = rows[rows["series"] == series].dropna(subset=list(names))
    figure.add_trace(
        go.Scatter(
            x=dots[names[0]], y=dots[names[1]], mode="markers", showlegend=False,
            marker={"color": style.colour, "size": 6, "opacity": 0.45},
            customdata=dots[["key", "seed"]].to_numpy(),
            hovertemplate=f"{series}, " + _("seed %{customdata[1]}<br>%{x}, %{y}<extra></extra>"),
        )
    )  # fmt: skip
    several = max(s.seeds for s in mine) > 1
    seeds = _("mean, sd of {n} seeds", n=max(s.seeds for s in mine)) if several else _("one run")
    figure.add_trace(
        go.Scatter(
            x=[s.x for s in mine], y=[s.y for s in mine], mode="lines+markers",
            name=f"{series} ({seeds})", line={"color": style.colour, "dash": style.dash},
            marker={"symbol": style.marker, "size": 9, "color": style.colour},
            error_y={"array": [s.sd for s in mine], "thickness": 1.2, "width": 3,
                     "visible": several},
            hovertemplate=f"<b>{series}</b>, " + _("mean<br>%{x}, %{y}<extra></extra>"),
        )
    )  # fmt: skip


def _styles(found: Sequence[Stop], theme: Theme) -> dict[str, Stroke]:
    """The stroke of each series: the colour of its method; its other series are dashed and open."""
    of_method = strokes((s.method for s in found), theme)
    styles: dict[str, Stroke] = {}
    for series, method in {s.series: s.method for s in found}.items():
        stroke = of_method[method]
        before = sum(styles[s].colour == stroke.colour for s in styles)
        if before:
            dash = DASHES[before % len(DASHES)]
            stroke = Stroke(stroke.colour, dash, f"{stroke.marker}-open")
        styles[series] = stroke
    return styles


def _title(found: Sequence[Stop], x: str) -> str:
    best = [s for s in found if s.front]
    held = {s.series: sum(b.series == s.series for b in best) for s in best}
    first = max(held, key=held.__getitem__)
    if len(found) == 1:
        return _("One point of {first}: comparing takes two", first=first)
    if len({s.series for s in found}) == 1:
        told = {"first": first, "n": len(best), "all": len(found)}
        return _("{first}: nothing beats {n} of its {all} points", **told)
    n, own = len(best), held[first]
    said = many(
        "Over {x}, {first} holds all {n} place on the front",
        "Over {x}, {first} holds all {n} places on the front", n, x=x, first=first,
    ) if n == own else _(
        "Over {x}, {first} holds {own} of {n} places on the front", x=x, first=first, own=own, n=n
    )  # fmt: skip
    by_chance = is_baseline(first.split(" · ")[0])
    return _("{said}, by chance alone", said=said) if by_chance else said


def gaps(found: Sequence[Compared], *, theme: Theme = "light") -> Picture:
    """How far each series is from another at each sparsity, with its 95 % interval.

    Raises:
        ValueError: nothing was run with two seeds.
    """
    shown = [c for c in found if c.seeds > 1]
    if not shown:
        raise ValueError("Intervals need two seeds that both methods ran.")
    p, other = PALETTES[theme], shown[0].other
    styles = strokes((c.series for c in shown), theme)
    figure = go.Figure()
    for place, series in enumerate(dict.fromkeys(c.series for c in shown)):
        mine = [c for c in shown if c.series == series]
        figure.add_trace(
            go.Scatter(
                x=[100 * c.mean for c in mine],
                y=[_row(c.asked, place) for c in mine], mode="markers", name=series,
                error_x={
                    "symmetric": False, "array": [100 * (c.high - c.mean) for c in mine],
                    "arrayminus": [100 * (c.mean - c.low) for c in mine], "width": 4,
                },
                marker={
                    "size": 11, "color": styles[series].colour,
                    "symbol": [_filled(styles[series].marker, c) for c in mine],
                },
                customdata=[(c.holm, c.seeds, c.said) for c in mine],
                hovertemplate=f"<b>{series}</b>: %{{x:.2f}}, %{{customdata[2]}}" + _(
                    "<br>p %{customdata[0]:.3f} (Holm), %{customdata[1]} seeds<extra></extra>"),
            )
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": p.ink, "width": 1.5})
    sure = sum(c.said in ("ahead", "behind") for c in shown)
    of = {"sure": sure, "n": len(shown), "other": other}
    title = _("{sure} of {n} differences to {other} are beyond chance", **of)
    asked = sorted({c.asked for c in shown})
    layout(figure, title, theme=theme, height=150 + 46 * len(asked))
    ahead = _("points ahead of {other}; filled where beyond chance", other=other)
    figure.update_xaxes(title_text=ahead)
    figure.update_yaxes(
        tickvals=[_row(a, 0) for a in asked], ticktext=[percent(a) for a in asked],
        title_text=_("sparsity"),
    )  # fmt: skip
    table = pd.DataFrame([{**c._asdict(), "said": c.said} for c in shown])
    return Picture(title, figure, _("Intervals. {title}.", title=title), table)


def _row(asked: float, place: int) -> float:
    """Rows at even steps of compression, the series of one sparsity close together."""
    return -math.log2(1 - asked) + 0.09 * place


def _filled(marker: str, c: Compared) -> str:
    return marker if c.said in ("ahead", "behind") else f"{marker}-open"


def damage(
    results: Mapping[str, Sequence[Result]], classes: Sequence[str], *, theme: Theme = "light"
) -> Picture:
    """Which classes pay: points of recall each lost from dense to pruned, mean over the runs.

    Raises:
        ValueError: no run kept its confusion.
    """
    lost = {name: losses(runs) for name, runs in results.items()}
    lost = {name: values for name, values in lost.items() if values}
    if not lost:
        raise ValueError("Which class pays is known of runs that ended with a confusion matrix.")
    number = max(map(len, lost.values()))
    names = [str(c) for c in classes][:number] or [str(i) for i in range(number)]
    cells = [[100 * v for v in values] for values in lost.values()]
    most = max((abs(v) for row in cells for v in row), default=0.0) or 1.0
    title = _paid(lost, names)
    figure = go.Figure(
        go.Heatmap(
            z=cells, x=names, y=list(lost), zmid=0, zmin=-most, zmax=most,
            colorscale=scale(PALETTES[theme].signed[::-1]), texttemplate="%{z:.1f}",
            hovertemplate=_("%{y}, class %{x}: %{z:.2f} points lost<extra></extra>"),
            colorbar={"title": _("points lost")}, xgap=2, ygap=2,
        )
    )  # fmt: skip
    layout(figure, title, theme=theme, height=150 + 42 * len(lost))
    figure.update_xaxes(type="category", title_text=_("class"), showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    table = pd.DataFrame(lost, index=names).rename_axis("class").reset_index()
    return Picture(title, figure, _("Table of colours. {title}.", title=title), table)


def losses(runs: Sequence[Result]) -> list[float]:
    """The share of each class that was right before and is not after, mean over runs."""
    each = []
    for run in runs:
        before, after = run.dense.get("confusion"), run.recovered.get("confusion")
        if before and after:
            each.append([_recall(before, k) - _recall(after, k) for k in range(len(before))])
    return [statistics.fmean(values) for values in zip(*each, strict=True)]


def _recall(confusion: Sequence[Sequence[int]], k: int) -> float:
    return confusion[k][k] / max(1, sum(confusion[k]))


def _paid(lost: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    real = {n: v for n, v in lost.items() if not is_baseline(n.split(" · ")[0])} or lost
    series, values = max(real.items(), key=lambda item: max(item[1]))
    worst = max(range(len(values)), key=values.__getitem__)
    if values[worst] <= 0:
        return _("No class lost anything")
    mean = statistics.fmean(values)
    return _(
        "{series}: class {worst} lost {lost:.1f} points, the mean class {mean:.1f}",
        series=series, worst=names[worst], lost=100 * values[worst], mean=100 * mean,
    )  # fmt: skip


def agreement(
    shares: Mapping[tuple[str, str], float], chance: float, *, theme: Theme = "light"
) -> Picture:
    """How much of what two methods keep is the same: kept by both / kept by either.

    Raises:
        ValueError: fewer than two masks.
    """
    names = list(dict.fromkeys(a for a, _b in shares))
    if len(names) < 2:
        raise ValueError("Agreement needs the masks of two methods at one sparsity and seed.")
    cells = [[shares[a, b] for b in names] for a in names]
    figure = go.Figure(
        go.Heatmap(
            z=cells, x=names, y=names, zmin=0, zmax=1, texttemplate="%{z:.0%}",
            colorscale=scale(PALETTES[theme].kept[::-1]), xgap=2, ygap=2, showscale=False,
            hovertemplate="%{y} and %{x}: %{z:.1%}<extra></extra>",
        )
    )  # fmt: skip
    off = {pair: s for pair, s in shares.items() if pair[0] != pair[1]}
    a, b = max(off, key=off.__getitem__)
    title = _(
        "{a} and {b} agree most: {same}; by chance {chance}",
        a=a, b=b, same=percent(off[a, b]), chance=percent(chance),
    )  # fmt: skip
    layout(figure, title, theme=theme, height=170 + 44 * len(names))
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    table = pd.DataFrame(cells, index=names, columns=names).reset_index(names="method")
    return Picture(title, figure, _("Table of colours. {title}.", title=title), table)
