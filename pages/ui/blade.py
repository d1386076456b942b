"""The threshold one drags over the weights: a plain component, redrawn inside the browser."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.ui.browser import component
from prunelab.figures import PALETTES
from prunelab.scissors import ALL, Scissors

KEY = "blade"
START = 36  # where the line stands at first: 90 % of the weights, over the edge of the cliff
_component = component("blade")


def at(found: Scissors) -> tuple[str, int]:
    """Where the line is, by the link; what no link can mean is as at first."""
    place, stop = st.query_params.get("place", ALL), st.query_params.get("stop", "")
    stops = len(found.told["cuts"][ALL])
    known = stop.isascii() and stop.isdigit() and len(stop) < 4 and int(stop) < stops
    return place if place in found.places else ALL, int(stop) if known else START


def picture(found: Scissors, of: str, place: str, stop: int) -> None:
    """Draw the cuts and let the line be dragged; where it is let go goes into the link."""
    told: dict[str, Any] = {n: v for n, v in found.told.items() if n != "order"}
    _component(
        data=told
        | {
            "of": of,
            "place": place,
            "stop": stop,
            "light": PALETTES["light"]._asdict(),
            "dark": PALETTES["dark"]._asdict(),
        },
        key=KEY,
        on_at_change=_moved,
    )


def _moved() -> None:
    sent = st.session_state[KEY].get("at")
    if isinstance(sent, dict):
        st.query_params["place"] = str(sent.get("place", ALL))[:100]
        st.query_params["stop"] = str(sent.get("stop", START))[:4]
