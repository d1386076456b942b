"""The race of the lottery: lanes against sparsity with their spread, and how far apart they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.comparison import Axes, ribbons
from prunelab.figures.look import PALETTES, Picture, Theme, accuracy, layout, percent
from prunelab.figures.means import Point, lines
from prunelab.lottery import TICKET, Arrival, Margin, judge, margins
from prunelab.speech import _

MEDAL = "🥇"


def race(arrived: Sequence[Arrival], *, theme: Theme = "light", even: bool = False) -> Picture:
    """Accuracy of each lane against sparsity: every run a dot, a line of means, a band of one sd.

    Both axes are opened up at the end where it is decided; ``even``: they are not.

    Raises:
        ValueError: no run has ended yet.
    """
    if not arrived:
        raise ValueError("No run has ended yet; the first dot appears when one does.")
    found = [_point(a) for a in arrived]
    drawn, axes = lines(found), Axes(log=not even, fine=not even)
    title = verdict_title(arrived)
    figure = ribbons(found, drawn, title, axes, theme=theme)
    figure.update_layout(height=520)
    _medals(figure, arrived, axes)
    table = pd.DataFrame(
        {"lane": line.series, "sparsity": s, "accuracy": m, "sd": sd if n > 1 else None, "seeds": n}
        for line in drawn
        for s, m, sd, n in zip(line.sparsity, line.mean, line.spread, line.seeds, strict=True)
    )
    return Picture(title, figure, _("Line chart. {title}.", title=title), table)


def _point(a: Arrival) -> Point:
    return Point(
        key=a.key, method=a.lane, series=a.lane, subject="", sparsity=a.sparsity, asked=a.sparsity,
        seed=a.seed, accuracy=a.accuracy, dense=a.dense,
    )  # fmt: skip


def _medals(figure: go.Figure, arrived: Sequence[Arrival], axes: Axes) -> None:
    """A medal above the lane that is ahead beyond chance."""
    for verdict in judge(arrived):
        if verdict.medal:
            mean = statistics.fmean(
                a.accuracy for a in arrived
                if (a.lane, a.sparsity) == (verdict.leader, verdict.sparsity)
            )  # fmt: skip
            x = axes.x(verdict.sparsity)
            figure.add_annotation(
                x=math.log10(x) if axes.log else x, y=axes.place(axes.height(mean)), yshift=18,
                text=MEDAL, font_size=20, showarrow=False,
            )  # fmt: skip


def verdict_title(arrived: Sequence[Arrival]) -> str:
    """Where somebody wins beyond chance; else that nobody does, or that it is too early."""
    verdicts = judge(arrived)
    if not verdicts:
        return _("{n} runs are in; a second lane makes it a race", n=len(arrived))
    won = [v for v in verdicts if v.medal]
    if won:
        last = won[-1]
        more = _(" and at {n} more", n=len(won) - 1) if len(won) > 1 else ""
        return _(
            "{medal} {leader} wins at {sparsity} sparsity{more}",
            medal=MEDAL, leader=last.leader, sparsity=percent(last.sparsity), more=more,
        )  # fmt: skip
    seeds = min(v.margins[0].seeds for v in verdicts)
    if seeds < 2:
        return _("One seed tells nothing about luck: run more")
    return _("With {seeds} seeds no lane is ahead of all others beyond chance", seeds=seeds)


def medal_table(arrived: Sequence[Arrival]) -> pd.DataFrame:
    """One row a sparsity: who leads, by how much over the closest, and the medal if any."""
    rows = []
    for v in judge(arrived):
        closest = v.margins[0]
        means = [a.accuracy for a in arrived if (a.lane, a.sparsity) == (v.leader, v.sparsity)]
        rows.append(
            {
                "sparsity": v.sparsity,
                "leads": v.leader,
                "accuracy": statistics.fmean(means),
                "closest": closest.behind,
                "ahead by": closest.mean,
                "low": closest.low,
                "high": closest.high,
                "seeds": closest.seeds,
                "medal": MEDAL if v.medal else "not enough evidence",
            }
        )
    return pd.DataFrame(rows)


def ahead(
    arrived: Sequence[Arrival],
    sparsity: float | None = None,
    *,
    lane: str = TICKET,
    theme: Theme = "light",
) -> Picture:
    """How far the ticket is ahead of each control at one sparsity: mean and interval.

    Raises:
        ValueError: the lane has not run beside another yet, or only one seed has.
    """
    found = margins(arrived, lane)
    at = sparsity if sparsity is not None else max((m.sparsity for m in found), default=0.0)
    here = [m for m in found if m.sparsity == at and m.seeds > 1]
    if not here:
        raise ValueError("Intervals need two seeds of the ticket and of another lane.")
    title = _ahead_title(here, lane, at)
    figure = _intervals(here, theme)
    layout(figure, title, theme=theme, height=130 + 44 * max(3, len(here)))
    figure.update_layout(showlegend=False)
    figure.update_xaxes(
        title_text=_("points of accuracy ahead (behind, left of 0)"), zeroline=False
    )
    figure.update_yaxes(showgrid=False)
    table = pd.DataFrame(here, columns=Margin._fields)
    return Picture(title, figure, _("Intervals. {title}.", title=title), table)


def _intervals(here: Sequence[Margin], theme: Theme) -> go.Figure:
    p = PALETTES[theme]
    figure = go.Figure()
    for m in sorted(here, key=lambda one: -one.mean):
        sure = m.low > 0 or m.high < 0
        colour = p.accent if sure else p.muted
        figure.add_trace(
            go.Scatter(
                x=[100 * m.low, 100 * m.mean, 100 * m.high], y=[m.behind] * 3,
                mode="lines+markers", line={"color": colour, "width": 3},
                marker={"size": [1, 11, 1], "symbol": "circle" if sure else "circle-open"},
                hovertemplate=_("{behind}: %{{x:.1f}} points<extra></extra>", behind=m.behind),
            )
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": p.ink, "width": 1.5})
    return figure


def _ahead_title(here: Sequence[Margin], lane: str, at: float) -> str:
    beaten = [m.behind for m in here if m.apart]
    lost = [m.behind for m in here if m.high < 0]
    words = _(
        "At {at} the {lane} is ahead of {others} beyond chance",
        at=percent(at), lane=_(lane), others=", ".join(map(_, beaten)) or _("no lane"),
    )  # fmt: skip
    return words + (_(" and behind {lost}", lost=", ".join(lost)) if lost else "")


def lane_table(arrived: Sequence[Arrival]) -> pd.DataFrame:
    """What each lane trained in all, and how well it did over all sparsities."""
    rows = []
    for lane in dict.fromkeys(a.lane for a in arrived):
        mine = [a for a in arrived if a.lane == lane]
        rows.append(
            {
                "lane": lane,
                "runs": len(mine),
                "epochs a run": statistics.fmean(a.epochs for a in mine),
                "worst": accuracy(min(a.accuracy for a in mine)),
                "best": accuracy(max(a.accuracy for a in mine)),
            }
        )
    return pd.DataFrame(rows)
