"""Work that another process does, on a page: the button that orders it, its bar, what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import streamlit as st

from pages.ui import desk, show
from prunelab import aside
from prunelab.aside import State
from prunelab.spec import SpecError

Found = TypeVar("Found")


def order_button(
    label: str,
    start: Callable[[], object],
    state: State,
    *,
    key: str,
    icon: str,
    words: Mapping[str, str],
    refused: str = "",
) -> None:
    """Order the work of the controls; ``words`` say instead that it goes on, or is done."""
    if refused:
        st.caption(show.plain(refused))
    off = bool(refused) or state.name in words
    if show.pressed(words.get(state.name, label), key=key, icon=icon, off=off):
        begin(start)
        st.rerun()


def begin(start: Callable[[], object]) -> None:
    """Order work; what is wrong with the order is kept for the page to say."""
    try:
        start()
    except SpecError as problem:
        st.session_state["_problem"] = str(problem)


def read(
    found: Callable[[Path], Found | None], folder: Path | None, *, ready: bool
) -> tuple[Found | None, str]:
    """What is there, or what is wrong with its file; then it can be ordered anew."""
    if folder is None or not ready:
        return None, ""
    try:
        return found(folder), ""
    except SpecError as damaged:
        aside.stop(folder)
        return None, str(damaged)


def wait(folder: Path, key: str, *, title: str = "", pieces: str = "") -> None:
    """How far it is, with a button to stop it; the page runs again when it ends.

    ``title`` where there is nothing else to see yet. ``pieces`` names files of the folder; the page
    also runs again when there are more of them.
    """
    before = desk.pieces(folder, pieces) if pieces else 0

    def bar() -> None:
        state = aside.look(folder)
        if state.name != "growing" or (pieces and desk.pieces(folder, pieces) != before):
            st.rerun()
        with st.container(border=True, key=f"card-{key}"):
            left, right = st.columns([5, 1], vertical_alignment="center")
            left.progress(state.share, text=state.doing or "Starting")
            right.button(
                "Stop", on_click=aside.stop, args=(folder,), key=f"stop-{key}", width="stretch"
            )

    if title:
        st.title(title)
    st.fragment(bar, run_every=0.5)()
    if title:
        st.skeleton(450)
