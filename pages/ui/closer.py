"""One unit of a run under the magnifier: the weight, split or example that was clicked, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui import desk, shell, show, why, words
from prunelab import figures
from prunelab.events import Result
from prunelab.figures import Chosen
from prunelab.harmless import label
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

UNIT = "unit"  # in the link: "fc1.12.300", the layer, output and input of a weight


def weights(result: Result, layer: str, weight: NDArray[Any], mask: NDArray[Any] | None) -> None:
    """The matrix of a layer; a click looks closer, a click there asks about one weight."""
    matrix = weight.reshape(len(weight), -1)
    at = _place(layer, matrix.shape)
    clicked = show.picture(
        lambda: figures.weights(layer, weight, mask, marked=at, theme=shell.theme()), "matrix",
        python=_python(result, f"run.plot.weights({layer!r})"), clicks=True,
    )  # fmt: skip
    _move(layer, at, clicked)
    if at is None:
        st.caption(_("Click anywhere to look closer, and to ask why a weight stays or goes."))
        return
    with st.container(key="pair-closer"):
        left, right = st.columns([3, 2], gap="large")
    with left:
        clicked = show.picture(
            lambda: figures.closer(layer, weight, mask, at, theme=shell.theme()), "closer",
            python=_python(result, f"run.plot.weights({layer!r})"), clicks=True,
        )  # fmt: skip
        _move(layer, at, clicked)
        st.caption(_(
            "Click a weight to ask about it; the address of this page holds the question."
        ))  # fmt: skip
    with right:
        whole = mask is not None and mask.size == len(matrix) < matrix.size
        unit = at[0] if whole else at[0] * matrix.shape[1] + at[1]
        kept = mask is None or bool(mask.ravel()[unit])
        _weight(result, layer, weight, at, unit, kept=kept, whole=whole)


def offer(result: Result) -> None:
    """A way to the question from the first look at a run: about a weight that went."""
    if result.unit == "weights" and (desk.folder(result.key) / "masks.safetensors").exists():
        st.button(
            _("Why was a weight cut?"),
            icon=":material/help:",
            key="why",
            on_click=_ask,
            args=(result,),
        )


def _ask(result: Result) -> None:
    """Open the layers at a weight of the first that went.

    Larger than most of those, yet not at the line, where another machine may decide otherwise.
    """
    name = str(result.layers[0]["name"])
    weight, mask = desk.weights(result.key, name, result.status) or (None, None)
    if weight is None or mask is None or mask.size != weight.size or mask.all():
        return
    cut = np.flatnonzero(mask.ravel() == 0)
    one = cut[np.argsort(np.abs(weight.ravel()[cut]), kind="stable")[int(0.8 * len(cut))]]
    row, column = divmod(int(one), weight[0].size)
    st.query_params[UNIT] = f"{name}.{row}.{column}"
    st.session_state["view"] = "Layers"


def layer(known: Iterable[str]) -> str:
    """The layer that the link asks about."""
    name = str(st.query_params.get(UNIT, "")).rsplit(".", 2)[0]
    return name if name in set(known) else ""


def _weight(
    result: Result, layer: str, weight: NDArray[Any], at: tuple[int, int], unit: int, *,
    kept: bool, whole: bool,
) -> None:  # fmt: skip
    index = np.unravel_index(at[0] * weight[0].size + at[1], weight.shape)
    what = f"{layer}[{', '.join(str(int(i)) for i in index)}]"
    if whole:
        what = _("output {number} of {layer}", number=at[0], layer=layer)
    else:
        what += f" = {float(weight[index]):.3g}"
    why.of_run(result, layer, unit, what, kept=kept)


def _place(layer: str, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The weight that the link asks about, if it is one of this layer."""
    name, *rest = str(st.query_params.get(UNIT, "")).rsplit(".", 2)
    if name != layer or len(rest) != 2 or not all(r.isascii() and r.isdigit() for r in rest):
        return None
    row, column = (int(r[:9]) for r in rest)
    return (row, column) if row < shape[0] and column < shape[1] else None


def _move(layer: str, at: tuple[int, int] | None, clicked: Any) -> None:
    if not clicked:
        return
    now = round(clicked[0]["y"]), round(clicked[0]["x"])
    if now != at:
        st.query_params[UNIT] = f"{layer}.{now[0]}.{now[1]}"
        st.rerun()


def split(result: Result, tree: Mapping[str, Any], clicked: Any) -> None:
    """The node of a tree that was clicked; of a forest the first tree is drawn."""
    if result.unit != "splits":
        return
    if not clicked or "customdata" not in clicked[0]:
        st.caption(_("Click a node to ask why it stays or goes."))
        return
    node = int(clicked[0]["customdata"][1])
    left = tree["left"]
    if not 0 <= node < len(left) or left[node] < 0:
        st.info(_("This is a leaf of the full tree: it asks nothing, so there is nothing to cut."))
        return
    unit = int((left[:node] >= 0).sum())
    why.of_run(
        result, "", unit, _("the split at node {node}", node=node),
        kept=bool(tree["kept"][left[node]]),
        place=mark("{n} in this tree"),
    )  # fmt: skip


def example(result: Result, found: Chosen, row: int) -> None:
    """One example, by its row in the source."""
    places = np.flatnonzero(found.row == row)
    if not len(places):
        return
    place = int(places[0])
    number = int(found.label[place])
    unit = int((found.label[:place] == number).sum())
    name = found.classes[number]
    why.of_run(
        result, name, unit, _("row {row}, labelled {label},", row=row, label=label(name)),
        kept=bool(found.kept[place]),
        place=mark("{n} in this class"),
    )  # fmt: skip


def _python(result: Result, call: str) -> str:
    return words.python(RunSpec.from_json(result.spec), call)
