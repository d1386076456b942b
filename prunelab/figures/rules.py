"""Every rule on fresh splits: what it scores at each size, and where it stops by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import (
    PALETTES,
    Palette,
    Picture,
    Stroke,
    Theme,
    accuracy,
    doublings,
    is_baseline,
    layout,
    strokes,
)
from prunelab.speech import _, many
from prunelab.treelab import Compared


def rules(
    found: Compared, *, theme: Theme = "light", shown: Sequence[str] = (), noun: str = "rule"
) -> Picture:
    """Accuracy over leaves of every rule, on rows it has not pruned with; own answers marked.

    Lines are means over the splits; the whisker is their deviation at a rule's own answer. ``noun``
    is what the lines are called where they are no rules.
    """
    names = [name for name in found.rules if not shown or name in shown]
    styles, figure = strokes(names, theme), go.Figure()
    for name in names:
        place = found.rules.index(name)
        mean, style = found.scores[place].mean(0), styles[name]
        figure.add_trace(_mean(name, found.leaves, mean, style))
        if not np.isnan(found.own[place]).all():
            figure.add_trace(_own(name, found.own[place], style, PALETTES[theme]))
    title = _best_rule(found, names, noun)
    layout(figure, title, theme=theme, height=520)
    _axes(figure, found, names, noun)
    figure.update_layout(hovermode="closest", margin_t=100, legend={"y": 1.01})
    alt = _(
        "Line chart of {n} {noun}s. {title}. Means of {splits} splits.",
        n=len(names), noun=noun, title=title, splits=found.scores.shape[1],
    )  # fmt: skip
    return Picture(title, figure, alt, rules_table(found, names))


def _axes(figure: go.Figure, found: Compared, names: Sequence[str], noun: str) -> None:
    """From two leaves on; the height is for where the rules differ, not for the first splits."""
    most = float(found.leaves[-1])
    means = found.scores[[found.rules.index(n) for n in names]].mean(1)
    late = np.concatenate([_late(found.leaves, mean) for mean in means])
    low, high = float(np.nanmin(late)), float(np.nanmax(late))
    pad = 0.12 * (high - low) + 0.01
    figure.update_xaxes(
        type="log", title_text=_("leaves (doubling)"), tickvals=doublings(most),
        range=[np.log10(min(2, most)) - 0.03, np.log10(most) + 0.03],
    )  # fmt: skip
    figure.update_yaxes(
        title_text=_("accuracy on rows no {noun} has seen", noun=_(noun)), tickformat=".0%",
        range=[low - pad, high + pad],
    )  # fmt: skip


def _late(leaves: Any, mean: Any) -> Any:
    """The scores of a line from four times its smallest size on."""
    known = ~np.isnan(mean)
    first = leaves[known][:1].sum()
    return mean[known & (leaves >= min(4 * first, leaves[known][-1:].sum()))]


def _mean(name: str, leaves: Any, mean: Any, style: Stroke) -> go.Scatter:
    pen = {"color": style.colour, "dash": style.dash, "width": 1.6 if is_baseline(name) else 2.2}
    return go.Scatter(
        x=leaves, y=mean, name=_(name), mode="lines", line=pen, legendgroup=name,
        hovertemplate=_(
            "<b>{name}</b>, at most %{{x}} leaves: %{{y:.1%}}<extra></extra>",
            name=_(name),
        ),
    )  # fmt: skip


def _own(name: str, own: Any, style: Stroke, p: Palette) -> go.Scatter:
    """The mean of a rule's own answers, with the deviation of both over the splits."""
    (leaves, score), (wide, high) = np.nanmean(own, 0), np.nanstd(own, 0, ddof=1)
    return go.Scatter(
        x=[leaves], y=[score], mode="markers", showlegend=False, legendgroup=name,
        marker={"symbol": style.marker, "size": 13, "color": style.colour,
                "line": {"color": p.paper, "width": 1.5}},
        error_y={"array": [high], "color": style.colour, "thickness": 1.2, "width": 4},
        hovertemplate=(
            _(
                "<b>{name}</b> by itself stops at {leaves:.0f} ± {wide:.0f} leaves: "
                "{value:.1f} ± {value2:.1f} %<extra></extra>",
                name=_(name), leaves=leaves, wide=wide, value=100 * score, value2=100 * high,
            )
        ),
    )  # fmt: skip


def _best_rule(found: Compared, names: Sequence[str], noun: str) -> str:
    """The highest mean, unless others are within the deviation between splits."""
    peaks: Mapping[str, tuple[float, float, int]] = {n: _peak(found, n) for n in names}
    real = [n for n in names if not is_baseline(n)]
    if not real:
        return _("Cuts at random: what every {noun} has to beat", noun=_(noun))
    top = max(real, key=lambda n: peaks[n][0])
    mean, sd, leaves = peaks[top]
    near = sum(peaks[n][0] >= mean - sd for n in real) - 1
    if near:
        return many(
            "{top} peaks at {mean} with {leaves} leaves; {n} other {noun} is within its sd",
            "{top} peaks at {mean} with {leaves} leaves; {n} other {noun}s are within its sd",
            near, top=top, mean=accuracy(mean), leaves=leaves, noun=_(noun),
        )  # fmt: skip
    return _(
        "{top} is ahead: {mean} with {leaves} leaves", top=top, mean=accuracy(mean), leaves=leaves
    )


def _peak(found: Compared, name: str) -> tuple[float, float, int]:
    """Its best mean with the deviation there; where no size is common to the splits, its own."""
    scores, own = (part[found.rules.index(name)] for part in (found.scores, found.own))
    mean = scores.mean(0)
    if np.isnan(mean).all():
        return float(own[:, 1].mean()), float(own[:, 1].std(ddof=1)), round(own[:, 0].mean())
    place = int(np.nanargmax(mean))
    return float(mean[place]), float(scores[:, place].std(ddof=1)), int(found.leaves[place])


def rules_table(found: Compared, names: Sequence[str]) -> pd.DataFrame:
    """Each rule's best mean and its own answer, over the splits."""
    rows = []
    for name in names:
        mean, sd, leaves = _peak(found, name)
        own = found.own[found.rules.index(name)]
        decided = not np.isnan(own).all()
        rows.append(
            {
                "rule": name,
                "best mean": mean,
                "sd": sd,
                "at leaves": int(leaves),
                "its own leaves": float(own[:, 0].mean()) if decided else None,
                "its own accuracy": float(own[:, 1].mean()) if decided else None,
            }
        )
    return pd.DataFrame(rows)
