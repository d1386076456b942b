"""How the reader's window looks: told by the browser, its width first guessed from its name."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from prunelab.figures import Theme

NARROW = 640  # px, below which names of lines no longer fit beside a plot
_KEPT = "_narrow"
_component = st.components.v2.component(
    "prunelab_window",
    html="<span hidden></span>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def narrow() -> bool:
    """Whether the window is that of a phone."""
    guess = "Mobi" in st.context.headers.get("User-Agent", "")
    return bool(st.session_state.get(_KEPT, guess))


def watch(theme: Theme) -> None:
    """Have the browser say when its window gets narrow or wide, or its theme is not this one."""
    with st.container(key="unseen-window"):
        told = _component(
            data={"narrow": narrow(), "below": NARROW, "theme": theme}, key="window", height=1,
            on_narrow_change=lambda: None, on_theme_change=lambda: None,
        )  # fmt: skip
    if isinstance(told.narrow, bool):
        st.session_state[_KEPT] = told.narrow
