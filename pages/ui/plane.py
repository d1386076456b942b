"""The boundary of a tree in the plane: a plain component, redrawn in place at every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from pages.ui.browser import component
from pages.ui.cuts import Place
from prunelab.figures import PALETTES
from prunelab.figures.plane import answers, plane_title
from prunelab.speech import _
from prunelab.treelab import Grown, Seen
from prunelab.treelab.grown import Dots

_DIGITS = np.array(list("0123456789abcdefghijklmnopqrstuvwxyz"))
_component = component("plane")


def picture(tree: Grown, found: Seen, place: Place) -> None:
    """What the subtree answers in each cell, and the examples over it."""
    plane = tree.plane
    if plane is None:
        return
    cells = answers(tree, found)
    _component(
        data={
            "of": place.of,
            "leaves": place.leaves,
            "answers": "".join(_DIGITS[cells.ravel() % len(_DIGITS)]),
            "grid": plane.grid.ravel().tolist(),
            "cells": cells.shape[0],
            "x": [float(plane.axes[0][0]), float(plane.axes[0][-1])],
            "y": [float(plane.axes[1][0]), float(plane.axes[1][-1])],
            "names": list(tree.features),
            "classes": list(tree.classes),
            "train": _dots(tree, found, plane.train),
            "validation": _dots(tree, found, plane.validation),
            "light": PALETTES["light"]._asdict(),
            "dark": PALETTES["dark"]._asdict(),
            "alt": _("Decision boundary. {title}.", title=plane_title(tree, found)),
        },
        key="plane",
    )


def _dots(tree: Grown, found: Seen, dots: Dots) -> dict[str, Any]:
    told = tree.label[found.answer[dots.leaf]]
    return {
        "x": np.round(dots.x[:, 0].astype(float), 3).tolist(),
        "y": np.round(dots.x[:, 1].astype(float), 3).tolist(),
        "label": dots.y.tolist(),
        "leaf": dots.leaf.tolist(),
        "wrong": (told != dots.y).tolist(),
    }
