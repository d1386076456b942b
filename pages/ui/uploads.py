"""Files of one's own: read by a process apart, kept under their hash, which the link holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui.show import plain, said
from prunelab.own import apart
from prunelab.spec import SpecError
from prunelab.speech import _

DATA = ("csv", "parquet", "npz")


def data(name: str, start: str, target: str) -> str:
    """The stored name of one's own data; "" while there are none."""
    return _kept(_("Your file"), DATA, "file", f"upload-{name}", start, target=target, help=(
        _("A table with a column of classes, or arrays x and y in an .npz file.")
    ))  # fmt: skip


def weights(model: str, entry: Mapping[str, Any], start: str) -> str:
    """The stored name of one's own weights, which take the place of the dense training."""
    network = "network" in entry["traits"]
    kind, label = "skops", _("Your tree or forest")
    if network:
        kind, label = "safetensors", _("Your network")
    if st.session_state.setdefault("_weights_of", model) != model:
        st.session_state["_weights_of"] = model
        st.query_params.pop("weights", None)  # they are of another model
    with st.expander(_("Start from your own weights"), expanded=bool(start)):
        return _kept(label, (kind,), "weights", f"upload-{model}", start, help=(
            _(
                "A .{kind} file of {model}, as the export of a run holds it. It is pruned as it "
                "is: the dense model is not trained.",
                kind=kind, model=model,
            )
        ))  # fmt: skip


def _kept(
    label: str,
    kinds: Sequence[str],
    name: str,
    key: str,
    start: str,
    *,
    help: str,
    target: str = "",
) -> str:
    """An uploader, and below it what the file holds or what is wrong with it.

    The link holds the stored name, of which only a hash and a known ending are accepted: it cannot
    name other files.
    """
    given = st.file_uploader(label, type=list(kinds), key=key, help=help)
    if given is None:
        linked = st.query_params.get(name, "")
        allowed = re.compile(rf"[0-9a-f]{{64}}\.({'|'.join(kinds)})")
        stored = linked if allowed.fullmatch(linked) else start
        if stored:
            st.caption(_("Using the file of this link."))
        return stored
    try:
        found = _received(given, key, target)
    except SpecError as refused:
        st.error(said(refused))
        st.query_params.pop(name, None)
        return ""
    st.query_params[name] = found.stored
    st.caption(plain(_words(found.summary)))
    return found.stored


def _received(given: Any, key: str, target: str) -> apart.Received:
    """An upload is read once, not at every change of a slider; a refusal is remembered too."""
    mark = (given.file_id, target)
    known = st.session_state.get(f"_{key}")
    if known is None or known[0] != mark:
        with st.spinner(_("Reading the file")):
            known = (mark, _read(given, target))
        st.session_state[f"_{key}"] = known
    if isinstance(known[1], SpecError):
        raise known[1]
    received: apart.Received = known[1]
    return received


def _read(given: Any, target: str) -> apart.Received | SpecError:
    try:
        return apart.receive(given.name, given.getvalue(), target)
    except SpecError as refused:
        return refused


def _words(found: apart.Summary) -> str:
    facts = found.facts
    match found.kind:
        case "table" | "arrays":
            sides = " × ".join(map(str, facts["shape"]))
            return _(
                "{rows:,} rows of {sides}, {n} classes",
                rows=facts["rows"], sides=sides, n=len(facts["classes"]),
            )  # fmt: skip
        case "weights":
            tensors, numbers = facts["tensors"], facts["parameters"]
            return _("{tensors:,} tensors, {numbers:,} numbers", tensors=tensors, numbers=numbers)
    return _(
        "{trees:,} trees of {nodes:,} nodes, {n} classes",
        trees=facts["trees"], nodes=facts["nodes"], n=len(facts["classes"]),
    )  # fmt: skip
