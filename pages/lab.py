"""Lab: what happens to this model with this method at this sparsity."""

from __future__ import annotations

import streamlit as st

from pages.ui import closer, controls, desk, press, restore, shell, show, take, views, words
from prunelab import examples
from prunelab.events import Result
from prunelab.figures import accuracy, count, percent
from prunelab.spec import RunSpec
from prunelab.speech import _


def main() -> None:
    with st.sidebar:
        spec = controls.choose(desk.known(), restore.start())
        press.run_button(spec)
    key = press.shown(spec)
    press.outcome(key, spec, _empty, _finished)


def _empty() -> None:
    st.title(_("Choose on the left, press Run"))
    show.empty(
        _("What you will see"),
        _(
            "The model trains, then the method cuts it to the sparsity you chose, then "
            "what is left trains on. You watch its weights, its layers and its accuracy "
            "meanwhile, and compare before with after when it is done."
        ),
    )
    st.page_link(
        shell.page("lab"), label=_("Look at a finished run first"), icon=":material/visibility:",
        query_params={"run": examples.KEY},
    )  # fmt: skip


def _finished(result: Result, spec: RunSpec) -> None:
    st.title(words.headline(result))
    if result.key != spec.key and result.spec != spec.to_json():
        st.info(_("The controls have changed since this run. Press Run to see theirs."))
    if result.status == "failed":
        show.failed(result)
        return
    if result.status == "cancelled":
        st.info(_("Someone stopped this run; what it had found by then is below. Run goes on."))
    elif verdict := words.verdict(result):
        st.markdown(verdict)
    for warning in result.warnings:
        st.warning(show.said(warning))
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
    asked.metric(
        _("Asked"), percent(share["asked"] or 0.0), help=_("Share of all units to remove.")
    )
    got.metric(_("Got"), percent(share["achieved"]), help=_("Counted on the mask, to the unit."))
    kept = round((1 - share["achieved"]) * share["of"])
    left.metric(
        _("Of {of} {units}", of=count(share["of"]), units=_(result.unit)),
        _("{n} left", n=count(kept)),
    )
    if "perplexity" in result.recovered and "perplexity" in result.dense:
        now, before = (stage["perplexity"] for stage in (result.recovered, result.dense))
        score.metric(
            _("Test perplexity"), f"{now:.2f}", f"{now - before:+.2f}", delta_color="inverse",
            help=_("Among how many tokens the model wavers; lower is better."),
        )  # fmt: skip
    elif "accuracy" in result.recovered and "accuracy" in result.dense:
        change = 100 * (result.recovered["accuracy"] - result.dense["accuracy"])
        flat = abs(change) < 0.05
        score.metric(
            _("Test accuracy"),
            accuracy(result.recovered["accuracy"]),
            _("no change") if flat else _("{change:+.1f} points", change=change),
            delta_color="off" if flat else "normal",
            delta_arrow="off" if flat else "auto",
        )


shell.show(main)
