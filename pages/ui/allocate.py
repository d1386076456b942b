"""How many units each layer keeps: by a rule and a slider, or dragged by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import bars, show, studies
from prunelab.spec import SpecError
from prunelab.speech import _, mark
from prunelab.structure import WAYS, Study

BUTTONS = {
    "uniform": mark("Same share"), "global": mark("One ranking"),
    "sensitivity": mark("By sensitivity"), "hand": mark("By hand"),
}  # fmt: skip
SPARSITIES = [n / 100 for n in range(0, 100, 5)]
HAND = "kept"  # of the address: the counts, layer by layer


def choose(study: Study, folder: Path) -> dict[str, int]:
    """The controls above the tabs; what each layer keeps."""
    with st.container(key="pair-ways"):
        left, right = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    with left:
        way = st.segmented_control(
            _("How the {units} that go are shared among the layers", units=_(study.noun)),
            list(BUTTONS), default="uniform",
            format_func=lambda name: _(BUTTONS[name]), key="way", bind="query-params",
            required=True,
            help="  \n".join(f"**{_(BUTTONS[name])}**: {_(text)}" for name, text in WAYS.items()),
        )  # fmt: skip
    way = way if way in WAYS else "uniform"
    with right:
        sparsity = st.select_slider(
            _("Sparsity in %"), SPARSITIES, 0.5, format_func=lambda s: f"{100 * s:g}",
            key="sparsity", bind="query-params", disabled=way == "hand",
        )  # fmt: skip
    if way == "hand":
        return by_hand(study) or study.keep("uniform", sparsity)
    try:
        return study.keep(way, sparsity, studies.scanned(folder))
    except SpecError as missing:
        st.info(show.said(missing))
        return study.keep("uniform", sparsity)


def by_hand(study: Study) -> dict[str, int] | None:
    """The counts of the address, if they fit this network."""
    words = str(st.query_params.get(HAND, "")).split("-")
    if len(words) != len(study.sizes) or not all(w.isascii() and w.isdigit() for w in words):
        return None
    told: dict[str, Any] = {n: int(w[:9]) for n, w in zip(study.sizes, words, strict=True)}
    return bars.allocation(study, told)


def dragged(study: Study) -> None:
    """A bar was let go: from now on it is by hand."""
    if keep := bars.kept(study):
        st.query_params[HAND] = "-".join(str(n) for n in keep.values())
        st.session_state["way"] = "hand"
