"""Examples that stay or go: what a run wrote down, their scores, their map, wrong labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, percent
from prunelab.harmless import label
from prunelab.speech import _

BINS = 50
MOST = 6000  # dots of the map; more would be a blot, and slow
Mask = NDArray[np.bool_]


class Chosen(NamedTuple):
    """The examples of a training part, row by row; ``rating.record`` says what each is."""

    row: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float64]
    kept: Mask
    wrong: Mask
    said: NDArray[np.int64]
    doubt: NDArray[np.float32]
    place: NDArray[np.float32]
    pictured: NDArray[np.int64]
    pictures: NDArray[np.uint8]
    values: NDArray[np.float32]
    features: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def contradicted(self) -> Mask:
        """Rows whose label the model that was trained on them does not give."""
        return np.not_equal(self.said, self.label)


def chosen(arrays: Mapping[str, Any]) -> Chosen:
    """The examples from the arrays of a run's file."""
    given = {name: arrays[name] for name in Chosen._fields}
    for name in ("features", "classes"):
        given[name] = tuple(map(str, given[name]))
    return Chosen(**given)


def kept_table(found: Chosen, *, every: bool = False) -> pd.DataFrame:
    """The examples that stay, or all: row in the source, class, score, and numbers of a table."""
    rows = np.argsort(found.row)
    rows = rows if every else rows[found.kept[rows]]
    return rows_of(found, rows, every=every)


def rows_of(found: Chosen, rows: NDArray[np.int64], *, every: bool = True) -> pd.DataFrame:
    """These examples as a table; ``every``: of both sides, which a column tells apart."""
    names = np.array(found.classes, dtype=object)
    table = pd.DataFrame(
        {"row": found.row[rows], "class": names[found.label[rows]], "score": found.score[rows]}
    )
    if every:
        table["kept"] = found.kept[rows]
    if found.wrong.any():
        table["label flipped"] = found.wrong[rows]
    if found.values.size:
        features = found.features or tuple(f"x{i}" for i in range(found.values.shape[1]))
        numbers = pd.DataFrame(found.values[rows], columns=list(features))
        table = pd.concat([table, numbers], axis=1)
    return table


def spread(found: Chosen, *, theme: Theme = "light") -> Picture:
    """How many examples have which score, kept and dropped, and how many a wrong label."""
    p = PALETTES[theme]
    edges = np.histogram_bin_edges(found.score, BINS)
    centres, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    counts = {
        name: np.histogram(found.score[mask], edges)[0]
        for name, mask in (("kept", found.kept), ("dropped", ~found.kept), ("wrong", found.wrong))
    }
    figure = go.Figure()
    for name, colour in (("kept", p.accent), ("dropped", p.faint)):
        figure.add_trace(
            go.Bar(
                x=centres, y=counts[name], width=width, name=_(name), marker_color=colour,
                hovertemplate="%{fullData.name}, " + _(
                    "score ≈ %{x:.3g}<br>%{y:,} examples<extra></extra>",
                ),
            )
        )  # fmt: skip
    if found.wrong.any():
        figure.add_trace(
            go.Scatter(
                x=centres, y=counts["wrong"], mode="lines", name=_("with a wrong label"),
                line={"color": p.warn, "width": 2, "shape": "hvh"},
                hovertemplate=_("score ≈ %{x:.3g}<br>%{y:,} wrong labels<extra></extra>"),
            )
        )  # fmt: skip
    title = _spread_title(found)
    layout(figure, title, theme=theme)
    figure.update_layout(barmode="stack", bargap=0.02)
    figure.update_xaxes(title_text=_("score of the method: the highest stay"))
    figure.update_yaxes(title_text=_("examples"))
    table = pd.DataFrame({"score": centres, **counts})
    return Picture(title, figure, _("Histogram. {title}.", title=title), table)


def _spread_title(found: Chosen) -> str:
    total = len(found.row)
    title = _("{n} of {all} examples stay", n=count(found.kept.sum()), all=count(total))
    if found.wrong.any():
        among = found.wrong[found.kept].mean() if found.kept.any() else 0.0
        return _(
            "{title}; {share} of them have a wrong label", title=title, share=percent(float(among))
        )
    shares = _shares(found)
    most, least = int(shares.argmax()), int(shares.argmin())
    if shares[most] - shares[least] < 0.02:
        return _("{title}, the same share of every class", title=title)
    return _(
        "{title}: {most} of class {first}, {least} of class {last}",
        title=title, most=percent(float(shares[most])), first=label(found.classes[most]),
        least=percent(float(shares[least])), last=label(found.classes[least]),
    )  # fmt: skip


def _shares(found: Chosen) -> NDArray[np.float64]:
    classes = len(found.classes)
    have = np.bincount(found.label, minlength=classes)
    stay = np.bincount(found.label[found.kept], minlength=classes)
    shares: NDArray[np.float64] = stay / np.maximum(1, have)
    return shares


def places(found: Chosen, *, theme: Theme = "light") -> Picture:
    """Every example in the plane of the two widest directions of its features."""
    p = PALETTES[theme]
    drawn = np.arange(len(found.row))
    if len(drawn) > MOST:
        drawn = np.sort(np.random.default_rng(0).permutation(len(drawn))[:MOST])
    figure = go.Figure()
    looks = (
        (_(
            "dropped",
        ), ~found.kept, {"color": p.muted, "size": 5, "opacity": 0.45, "symbol": "x-thin",
                                  "line": {"color": p.muted, "width": 1}}),
        (_("kept"), found.kept, {"color": p.accent, "size": 7, "opacity": 0.85}),
        (_("with a wrong label"),
        found.wrong, {"color": p.warn, "size": 11, "symbol": "circle-open",
                                             "line": {"width": 1.5}}),
    )  # fmt: skip
    for name, mask, marker in looks:
        rows = drawn[mask[drawn]]
        if len(rows):
            figure.add_trace(_dots(found, rows, name, marker))
    _name_classes(figure, found, theme)
    title = _places_title(found)
    layout(figure, title, theme=theme, height=560)
    figure.update_xaxes(title_text=_("widest direction of the features"), zeroline=False)
    figure.update_yaxes(title_text=_("second widest"), zeroline=False)
    table = pd.DataFrame({"class": found.classes, "share kept": _shares(found)})
    shown = (
        "" if len(drawn) == len(found.row) else _(" {n} of them are drawn.", n=count(len(drawn)))
    )
    return Picture(
        title, figure, _("Map of examples. {title}.{shown}", title=title, shown=shown), table
    )


def _dots(found: Chosen, rows: NDArray[np.int64], name: str, marker: dict[str, Any]) -> Any:
    names = [label(c) for c in found.classes]
    return go.Scattergl(
        x=found.place[rows, 0], y=found.place[rows, 1], mode="markers", name=name, marker=marker,
        customdata=[
            (found.row[r], names[found.label[r]], names[found.said[r]], found.score[r])
            for r in rows
        ],
        hovertemplate=(
            f"row %{{customdata[0]}}, {name}<br>labelled %{{customdata[1]}}, the model says "
            "%{customdata[2]}<br>score %{customdata[3]:.3g}<extra></extra>"
        ),
    )  # fmt: skip


def _name_classes(figure: go.Figure, found: Chosen, theme: Theme) -> None:
    p = PALETTES[theme]
    for number, name in enumerate(found.classes):
        here = found.place[found.label == number]
        if len(here):
            x, y = np.median(here, axis=0)
            figure.add_annotation(
                x=float(x), y=float(y), text=f"<b>{label(name)}</b>", showarrow=False,
                font={"size": 16, "color": p.ink}, bgcolor=p.paper, opacity=0.85, borderpad=2,
            )  # fmt: skip


def _places_title(found: Chosen) -> str:
    """Whether what stays lies at the core of its class or at the rim."""
    if found.kept.all():
        return _("All examples stay")
    far = np.empty(len(found.row))
    for number in np.unique(found.label):
        here = found.label == number
        far[here] = np.linalg.norm(found.place[here] - np.median(found.place[here], axis=0), axis=1)
    stay, go = float(far[found.kept].mean()), float(far[~found.kept].mean())
    if go == 0 or abs(stay / go - 1) < 0.05:
        return _("What stays lies as far from the middle of its class as what goes")
    return _(
        "What stays lies {times:.1f} times as far from the middle of its class as what goes",
        times=stay / go,
    )


def finding(found: Chosen, *, theme: Theme = "light") -> Picture:
    """How many of the wrong labels one meets, going through the examples by score.

    Raises:
        ValueError: no label is known to be wrong.
    """
    if not found.wrong.any():
        raise ValueError(
            "No label of these data is known to be wrong. Set Flip among the settings of the data, "
            "and run again: then so many labels are wrong on purpose, and one sees who finds them."
        )
    p = PALETTES[theme]
    area, order, end = _order(found)
    met = np.cumsum(found.wrong[order]) / found.wrong.sum()
    looked = np.arange(1, len(order) + 1) / len(order)
    share = float(found.wrong.mean())
    there = float(met[found.wrong.sum() - 1])
    step = max(1, len(order) // 400)
    figure = go.Figure()
    figure.add_trace(_line([0, 1], [0, 1], p.muted, _("drawn at random"), "dash"))
    figure.add_trace(_line([0, share, 1], [0, 1, 1], p.faint, _("perfect"), "solid"))
    figure.add_trace(_line(looked[::step], met[::step], p.accent, _("by score"), "solid"))
    title = _(
        "Looking at the {share} of {end} score finds {there} of the wrong labels "
        "(ROC-AUC {area:.3f})",
        share=percent(share), end=end, there=percent(there), area=area,
    )  # fmt: skip
    layout(figure, title, theme=theme)
    figure.update_xaxes(title_text=_("share of the examples looked at, {end} score first", end=end),
                        tickformat=".0%", range=[0, 1])  # fmt: skip
    figure.update_yaxes(title_text=_("share of the wrong labels found"), tickformat=".0%",
                        range=[0, 1.03])  # fmt: skip
    table = pd.DataFrame({"looked at": looked[::step], "found": met[::step]})
    return Picture(title, figure, _("Line chart. {title}.", title=title), table)


def _line(x: Any, y: Any, colour: str, name: str, dash: str) -> Any:
    return go.Scatter(
        x=x, y=y, mode="lines", name=name, line={"color": colour, "dash": dash, "width": 2.2},
        hovertemplate=_("%{x:.0%} looked at, %{y:.0%} found<extra></extra>"),
    )  # fmt: skip


def _order(found: Chosen) -> tuple[float, NDArray[np.int64], str]:
    """ROC-AUC of the end of the scores where more wrong labels are, and that order."""
    ranks = pd.Series(found.score).rank().to_numpy()
    wrong = int(found.wrong.sum())
    right = len(ranks) - wrong
    area = (ranks[found.wrong].sum() - wrong * (wrong + 1) / 2) / max(1, wrong * right)
    if area >= 0.5:
        return float(area), np.argsort(-found.score, kind="stable"), _("highest")
    return float(1 - area), np.argsort(found.score, kind="stable"), _("lowest")
