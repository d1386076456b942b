"""A tree and a network on one plane, both cut to the same share: boundaries and curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import PALETTES, Picture, Theme, accuracy, count, layout, percent
from prunelab.figures.plane import drawn
from prunelab.pair import LEFT, Pair
from prunelab.speech import _, mark
from prunelab.treelab import Grown, Steps, at_leaves


class Line(NamedTuple):
    """One model along the stops of the slider."""

    name: str
    units: Sequence[int]
    noun: str
    train: Sequence[float]
    validation: Sequence[float]
    smallest: int  # the last stop within one standard error of the best


def lines(tree: Grown, steps: Steps, net: Pair) -> tuple[Line, Line]:
    """Both models at each stop: leaves of the tree by its rule, weights of the network."""
    places = [at_leaves(steps, leaves_left(tree, left)) for left in LEFT]
    rows = int(tree.validation[0].sum())
    train, held = steps.train[places].tolist(), steps.validation[places].tolist()
    leaves = steps.leaves[places].tolist()
    return (
        Line(mark("tree"), leaves, mark("leaves"), train, held, _smallest(held, rows)),
        Line(mark("network"), net.weights, mark("weights"), net.train, net.validation,
             _smallest(net.validation, net.rows)),
    )  # fmt: skip


def leaves_left(tree: Grown, left: float) -> int:
    """How many leaves a share of the full tree is; at least one."""
    return max(1, round(left * tree.leaves))


def _smallest(validation: Sequence[float], rows: int) -> int:
    top = max(validation)
    spread = float(np.sqrt(top * (1 - top) / rows))
    return max(n for n, score in enumerate(validation) if score >= top - spread)


def answered(
    tree: Grown, cells: NDArray[np.uint8], line: Line, stop: int, *, theme: Theme = "light"
) -> Picture:
    """What the network answers everywhere, with the same examples over it as beside it."""
    title = _(
        "{units} {noun}: {validation} right",
        units=count(line.units[stop]),
        noun=_(line.noun),
        validation=accuracy(line.validation[stop]),
    )
    figure = drawn(tree, cells, title, theme)
    shares = np.bincount(cells.ravel(), minlength=len(tree.classes)) / cells.size
    table = pd.DataFrame({"class": tree.classes, "share of the plane": shares})
    return Picture(title, figure, _("Decision boundary. {title}.", title=title), table)


def both(pair: Sequence[Line], stop: int, *, theme: Theme = "light") -> Picture:
    """Accuracy of both against how much is left, training rows dotted."""
    p, figure = PALETTES[theme], go.Figure()
    for line, colour, symbol in zip(pair, p.methods, ("square", "circle"), strict=False):
        for part, dash in (("validation", "solid"), ("train", "dot")):
            rows = _("new rows") if part == "validation" else _("training rows")
            figure.add_scatter(
                x=LEFT, y=getattr(line, part), mode="lines", name=f"{_(line.name)}, {rows}",
                line={"color": colour, "dash": dash, "width": 2.4 if dash == "solid" else 1.4},
                customdata=line.units,
                hovertemplate=f"{_(line.name)}, {rows}<br>%{{customdata:,}} {_(line.noun)}: "
                "%{y:.1%}<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=[LEFT[line.smallest]], y=[line.validation[line.smallest]], mode="markers",
            marker={"color": colour, "size": 13, "symbol": symbol}, showlegend=False,
            hovertemplate=_(
                "{name}: the smallest within one standard error of the best<extra></extra>",
                name=_(line.name),
            ),
        )  # fmt: skip
    figure.add_vline(x=LEFT[stop], line={"color": p.ink, "width": 1.5, "dash": "dash"})
    a, b = (percent(LEFT[line.smallest]) for line in pair)
    title = _(
        "The tree is as good as at its best with {a} of its leaves, the network with "
        "{b} of its weights",
        a=a, b=b,
    )  # fmt: skip
    layout(figure, title, theme=theme, height=400)
    ticks = [1.0, 0.5, 0.25, 0.12, 0.05, 0.02, 0.01]
    figure.update_xaxes(
        type="log", autorange="reversed", title_text=_("how much is left"), tickvals=ticks,
        ticktext=[percent(t) for t in ticks],
    )  # fmt: skip
    figure.update_yaxes(title_text=_("accuracy"), tickformat=".0%")
    figure.update_layout(margin_t=96)
    table = pd.DataFrame(
        [
            {"model": line.name, "left": left, line.noun: units, "training": t, "validation": v}
            for line in pair
            for left, units, t, v in zip(LEFT, line.units, line.train, line.validation, strict=True)
        ]
    )
    return Picture(title, figure, _("Line chart. {title}.", title=title), table)
