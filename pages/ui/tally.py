"""Numbers, mistakes and the ring on the curves: they follow the slider inside the browser."""

from __future__ import annotations

from typing import Any

from pages.ui.browser import component
from pages.ui.cuts import Chosen
from prunelab.figures import count
from prunelab.figures.leaves import Scores, frame
from prunelab.speech import _, many, mark
from prunelab.treelab import Grown

_tally, _taken, _ring = (component(name, follows=True) for name in ("tally", "taken", "ring"))


def numbers(tree: Grown, chosen: Chosen, scores: Scores) -> None:
    """How large the subtree is, where the rule's parameter stands, and what it scores."""
    full = {"size": tree.leaves, "validation": float(scores.validation[0])}
    data = _found(chosen) | {"label": _label(tree, chosen), "full": full}
    data["found"]["second"] = chosen.threshold or count(chosen.seen.depth)
    if chosen.by_hand:
        n = len(chosen.by_hand)
        data["found"] |= {"label": _("By hand"), "second": many("{n} change", "{n} changes", n)}
    _tally(data=data, key="tally")


def mistakes(tree: Grown, chosen: Chosen) -> None:
    """The confusion as a table that a screen reader can walk."""
    _taken(data=_found(chosen) | {"classes": list(tree.classes)}, key="taken")


def ring(chosen: Chosen, scores: Scores) -> None:
    """Where the slider is: a ring at the subtree's own score, and a line from it to the axis."""
    _ring(data=_found(chosen) | {"frame": frame(scores)}, key="ring")


def _found(chosen: Chosen) -> dict[str, Any]:
    place, seen = chosen.place, chosen.seen
    return {
        "of": place.of,
        "leaves": place.leaves,
        "found": {
            "size": seen.leaves,
            "train": seen.train,
            "validation": seen.validation,
            "confusion": seen.confusion.ravel().tolist(),
        },
    }


def _label(tree: Grown, chosen: Chosen) -> str:
    """What the rule's parameter is; sizes without a rule have none."""
    rule = chosen.place.rule
    label = _(tree.paths[rule].label if rule in tree.paths else mark("depth"))
    return label[:1].upper() + label[1:]
