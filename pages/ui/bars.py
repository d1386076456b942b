"""The bar of each layer: what stays of its units, dragged by hand; costs follow at once."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui.browser import component
from prunelab.speech import _, mark
from prunelab.structure import Keep, Study

KEY = "bars"
ABOUT = mark(
    "Drag the end of a bar, or use the arrow keys. Layers that a shortcut adds "
    "together are one bar, named by the first. What stays are the units of the highest "
    "score."
)
_component = component("bars")


def show(study: Study, keep: Keep, on_kept: Callable[[], None]) -> None:
    """Draw them; ``on_kept`` runs where somebody has let one go."""
    data = {"sizes": study.sizes, "keep": dict(keep), "costs": study.told["costs"]}
    _component(
        data=data | {"noun": _(study.noun), "about": _(ABOUT)}, key=KEY, on_kept_change=on_kept
    )


def kept(study: Study) -> dict[str, int] | None:
    """What was dragged, inside the callback; None where that is no allocation."""
    told = st.session_state[KEY].get("kept")
    return allocation(study, told) if isinstance(told, dict) else None


def allocation(study: Study, told: dict[str, object]) -> dict[str, int] | None:
    """Counts for every bar within its bounds, or None: a browser may send anything."""
    sizes, found = study.sizes, {}
    for name, size in sizes.items():
        many = told.get(name)
        if isinstance(many, bool) or not isinstance(many, int | float) or not 1 <= many <= size:
            return None
        found[name] = int(many)
    return found
