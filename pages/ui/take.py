"""Taking a run along: its files as a zip or a folder, written by another process."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import desk, show, words
from prunelab import exports
from prunelab.events import Result
from prunelab.export import missing_onnx
from prunelab.speech import _, mark

FORMS = {mark("Zip file"): True, mark("Folder on this machine"): False}


def offer(result: Result) -> None:
    """The control that exports a finished run; the run that came with PruneLab has none."""
    if result.status != "finished" or not desk.exists(result.key):
        return
    with st.popover(_("Export"), icon=":material/archive:", key="export"):
        st.markdown(_(
            "The model with its masks, how it was made, and a list of all files with their "
            "checksums. It loads again with `pl.load` and never runs code."
        ))  # fmt: skip
        zipped = _form()
        onnx = _onnx(result)
        to = exports.place(desk.store(), result.key, zipped=zipped, onnx=onnx)
        going = exports.look(to).name == "going"
        st.fragment(_state, run_every=0.5 if going else None)(result.key, to, zipped, onnx, going)


def _form() -> bool:
    if not desk.store().local:  # a folder of the server is of no use to somebody far away
        return True
    form = st.segmented_control(
        _("As"), list(FORMS), default="Zip file", format_func=_, key="_export-form"
    )
    return FORMS[form or "Zip file"]


def _onnx(result: Result) -> bool:
    """Whether ONNX comes along; greyed where it cannot be written, with the reason."""
    if not (desk.folder(result.key) / "model.safetensors").is_file():
        return False  # a tree
    missing = missing_onnx()
    on = st.toggle(_("With ONNX, for other programs"), not missing, disabled=bool(missing))
    if missing:
        st.caption(show.plain(missing))
    return on and not missing


def _state(key: str, to: Path, zipped: bool, onnx: bool, going: bool) -> None:
    state = exports.look(to)
    if state.name == "going":
        more = _(", ONNX checked against the network") if onnx else ""
        st.status(_("Writing the files{more}: some seconds", more=more))
        if not going:
            st.rerun()
        return
    if going:
        st.rerun()
    if state.name == "ready":
        _ready(to, zipped)
        return
    if state.name == "failed":
        st.error(show.said(state.reason))
    st.button(
        _("Write the files"), type="primary", key="_export-start", on_click=_start,
        args=(key, zipped, onnx), icon=":material/archive:",
    )  # fmt: skip


def _start(key: str, zipped: bool, onnx: bool) -> None:
    exports.start(desk.store(), key, zipped=zipped, onnx=onnx)


def _ready(to: Path, zipped: bool) -> None:
    if not zipped:
        st.caption(_("The files are here:"))
        st.code(str(to), language=None)
        return
    size = to.stat().st_size
    st.download_button(
        _("Download {size}", size=words.bytes_(size)), to.read_bytes, to.name, "application/zip",
        type="primary", on_click="ignore", icon=":material/download:", key="_export-download",
    )  # fmt: skip
