"""Lab: what happens to this model with this method at this sparsity."""

from __future__ import annotations

import streamlit as st

from pages.ui import controls, desk, live, restore, shell, show, views, words
from prunelab import examples
from prunelab.catalogue import validate
from prunelab.events import Result
from prunelab.figures import accuracy, count, percent
from prunelab.spec import RunSpec, SpecError


def main() -> None:
    with st.sidebar:
        spec = controls.choose(desk.known(), restore.start())
        _run_button(spec)
    key = _shown(spec)
    result = desk.result(key) if key else None
    if key and result is None:
        st.title("This run is not here")
        words = f"There is no run {key[:100]} in this store; it may have been deleted. Press Run."
        st.warning(show.plain(words))
    elif result is None:
        _empty()
    elif result.status in desk.ACTIVE:
        live.watch(result.key)
    else:
        _finished(result, spec)


def _run_button(spec: RunSpec) -> None:
    try:
        validate(spec, desk.known())
        refused = "Upload a file first." if controls.wants_file(desk.known(), spec) else ""
        if refused:
            st.caption(refused)
    except SpecError as error:
        refused = str(error)
        st.warning(show.plain(refused))
    st.button(
        "Run", type="primary", width="stretch", disabled=bool(refused), on_click=_start,
        args=(spec,), key="start", icon=":material/play_arrow:",
    )  # fmt: skip


def _start(spec: RunSpec) -> None:
    for key in desk.start([spec]):
        restore.shown(key)


def _shown(spec: RunSpec) -> str:
    """The run of the controls if it was ever made, else the one the link names."""
    if desk.exists(spec.key):
        restore.shown(spec.key)
        return spec.key
    return str(st.query_params.get("run", ""))


def _empty() -> None:
    st.title("Choose on the left, press Run")
    show.empty(
        "What you will see",
        "The model trains, then the method cuts it to the sparsity you chose, then what is left "
        "trains on. You watch its weights, its layers and its accuracy meanwhile, and compare "
        "before with after when it is done.",
    )
    st.page_link(
        shell.page("lab"), label="Look at a finished run first", icon=":material/visibility:",
        query_params={"run": examples.KEY},
    )  # fmt: skip


def _finished(result: Result, spec: RunSpec) -> None:
    st.title(words.headline(result))
    if result.key != spec.key and result.spec != spec.to_json():
        st.info("The controls have changed since this run. Press Run to see theirs.")
    if result.status == "failed":
        _failed(result)
        return
    if result.status == "cancelled":
        st.info("Someone stopped this run; what it had found by then is below. Run goes on.")
    elif verdict := words.verdict(result):
        st.markdown(verdict)
    for warning in result.warnings:
        st.warning(show.plain(warning))
    _metrics(result)
    views.tabs(result)


def _metrics(result: Result) -> None:
    share = result.sparsity
    if not share.get("of"):
        return
    asked, got, left, score = st.columns(4)
    asked.metric("Asked", percent(share["asked"] or 0.0), help="Share of all units to remove.")
    got.metric("Got", percent(share["achieved"]), help="Counted on the mask, to the unit.")
    kept = round((1 - share["achieved"]) * share["of"])
    left.metric(f"Of {count(share['of'])} {result.unit}", f"{count(kept)} left")
    if "accuracy" in result.recovered and "accuracy" in result.dense:
        change = 100 * (result.recovered["accuracy"] - result.dense["accuracy"])
        flat = abs(change) < 0.05
        score.metric(
            "Test accuracy",
            accuracy(result.recovered["accuracy"]),
            "no change" if flat else f"{change:+.1f} points",
            delta_color="off" if flat else "normal",
            delta_arrow="off" if flat else "auto",
        )


def _failed(result: Result) -> None:
    st.error(show.plain(result.reason))
    if result.advice:
        st.markdown(f"**What to do.** {show.plain(result.advice)}")
    if result.traceback:
        with st.expander("Details for the author of the method"):
            st.code(result.traceback, language="python")


shell.show(main)
