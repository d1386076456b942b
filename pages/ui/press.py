"""The Run button under the controls of one run, and which run a page shows."""

from __future__ import annotations

import streamlit as st

from pages.ui import controls, desk, restore, show
from prunelab.catalogue import validate
from prunelab.spec import RunSpec, SpecError


def run_button(spec: RunSpec) -> None:
    """Start the run of the controls; greyed, with the reason, where it cannot run."""
    try:
        validate(spec, desk.known())
        refused = "Upload a file first." if controls.wants_file(desk.known(), spec) else ""
        if refused:
            st.caption(refused)
    except SpecError as error:
        refused = str(error)
        st.warning(show.plain(refused))
    pressed = st.button(
        "Run", type="primary", width="stretch", disabled=bool(refused), key="start",
        icon=":material/play_arrow:",
    )  # fmt: skip
    if pressed and not refused:  # no callback: it would get the spec of before the last keystroke
        for key in desk.start([spec]):
            restore.shown(key)
        st.rerun()


def shown(spec: RunSpec) -> str:
    """The run of the controls if it was ever made, else the one the link names."""
    if desk.exists(spec.key):
        restore.shown(spec.key)
        return spec.key
    return str(st.query_params.get("run", ""))
