"""The tree one can cut: a plain component that draws it and says which node was clicked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.ui.browser import component
from pages.ui.cuts import Place
from prunelab.figures import PALETTES
from prunelab.speech import _
from prunelab.treelab import Grown, Seen, gains

KEY = "grove"
MOST = 900  # nodes that are drawn; the rest are told as a number
_component = component("grove")


def picture(
    tree: Grown,
    found: Seen,
    on_click: Callable[[], None],
    *,
    place: Place,
    whole: bool,
    last: int = -1,
    asks: bool = False,
) -> None:
    """Draw a subtree of the dense tree; ``whole`` shows what was cut, faded.

    ``asks``: a click changes nothing, so the words say so.
    """
    ids = chosen(tree, found, whole)
    hidden = len(tree.left) - len(ids) if whole else int(found.there.sum() - found.there[ids].sum())
    note = _("{n:,} smaller nodes are not drawn", n=hidden) if hidden > 0 else ""
    _component(
        data=_nodes(tree, found, ids)
        | {
            "tree": place.tree,
            "of": place.of,
            "leaves": place.leaves,
            "whole": whole,
            "classes": list(tree.classes),
            "names": short(tree.classes),
            "light": list(PALETTES["light"].methods),
            "dark": [*PALETTES["dark"].methods],
            "accent": [PALETTES["light"].accent, PALETTES["dark"].accent],
            "last": last,
            "asks": asks,
            "note": note,
        },
        key=KEY,
        on_clicked_change=on_click,
    )


def clicked() -> int | None:
    """The node that was clicked, inside the callback."""
    node = st.session_state[KEY].get("clicked")
    return node if isinstance(node, int) and not isinstance(node, bool) else None


def chosen(tree: Grown, found: Seen, whole: bool) -> NDArray[np.intp]:
    """Which nodes may be drawn: those that are there first, then by how many examples they hold.

    A small tree is sent as it is, so that what is there can follow the slider in the browser.
    """
    if len(tree.left) <= MOST:
        return np.arange(len(tree.left))
    wanted = np.ones(len(tree.left), bool) if whole else found.there
    if wanted.sum() <= MOST:
        return np.flatnonzero(wanted)
    rank = np.lexsort((tree.depth, -tree.train.sum(1), ~found.there))
    taken = np.zeros(len(tree.left), bool)
    taken[rank[wanted[rank]][:MOST]] = True
    pairs = np.flatnonzero(tree.inner)
    both = taken[tree.left[pairs]] & taken[tree.right[pairs]]
    taken[tree.left[pairs]] = taken[tree.right[pairs]] = both  # never one child without the other
    for ids, left, right in tree.levels:
        taken[left] &= taken[ids]
        taken[right] &= taken[ids]
    return np.flatnonzero(taken)


def _nodes(tree: Grown, found: Seen, ids: NDArray[np.intp]) -> dict[str, Any]:
    at = np.full(len(tree.left) + 1, -1)
    at[ids] = np.arange(len(ids))
    rows = tree.train.sum(1)[ids]
    top = tree.train[ids, tree.label[ids]]
    questions = [question(tree, int(i)) for i in ids]
    splitting = found.there & ~found.leaf
    worth = gains(tree, splitting)
    return {
        "id": ids.tolist(),
        "left": at[tree.left[ids]].tolist(),
        "right": at[tree.right[ids]].tolist(),
        "there": found.there[ids].tolist(),
        "split": splitting[ids].tolist(),
        "question": questions,
        "raw": questions,
        "plain": [_plain(tree, int(i), q, found) for i, q in zip(ids, questions, strict=True)],
        "rows": rows.tolist(),
        "label": tree.label[ids].tolist(),
        "share": np.round(top / np.maximum(1, rows), 3).tolist(),
        "more": worth.leaves[ids].astype(int).tolist(),
        "saved": worth.train[ids].astype(int).tolist(),
        "held": worth.validation[ids].astype(int).tolist(),
        "alpha": [f"{a:.2g}" for a in worth.alpha[ids]],
    }


def short(classes: tuple[str, ...]) -> list[str]:
    """Class names without the words they all begin with, for small places.

    >>> short(("type 1", "type 2")), short(("no", "yes"))
    (['1', '2'], ['no', 'yes'])
    """
    alike = [len(set(letters)) == 1 for letters in zip(*classes, strict=False)]
    same = alike.index(False) if False in alike else len(alike)
    cut = classes[0][:same].rfind(" ") + 1
    return [name[cut:] or name for name in classes]


def question(tree: Grown, node: int) -> str:
    """What a node asks; empty for a leaf of the dense tree."""
    if not tree.inner[node]:
        return ""
    name, threshold = tree.features[tree.feature[node]], tree.threshold[node]
    if " = " in name and 0 < threshold < 1:  # a text of a column: it is that text, or not
        return f"not {name}"
    return f"{name} ≤ {threshold:.3g}"


def _plain(tree: Grown, node: int, asked: str, found: Seen) -> str:
    what = asked or "leaf"
    if not found.there[node]:
        return _("{what}, cut off", what=what)
    if found.leaf[node]:
        what = f"{what}, cut" if asked else what
        return f"{what}: {tree.classes[tree.label[node]]}"
    return what


def table(tree: Grown, found: Seen) -> pd.DataFrame:
    """The nodes that are there, with what each is worth."""
    ids = np.flatnonzero(found.there)
    worth = gains(tree, found.there & ~found.leaf)
    return pd.DataFrame(
        {
            "node": ids,
            "depth": tree.depth[ids],
            "question": [question(tree, int(i)) if not found.leaf[i] else "" for i in ids],
            "examples": tree.train[ids].sum(1),
            "answer": [tree.classes[c] for c in tree.label[ids]],
            "training errors saved": worth.train[ids].astype(int),
            "validation errors saved": worth.validation[ids].astype(int),
            "α": worth.alpha[ids],
        }
    )
