"""A subtree's answers: its boundary in the plane, and which classes it takes for which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import MARKERS, PALETTES, Picture, Theme, accuracy, layout, scale
from prunelab.speech import _
from prunelab.treelab import Grown, Seen

TEXT = 16  # so many classes leave room for numbers in the cells


def answers(tree: Grown, found: Seen) -> NDArray[np.int32]:
    """The class the subtree gives to each cell of the plane.

    Raises:
        ValueError: the data are not in the plane.
    """
    if tree.plane is None:
        raise ValueError("A boundary can be drawn where there are exactly two features.")
    return np.asarray(tree.label[found.answer[tree.plane.grid]])


def plane_title(tree: Grown, found: Seen) -> str:
    """What the boundary shows."""
    cells = answers(tree, found)
    turns = int((cells[:, 1:] != cells[:, :-1]).sum() + (cells[1:] != cells[:-1]).sum())
    if turns == 0:
        return _("One answer everywhere: {label}", label=tree.classes[int(cells[0, 0])])
    return _(
        "{leaves} rectangles, {accuracy} of validation rows right",
        leaves=found.leaves, accuracy=accuracy(found.validation),
    )  # fmt: skip


def boundary(tree: Grown, found: Seen, *, theme: Theme = "light") -> Picture:
    """What the subtree answers everywhere, with examples of both parts over it."""
    title = plane_title(tree, found)
    figure = drawn(tree, answers(tree, found), title, theme)
    return Picture(
        title, figure, _("Decision boundary. {title}.", title=title), plane_table(tree, found)
    )


def drawn(tree: Grown, cells: NDArray[Any], title: str, theme: Theme) -> go.Figure:
    """The class of each cell of a tree's plane, whoever says so, and the examples."""
    plane, p = tree.plane, PALETTES[theme]
    assert plane is not None
    many = len(tree.classes)
    colours = [p.methods[i % len(p.methods)] for i in range(many)]
    figure = go.Figure(
        go.Heatmap(
            z=cells, x=plane.axes[0], y=plane.axes[1], zmin=0, zmax=max(1, many - 1),
            colorscale=scale(tuple(colours) if many > 1 else (colours[0], colours[0])),
            opacity=0.28, showscale=False, hoverinfo="skip",
        )
    )  # fmt: skip
    for code, name in enumerate(tree.classes):
        for dots, part in ((plane.train, _("training")), (plane.validation, _("validation"))):
            mine = dots.x[dots.y == code]
            figure.add_trace(_dots(mine, colours[code], code, name, part))
    layout(figure, title, theme=theme, height=440)
    figure.update_xaxes(title_text=tree.features[0], showgrid=False, zeroline=False)
    figure.update_yaxes(title_text=tree.features[1], showgrid=False, zeroline=False)
    figure.update_layout(margin_t=90)
    return figure


def plane_table(tree: Grown, found: Seen) -> pd.DataFrame:
    """How much of the plane each class is given."""
    cells = answers(tree, found)
    shares = np.bincount(cells.ravel(), minlength=len(tree.classes)) / cells.size
    return pd.DataFrame({"class": tree.classes, "share of the plane": shares})


def _dots(x: Any, colour: str, code: int, name: str, part: str) -> go.Scatter:
    held = part == "validation"
    marker = {
        "symbol": MARKERS[code % len(MARKERS)] + ("" if held else "-open"),
        "size": 7, "color": colour, "opacity": 0.9 if held else 0.55,
    }  # fmt: skip
    return go.Scatter(
        x=x[:, 0], y=x[:, 1], mode="markers", marker=marker, name=f"{name}, {part}",
        hovertemplate=f"{name}, {part}<extra></extra>",
    )  # fmt: skip


def taken_title(classes: tuple[str, ...], table: NDArray[np.int64]) -> str:
    """Which mistake is made most."""
    wrong = table - np.diag(np.diag(table))
    if not wrong.sum():
        return _("Every validation row is right")
    true, told = np.unravel_index(int(wrong.argmax()), wrong.shape)
    times = int(wrong[true, told])
    often = _("{times} times", times=times) if times > 1 else _("once")
    return _(
        "Most often {true} is taken for {told}: {often}",
        true=classes[true], told=classes[told], often=often,
    )  # fmt: skip


def taken_for(
    classes: tuple[str, ...], table: NDArray[np.int64], *, theme: Theme = "light"
) -> Picture:
    """Validation rows by true class (rows) and the subtree's answer (columns)."""
    p = PALETTES[theme]
    share = table / np.maximum(1, table.sum(1, keepdims=True))
    text = {"text": table, "texttemplate": "%{text}"} if len(table) <= TEXT else {}
    figure = go.Figure(
        go.Heatmap(
            z=share, x=classes, y=classes, zmin=0, zmax=1, customdata=table,
            colorscale=scale(p.kept[::-1]), showscale=False, xgap=1, ygap=1,
            hovertemplate=_("%{y} taken for %{x}: %{customdata} times<extra></extra>"), **text,
        )
    )  # fmt: skip
    title = taken_title(classes, table)
    layout(figure, title, theme=theme, height=400)
    figure.update_xaxes(title_text=_("answer"), type="category", showgrid=False)
    figure.update_yaxes(title_text=_("true class"), type="category", autorange="reversed")
    return Picture(
        title, figure, _("Confusion table. {title}.", title=title), taken_table(classes, table)
    )


def taken_table(classes: tuple[str, ...], table: NDArray[np.int64]) -> pd.DataFrame:
    """The counts, with the share of each class that is right."""
    frame = pd.DataFrame(table, columns=[f"→ {name}" for name in classes])
    frame.insert(0, "true class", list(classes))
    frame["right"] = np.diag(table) / np.maximum(1, table.sum(1))
    return frame
