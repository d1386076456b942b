"""What lets pictures follow the slider inside the browser, before the server has answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import cuts
from prunelab import treelab
from prunelab.treelab import Grown

_component = st.components.v2.component(
    "prunelab_follow",
    html="<span hidden></span>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def slider(tree: Grown, place: cuts.Place) -> None:
    """Give the browser the tree and the path of its rule, once for all positions of the slider."""
    _component(data=_known(tree, place.of, place.rule), key="follow", height=1)


@st.cache_data(max_entries=32, show_spinner=False)
def _known(_tree: Grown, of: str, rule: str) -> dict[str, Any]:
    known = {
        "of": of,
        "left": _tree.left.tolist(),
        "right": _tree.right.tolist(),
        "label": _tree.label.tolist(),
        "wrong": _tree.wrong[0].astype(int).tolist(),
        "rows": int(_tree.train[0].sum()),
        "seen": _tree.validation.ravel().tolist(),
        "classes": len(_tree.classes),
    }
    if rule == cuts.EVERY:
        return known | {"start": _tree.share_start.tolist(), "shares": _tree.shares.tolist()}
    found = treelab.steps(_tree, rule)
    return known | {
        "leaves": found.leaves.tolist(),
        "thresholds": [cuts.written(alpha) for alpha in found.alphas],
        "birth": _tree.paths[rule].birth.tolist(),
    }
