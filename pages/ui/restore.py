"""A link that names only a run brings its controls back: they start from the run's own spec."""

from __future__ import annotations

import streamlit as st

from pages.ui import desk
from prunelab.spec import RunSpec

_START, _RUN = "_start", "_run"


def start() -> RunSpec:
    """What the controls show until somebody moves them."""
    key = st.query_params.get("run", "")
    if _START not in st.session_state or (key and key != st.session_state[_RUN]):
        result = desk.result(key) if key else None
        st.session_state[_START] = RunSpec.from_json(result.spec) if result else RunSpec()
        _forget()
        st.session_state[_RUN] = key
    start: RunSpec = st.session_state[_START]
    return start


def shown(key: str) -> None:
    """Put a run in the address; the controls that led to it stay as they are."""
    st.session_state[_RUN] = key
    if st.query_params.get("run") != key:
        st.query_params["run"] = key


def _forget() -> None:
    """Controls of another run would win over the start of this one, unless the link holds them."""
    for key in [k for k in st.session_state if not str(k).startswith("_")]:
        if key not in st.query_params:
            del st.session_state[key]
