"""The Run button under the controls of one run, and which run a page shows."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui import controls, desk, live, restore, show
from prunelab.catalogue import validate
from prunelab.events import Result
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _


def run_button(spec: RunSpec) -> None:
    """Start the run of the controls; greyed, with the reason, where it cannot run."""
    try:
        validate(spec, desk.known())
        refused = _("Upload a file first.") if controls.wants_file(desk.known(), spec) else ""
        if refused:
            st.caption(refused)
    except SpecError as error:
        refused = str(error)
        st.warning(show.said(refused))
    if show.pressed(_("Run"), key="start", icon=":material/play_arrow:", off=bool(refused)):
        for key in desk.start([spec]):
            restore.shown(key)
        st.rerun()


def outcome(
    key: str, spec: RunSpec, empty: Callable[[], None], finished: Callable[[Result, RunSpec], None]
) -> None:
    """The run of a page: missing, not yet chosen, going on, or over."""
    result = desk.result(key) if key else None
    if key and result is None:
        show.missing(key)
    elif result is None:
        empty()
    elif result.status in desk.ACTIVE:
        live.watch(result.key)
    else:
        finished(result, spec)


def shown(spec: RunSpec) -> str:
    """The run of the controls if it was ever made, else the one the link names."""
    if desk.exists(spec.key):
        restore.shown(spec.key)
        return spec.key
    return str(st.query_params.get("run", ""))
