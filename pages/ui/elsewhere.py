"""Work that another process does, on a page: the button that orders it, its bar, what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from pages.ui import desk, show
from prunelab import aside
from prunelab.aside import State
from prunelab.spec import SpecError
from prunelab.speech import _, anew

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
        st.caption(show.said(refused))
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


def found(
    reader: Callable[[Path], Found | None],
    folder: Path | None,
    state: State,
    *,
    key: str,
    words: Mapping[str, str],
    otherwise: Callable[[], object],
) -> Found | None:
    """What was ordered, once it is there; before that the page says how it stands, and why.

    ``words``: the titles while it is "growing" and where it "failed", and the "button" to press
    again. ``otherwise`` draws the page where nothing was ordered.
    """
    told, damage = read(reader, folder, ready=state.name == "ready")
    if damage or state.name == "failed":
        st.title(words["failed"])
        st.error(show.said(damage or state.reason))
        st.markdown(_(
            "**What to do.** Change what is on the left, or press {button}.",
            button=words["button"],
        ))  # fmt: skip
    elif told is None and folder and state.name == "growing":
        wait(folder, key, title=words["growing"])
    elif told is None:
        otherwise()
    return told


def once(found: Callable[[Path], Found | None], path: Path) -> Found | None:
    """What ``found`` makes of the folder of a file, read once while the file is the same.

    Raises:
        SpecError: the file is damaged.
    """
    made: Found | None = None
    if path.exists():
        name = f"{found.__module__}.{found.__qualname__}"
        made = _once(found, name, path.parent, path.stat().st_mtime_ns)
    return made


@st.cache_resource(max_entries=24, show_spinner=False)
def _once(_found: Callable[[Path], Any], name: str, folder: Path, changed: int) -> Any:
    return _found(folder)  # Streamlit tells calls apart by the arguments without an underscore


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
            left.progress(state.share, text=anew(state.doing) or _("Starting"))
            right.button(
                _("Stop"), on_click=aside.stop, args=(folder,), key=f"stop-{key}", width="stretch"
            )

    if title:
        st.title(title)
    st.fragment(bar, run_every=0.5)()
    if title:
        st.skeleton(450)
