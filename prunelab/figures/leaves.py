"""Scores over leaves: one tree along the path of a rule, for a page and for a notebook."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import (
    FONT,
    PALETTES,
    Palette,
    Picture,
    Theme,
    accuracy,
    count,
    doublings,
    layout,
)
from prunelab.speech import _
from prunelab.treelab import CrossValidated, Grown, best, one_se
from prunelab.treelab.steps import at_alpha, steps

Numbers = NDArray[np.float64]


MARGINS = {"left": 54, "right": 20, "top": 58, "bottom": 46}  # around the live curves, in pixels


class Scores(NamedTuple):
    """Shares right over leaves, from the full tree to the root; ``cv`` is (leaves, mean, sd)."""

    leaves: NDArray[np.int64]
    train: Numbers
    validation: Numbers
    best: int
    one_se: int
    cv: tuple[NDArray[np.int64], Numbers, Numbers] | None = None


def scores_by_leaves(tree: Grown, rule: str, folds: CrossValidated | None = None) -> Scores:
    """What a rule's path scores; with folds also their mean and deviation, at the tree's sizes."""
    found = steps(tree, rule)
    crossed = None
    if folds is not None:
        at = [int(found.leaves[at_alpha(found, a)]) for a in folds.alphas]
        crossed = np.array(at), folds.scores.mean(0), folds.scores.std(0, ddof=1)
    return Scores(
        leaves=found.leaves,
        train=found.train,
        validation=found.validation,
        best=best(found),
        one_se=one_se(tree, found),
        cv=crossed,
    )


def scores_title(found: Scores) -> str:
    """What the curves say."""
    top, full = found.validation[found.best], found.validation[0]
    leaves = found.leaves[found.best]
    named = _(
        "{n} of {all} leaves do best on validation rows",
        n=count(leaves), all=count(found.leaves[0]),
    )  # fmt: skip
    if leaves == found.leaves[0]:
        return _("The full tree does best on validation rows: {full}", full=accuracy(full))
    return _(
        "{named}: {top}, the full tree {full}", named=named, top=accuracy(top), full=accuracy(full)
    )


def scores_table(found: Scores) -> pd.DataFrame:
    """The numbers of the curves, one row a subtree."""
    return pd.DataFrame(
        {"leaves": found.leaves, "training": found.train, "validation": found.validation}
    )


def leaf_curve(found: Scores, *, theme: Theme = "light", here: int | None = None) -> Picture:
    """Training, validation and cross-validation over leaves; best and 1-SE are marked."""
    p, figure = PALETTES[theme], go.Figure()
    if found.cv:
        leaves, mean, sd = found.cv
        figure.add_trace(
            go.Scatter(
                x=[*leaves, *leaves[::-1]], y=[*(mean + sd), *(mean - sd)[::-1]], fill="toself",
                fillcolor=p.faint, opacity=0.35, line_width=0, mode="lines", hoverinfo="skip",
                showlegend=False,
            )
        )  # fmt: skip
        figure.add_trace(
            _line(leaves, mean, _("mean of {folds} folds, band: sd", folds=FOLDS), p.muted, "dash")
        )
    figure.add_trace(_line(found.leaves, found.train, _("training rows"), p.methods[1], "dot"))
    figure.add_trace(_line(found.leaves, found.validation, _("validation rows"), p.accent, "solid"))
    for place, word in ((found.best, _("best")), (found.one_se, "1-SE")):
        figure.add_trace(
            go.Scatter(
                x=[found.leaves[place]], y=[found.validation[place]], mode="markers+text",
                text=[word], textposition="top center", textfont_color=p.ink, showlegend=False,
                marker={"size": 11, "color": p.accent, "symbol": "diamond"},
                hovertemplate=_("{word}: %{{x}} leaves, %{{y:.1%}}<extra></extra>", word=word),
            )
        )  # fmt: skip
    if here is not None:
        figure.add_vline(x=here, line={"color": p.ink, "width": 1.5})
    title = scores_title(found)
    layout(figure, title, theme=theme, height=400)
    figure.update_xaxes(
        type="log", title_text=_("leaves"), tickvals=doublings(float(found.leaves[0]))
    )
    figure.update_yaxes(title_text=_("accuracy"), tickformat=".0%")
    figure.update_layout(margin_t=90)
    return Picture(title, figure, _("Line chart. {title}.", title=title), scores_table(found))


FOLDS = 5


def _line(x: Any, y: Any, name: str, colour: str, dash: str) -> go.Scatter:
    return go.Scatter(
        x=x, y=y, name=name, mode="lines", line={"color": colour, "width": 2.2, "dash": dash},
        hovertemplate=_("%{{x}} leaves: %{{y:.1%}} of {name}<extra></extra>", name=name),
    )  # fmt: skip


def frame(found: Scores) -> dict[str, int]:
    """Where ``live_leaves`` draws: margins in pixels, the most leaves, the scores it spans."""
    least = 100 * min(found.validation.min(), found.train.min())
    low = int(10 * np.floor(min(least, 95) / 10))
    return {**MARGINS, "most": int(max(2, found.leaves[0])), "low": low, "high": 100}


def live_leaves(found: Scores, *, theme: Theme = "light") -> dict[str, Any]:
    """The same curves as ECharts options; a page draws over them where its slider is."""
    p, within = PALETTES[theme], frame(found)
    series = [
        _pen(_("training rows"), found.leaves, found.train, p.methods[1], "dotted"),
        _pen(_("validation rows"), found.leaves, found.validation, p.accent, "solid"),
    ]
    if found.cv:
        series.insert(0, _pen(_("cross-validation"), *found.cv[:2], p.muted, "dashed"))
    series[-1]["markPoint"] = _marks(found, p)
    series[-1]["z"] = 5
    return {
        "textStyle": {"fontFamily": FONT, "color": p.muted},
        "animation": False,
        "tooltip": {"trigger": "axis", "backgroundColor": p.paper, "textStyle": {"color": p.ink}},
        "legend": {
            "top": 0, "left": 0, "icon": "roundRect", "itemHeight": 4,
            "textStyle": {"color": p.muted, "fontSize": 13},
            "data": [one["name"] for one in series if one["name"]],
        },
        "grid": MARGINS,
        "xAxis": {
            "type": "log", "logBase": 2, "min": 1, "max": within["most"],
            "name": _("leaves"), "nameLocation": "middle", "nameGap": 28,
            "axisLabel": {"color": p.muted, "showMaxLabel": True, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": p.grid}}, "splitLine": {"show": False},
        },
        "yAxis": {
            "name": _("% right"), "nameTextStyle": {"color": p.muted, "align": "left"},
            "min": within["low"], "max": within["high"], "axisLabel": {"color": p.muted},
            "splitLine": {"lineStyle": {"color": p.grid}}, "splitNumber": 4,
        },
        "series": series,
    }  # fmt: skip


def _pen(name: str, x: Any, y: Any, colour: str, dash: str) -> dict[str, Any]:
    pairs = [[int(a), round(100 * float(b), 2)] for a, b in zip(x, y, strict=True)]
    return {
        "type": "line", "name": name, "data": pairs, "showSymbol": False,
        "lineStyle": {"color": colour, "width": 2.2, "type": dash}, "itemStyle": {"color": colour},
    }  # fmt: skip


def _marks(found: Scores, p: Palette) -> dict[str, Any]:
    places = {found.one_se: "1-SE", found.best: _("best")}
    if found.best == found.one_se:
        places = {found.best: _("best = 1-SE")}
    data = [
        {
            "coord": [int(found.leaves[i]), round(100 * float(found.validation[i]), 2)],
            "name": word,
            "label": {"align": "right" if word == "1-SE" else "left"},
        }
        for i, word in places.items()
    ]
    label = {
        "show": True, "position": "top", "formatter": "{b}", "color": p.ink, "distance": 10,
        "fontSize": 13, "textBorderColor": p.paper, "textBorderWidth": 4,
    }  # fmt: skip
    style = {"color": p.accent, "borderColor": p.paper, "borderWidth": 1.5}
    return {"symbol": "diamond", "symbolSize": 14, "data": data, "label": label, "itemStyle": style}
