"""Runs: everything that was ever run here; compare, download, delete."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import desk, queue, shell, show, track
from prunelab import figures
from prunelab.speech import _, many
from prunelab.store import Row

PAGE = 100
STATES = ("queued", "running", "finished", "failed", "cancelled")


def main() -> None:
    title, choice = st.columns([3, 1], vertical_alignment="bottom")
    title.title(_("Runs"))
    with choice:
        queue.choose_space()
    queue.card()
    if told := st.session_state.pop("_told", ""):
        st.success(told)
    filters = _filters()
    total = desk.store().count(**filters)
    if not total:
        _nothing(bool(filters))
        return
    pages = -(-total // PAGE)
    number = st.number_input(_("Page"), 1, pages, 1, key="page") if pages > 1 else 1
    rows = desk.store().runs(limit=PAGE, offset=PAGE * (number - 1), **filters)
    chosen = _table(rows)
    st.caption(many(
        "{n} run. Choose rows to open, compare, download or delete them.",
        "{n} runs. Choose rows to open, compare, download or delete them.", total,
    ))  # fmt: skip
    if chosen:
        _actions(chosen)


def _filters() -> dict[str, Any]:
    known = desk.known()
    places = st.columns(4)
    options = {
        "state": STATES,
        "data": list(known["datasets"]),
        "model": list(known["models"]),
        "method": list(known["methods"]),
    }
    found = {}
    labels = (_("State"), _("Data"), _("Model"), _("Method"))
    for place, label, (name, choices) in zip(places, labels, options.items(), strict=True):
        picked = place.multiselect(
            label,
            choices,
            key=f"only-{name}",
            bind="query-params",
            placeholder=_("all"),
        )
        if picked:
            found[name] = picked
    return found


def _nothing(filtered: bool) -> None:
    if filtered:
        st.info(_("No run matches. Widen the filters above."))
        return
    show.empty(
        _("No runs yet"), _("Every run you make is kept here, with its numbers and its link.")
    )
    st.page_link(shell.page("lab"), label=_("Make the first one"), icon=":material/science:")


def _table(rows: Sequence[Row]) -> list[Row]:
    sent = show.table(
        pd.DataFrame([_line(row) for row in rows]),
        "runs",
        on_select="rerun",
        selection_mode="multi-row",
        height=min(560, 38 + 35 * len(rows)),
        formats={
            "sparsity": st.column_config.NumberColumn(format="percent"),
            "dense": st.column_config.NumberColumn(format="percent"),
            "accuracy": st.column_config.NumberColumn(format="percent"),
            "seconds": st.column_config.NumberColumn(format="%.1f"),
            "made": st.column_config.DatetimeColumn(format="distance"),
        },
    )
    return [rows[i] for i in sent["selection"]["rows"] if i < len(rows)]


def _line(row: Row) -> dict[str, Any]:
    result = row.result
    return {
        "state": row.state,
        "data": row.spec.data,
        "model": row.spec.model,
        "method": row.spec.method,
        "sparsity": result.sparsity.get("achieved") or row.spec.sparsity,
        "seed": row.spec.seed,
        "dense": result.dense.get("accuracy"),
        "accuracy": result.recovered.get("accuracy"),
        "seconds": result.seconds or None,
        "made": pd.Timestamp(row.created, unit="s", tz="UTC"),
        "run": row.key,
    }


def _actions(chosen: Sequence[Row]) -> None:
    with st.container(horizontal=True):
        if len(chosen) == 1:
            st.page_link(
                shell.page("lab"), label=_("Open in the Lab"), icon=":material/open_in_new:",
                query_params={"run": chosen[0].key},
            )  # fmt: skip
        bodies = [row.result.to_json() for row in chosen]
        st.download_button(
            "JSON", json.dumps(bodies[0] if len(bodies) == 1 else bodies, indent=1), "runs.json",
            "application/json", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        show.downloads(pd.DataFrame([_line(row) for row in chosen]), "chosen")
        done = [row.key for row in chosen if row.state == "finished"]
        if done:
            with st.popover(_("Other tools"), icon=":material/monitoring:", key="track"):
                track.offer(done)
        queue.order([row for row in chosen if row.state == "queued"])
        mine = [row for row in chosen if desk.store().may_change(row)]
        why = "" if mine else _("Only the owner of a run may delete it.")
        icon = ":material/delete:"
        if st.button(_("Delete"), icon=icon, key="delete", disabled=not mine, help=why):
            st.dialog(_("Delete runs"))(_confirm)(mine)
    done = [row.result for row in chosen if row.state == "finished"]
    if len(done) > 1:
        st.header(_("Side by side"))
        keys = [result.key for result in done]
        show.picture(
            lambda: figures.tradeoff(done, theme=shell.theme()),
            "compare",
            python=f"import prunelab as pl\n\nruns = [pl.load(key) for key in {keys!r}]",
        )


def _confirm(rows: Sequence[Row]) -> None:
    st.markdown(many(
        "Delete this run with all files? This cannot be undone.",
        "Delete {n} runs with all files? This cannot be undone.", len(rows),
    ))  # fmt: skip
    active = sum(row.state in desk.ACTIVE for row in rows)
    if active:
        st.markdown(_("{n} not done yet: stopped first.", n=active))
    st.caption(_("Other runs lose nothing, also where they started from the same dense model."))
    if st.button(_("Delete for good"), type="primary", key="delete-for-good"):
        gone, left = desk.delete([row.key for row in rows])
        said = _("{n} deleted.", n=gone)
        if left:
            said += " " + _(
                "{n} still stopping: they keep what they found; delete them once more.", n=left
            )
        st.session_state["_told"] = said
        st.rerun()


shell.show(main)
