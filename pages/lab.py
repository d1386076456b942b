"""Lab: what happens to this model with this method at this sparsity."""

from __future__ import annotations

import streamlit as st

from pages.ui import closer, controls, desk, press, restore, shell, show, take, views, words
from prunelab import examples
from prunelab.events import Result
from prunelab.figures import accuracy, count, percent
from prunelab.spec import RunSpec


def main() -> None:
    with st.sidebar:
        spec = controls.choose(desk.known(), restore.start())
        press.run_button(spec)
    key = press.shown(spec)
    press.outcome(key, spec, _empty, _finished)


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
        show.failed(result)
        return
    if result.status == "cancelled":
        st.info("Someone stopped this run; what it had found by then is below. Run goes on.")
    elif verdict := words.verdict(result):
        st.markdown(verdict)
    for warning in result.warnings:
        st.warning(show.plain(warning))
    _metrics(result)
    with st.container(horizontal=True):
        closer.offer(result)
        take.offer(result)
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
    if "perplexity" in result.recovered and "perplexity" in result.dense:
        now, before = (stage["perplexity"] for stage in (result.recovered, result.dense))
        score.metric(
            "Test perplexity", f"{now:.2f}", f"{now - before:+.2f}", delta_color="inverse",
            help="Among how many tokens the model wavers; lower is better.",
        )  # fmt: skip
    elif "accuracy" in result.recovered and "accuracy" in result.dense:
        change = 100 * (result.recovered["accuracy"] - result.dense["accuracy"])
        flat = abs(change) < 0.05
        score.metric(
            "Test accuracy",
            accuracy(result.recovered["accuracy"]),
            "no change" if flat else f"{change:+.1f} points",
            delta_color="off" if flat else "normal",
            delta_arrow="off" if flat else "auto",
        )


shell.show(main)
