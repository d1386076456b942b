"""A decision tree as a picture: the dense tree, the parts that were cut faded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.look import PALETTES, Picture, Theme, layout
from prunelab.speech import _

MOST = 1500  # nodes; the deepest are left out of a larger picture


class Nodes(NamedTuple):
    """One entry a node: where it is drawn, whether it stays, and what it says."""

    x: NDArray[np.float64]
    depth: NDArray[np.int64]
    parent: NDArray[np.int64]
    kept: NDArray[np.bool_]
    leaf: NDArray[np.bool_]  # in the pruned tree, among those that stay
    words: list[str]


def nodes(arrays: Mapping[str, NDArray[Any]], features: tuple[str, ...] = ()) -> Nodes:
    """Leaves stand side by side in order; a parent stands between its children."""
    left, right = arrays["left"].astype(int), arrays["right"].astype(int)
    parent: NDArray[np.int64] = np.full(len(left), -1)
    for child in (left, right):
        split = np.flatnonzero(child >= 0)
        parent[child[split]] = split
    x, depth = _places(left, right)
    kept = _reached(arrays["kept"].astype(bool), parent)
    inner = (left >= 0) & kept
    stays = np.zeros(len(left), bool)
    stays[inner] = kept[left[inner]] | kept[right[inner]]
    words = [_words(arrays, i, features) for i in range(len(left))]
    return Nodes(x, depth, parent, kept, kept & ~stays, words)


def _places(
    left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    x, depth = np.zeros(len(left)), np.zeros(len(left), int)
    stack, order, leaves = [0], [], 0
    while stack:
        node = stack.pop()
        order.append(node)
        if left[node] < 0:
            x[node], leaves = leaves, leaves + 1
            continue
        for child in (right[node], left[node]):
            depth[child] = depth[node] + 1
            stack.append(int(child))
    for node in reversed(order):
        if left[node] >= 0:
            x[node] = (x[left[node]] + x[right[node]]) / 2
    return x, depth


def _reached(kept: NDArray[np.bool_], parent: NDArray[np.int64]) -> NDArray[np.bool_]:
    """A node stays only where its parent does; children come after their parents."""
    reached = kept.copy()
    for node in range(1, len(kept)):
        reached[node] &= reached[parent[node]]
    return reached


def _words(arrays: Mapping[str, NDArray[Any]], node: int, features: tuple[str, ...]) -> str:
    value = np.ravel(arrays["value"][node])
    samples = int(arrays["samples"][node])
    share = value / max(1e-12, value.sum())
    said = _(
        "{samples:,} examples, class {share} ({share2:.0%})",
        samples=samples,
        share=int(share.argmax()),
        share2=share.max(),
    )
    if arrays["left"][node] < 0:
        return said
    place = int(arrays["feature"][node])
    name = features[place] if place < len(features) else _("feature {place}", place=place)
    return f"{name} ≤ {arrays['threshold'][node]:.3g}<br>{said}"


def tree(
    arrays: Mapping[str, NDArray[Any]],
    features: tuple[str, ...] = (),
    *,
    theme: Theme = "light",
    before: bool = False,
) -> Picture:
    """The dense tree; what was cut is faded. ``before`` draws all of it as it was."""
    found = nodes({**arrays, "kept": np.ones(len(arrays["left"]), bool)} if before else arrays,
                  features)  # fmt: skip
    p = PALETTES[theme]
    shown = np.zeros(len(found.x), bool)
    shown[np.argsort(found.depth, kind="stable")[:MOST]] = True
    figure = go.Figure()
    for alive, colour, name in ((False, p.faint, _("cut")), (True, p.accent, _("stays"))):
        chosen = np.flatnonzero(shown & (found.kept == alive))
        figure.add_trace(_edges(found, chosen, colour))
        figure.add_trace(_dots(found, chosen, arrays, colour, name))
    title = _title(found)
    layout(figure, title, theme=theme, height=440)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(
        title_text=_("depth"), autorange="reversed", dtick=1, showgrid=False, zeroline=False
    )
    if found.depth.max() > 12:
        figure.update_yaxes(dtick=2)
    figure.update_layout(showlegend=not found.kept.all(), margin_b=20)
    return Picture(
        title, figure, _("Drawing of a decision tree. {title}.", title=title), _table(found, arrays)
    )


def _title(found: Nodes) -> str:
    left, total = int(found.kept.sum()), len(found.kept)
    leaves = int(found.leaf.sum())
    deep = int(found.depth[found.kept].max())
    if left == total:
        return _(
            "The whole tree: {total} nodes, {leaves} leaves, {deep} deep",
            total=total, leaves=leaves, deep=deep,
        )  # fmt: skip
    return _(
        "{left} of {total} nodes stay: {leaves} leaves, {deep} deep",
        left=left, total=total, leaves=leaves, deep=deep,
    )  # fmt: skip


def _edges(found: Nodes, chosen: NDArray[np.int64], colour: str) -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    for node in chosen[found.parent[chosen] >= 0]:
        up = found.parent[node]
        x += [float(found.x[up]), float(found.x[node]), None]
        y += [float(found.depth[up]), float(found.depth[node]), None]
    line = {"color": colour, "width": 1.2}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _dots(
    found: Nodes,
    chosen: NDArray[np.int64],
    arrays: Mapping[str, NDArray[Any]],
    colour: str,
    name: str,
) -> go.Scatter:
    share = np.sqrt(arrays["samples"][chosen] / max(1, arrays["samples"][0]))
    return go.Scatter(
        x=found.x[chosen],
        y=found.depth[chosen],
        mode="markers",
        name=name,
        customdata=[(found.words[i], int(i)) for i in chosen],
        marker={
            "size": 5 + 14 * share,
            "color": colour,
            "symbol": ["square" if found.leaf[i] else "circle" for i in chosen],
            "line": {"width": 0},
        },
        hovertemplate=f"%{{customdata[0]}}<br>{name}<extra></extra>",
    )


def _table(found: Nodes, arrays: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "node": np.arange(len(found.x)),
            "depth": found.depth,
            "examples": arrays["samples"],
            "says": [w.replace("<br>", ", ") for w in found.words],
            "stays": found.kept,
        }
    )
    if "score" in arrays:
        table["score"] = arrays["score"]
    return table
