"""Taking a run along: its files as a zip or a folder, written by another process."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import desk, show, words
from prunelab import exports
from prunelab.events import Result
from prunelab.export import missing_onnx
from prunelab.exports import Wish
from prunelab.speech import _, mark

FORMS = {mark("Zip file"): True, mark("Folder on this machine"): False}
FASTEST = {
    "dense": mark("dense"),
    "sparse rows": mark("sparse rows"),
    "onnxruntime": mark("onnxruntime"),
}


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
        wish = Wish(zipped, *_more(result))
        to = exports.place(desk.store(), result.key, wish)
        going = exports.look(to).name == "going"
        st.fragment(_state, run_every=0.5 if going else None)(result.key, to, wish, going)


def _form() -> bool:
    if not desk.store().local:  # a folder of the server is of no use to somebody far away
        return True
    form = st.segmented_control(
        _("As"), list(FORMS), default="Zip file", format_func=_, key="_export-form"
    )
    return FORMS[form or "Zip file"]


def _more(result: Result) -> tuple[bool, bool]:
    """Whether ONNX comes along and the fastest form is looked for: nothing of this for a tree.

    ONNX is greyed where it cannot be written, with the reason.
    """
    if not (desk.folder(result.key) / "model.safetensors").is_file():
        return False, False
    missing = missing_onnx()
    on = st.toggle(_("With ONNX, for other programs"), not missing, disabled=bool(missing))
    if missing:
        st.caption(show.plain(missing))
    fastest = st.toggle(_("Find the fastest form"), key="_export-fastest", help=_(
        "Times the network on this machine in each form that gives the same answers: dense, as "
        "sparse rows, by onnxruntime. ONNX is kept only if it wins."
    ))  # fmt: skip
    return on and not missing, fastest


def _state(key: str, to: Path, wish: Wish, going: bool) -> None:
    state = exports.look(to)
    if state.name == "going":
        more = _(", ONNX checked against the network") if wish.onnx else ""
        st.status(_("Writing the files{more}: some seconds", more=more))
        if not going:
            st.rerun()
        return
    if going:
        st.rerun()
    if state.name == "ready":
        _ready(to, wish)
        return
    if state.name == "failed":
        st.error(show.said(state.reason))
    st.button(
        _("Write the files"), type="primary", key="_export-start", on_click=_start,
        args=(key, wish), icon=":material/archive:",
    )  # fmt: skip


def _start(key: str, wish: Wish) -> None:
    exports.start(desk.store(), key, wish)


def _winner(to: Path) -> None:
    """The form that won, and what each took."""
    found = exports.fastest(to)
    if found is None:
        return
    st.markdown(
        _("Fastest here, one example at a time: **{form}**", form=_(FASTEST[found["form"]]))
    )
    lines = [f"| {_('form')} | {_('µs, with its 95 % interval')} |", "| --- | ---: |"]
    for form, times in found["times"].items():
        middle, low, high = (f"{1000 * times[key]:,.1f}" for key in ("median", "low", "high"))
        lines.append(f"| {_(FASTEST[form])} | {middle} ({low} – {high}) |")
    st.markdown("\n".join(lines))


def _ready(to: Path, wish: Wish) -> None:
    _winner(to)
    if not wish.zipped:
        st.caption(_("The files are here:"))
        st.code(str(to), language=None)
        return
    size = to.stat().st_size
    st.download_button(
        _("Download {size}", size=words.bytes_(size)), to.read_bytes, to.name, "application/zip",
        type="primary", on_click="ignore", icon=":material/download:", key="_export-download",
    )  # fmt: skip
