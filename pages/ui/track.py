"""Runs for MLflow or TensorBoard: written by another process, offered as a zip file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import desk, elsewhere, show, words
from prunelab import aside, trackers, tracking
from prunelab.speech import _, anew, many

NAMES = {"mlflow": "MLflow", "tensorboard": "TensorBoard"}


def offer(keys: Sequence[str]) -> None:
    """Choose a tool, write finished runs for it, download them."""
    to = st.segmented_control(
        _("For another tool"), list(NAMES), default="mlflow", format_func=NAMES.__getitem__,
        key="_track-to", required=True,
    ) or "mlflow"  # fmt: skip
    if why := trackers.missing(to):
        st.caption(show.said(why) + " " + _("Then start PruneLab again."))
        return
    ordered = tracking.order(desk.store(), keys, to)
    folder = tracking.place(ordered, desk.whole().home)
    going = aside.look(folder).name == "growing"
    st.fragment(_state, run_every=0.5 if going else None)(ordered, folder, going)


def _state(ordered: dict[str, Any], folder: Path, going: bool) -> None:
    state, name = aside.look(folder), NAMES[ordered["to"]]
    if state.name == "growing":
        st.progress(state.share, text=anew(state.doing))
    if going != (state.name == "growing"):
        st.rerun()
    if state.name == "failed":
        st.error(show.said(state.reason))
    made = tracking.file(folder, ordered["to"])
    if state.name == "ready" and made.exists():
        size = words.bytes_(made.stat().st_size)
        st.download_button(
            _("Download for {name}, {size}", name=name, size=size),
            made.read_bytes, made.name, "application/zip",
            type="primary", on_click="ignore", icon=":material/download:", key="_track-download",
        )  # fmt: skip
        st.caption(
            _("Unpack it; there `{command}` opens it.", command=tracking.OPEN[ordered["to"]])
        )
    elif state.name != "growing":
        runs = len(ordered["runs"])
        st.button(
            many("Write {n} run for {name}", "Write {n} runs for {name}", runs, name=name),
            key="_track-start", icon=":material/monitoring:", on_click=_start, args=(ordered,),
        )  # fmt: skip


def _start(ordered: dict[str, Any]) -> None:
    home = desk.whole().home
    if aside.look(tracking.place(ordered, home)).name == "ready":
        aside.stop(tracking.place(ordered, home))  # its file is gone: write it again
    elsewhere.begin(lambda: tracking.start(ordered, home))
