"""Training-time: what methods that prune while they train do to the network meanwhile."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.ui import (
    controls,
    course_words,
    desk,
    film,
    press,
    replay,
    restore,
    shell,
    show,
    words,
)
from prunelab import examples, figures
from prunelab.events import Result
from prunelab.figures import accuracy, count, percent
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

USUAL = {"method": "rigl", "sparsity": 0.95}
CONTROL = "static"  # never changes its mask: what rewiring is worth is the distance to it
TABS = {
    mark("Replay"): replay.show_replay,
    mark("Topology"): film.show_topology,
    mark("Movement"): film.show_movement,
    mark("Gates"): replay.show_gates,
    mark("Python"): film.show_python,
}


def main() -> None:
    known = desk.known()
    methods = [n for n, e in known["methods"].items() if e["when"] == "training" or n == CONTROL]
    with st.sidebar:
        spec = controls.choose(known, _start(methods), methods)
        press.run_button(spec)
    key = press.shown(spec) or examples.training_key(spec.method)
    result = desk.result(key) if key else None
    if key and result is None:
        show.missing(key)
    elif result is None:
        _empty(spec)
    elif result.status in desk.ACTIVE:
        replay.watch(result.key)
    else:
        _finished(result, spec)


def _start(methods: list[str]) -> RunSpec:
    start = restore.start()
    return start if start.method in methods else replace(start, **USUAL, knobs={})


def _empty(spec: RunSpec) -> None:
    st.title(_("Choose on the left, press Run"))
    show.empty(_("What you will see"), course_words.of(spec.method))
    with st.container(horizontal=True):
        for method in examples.TRAINING:
            st.page_link(
                shell.page("training"),
                label=_("Look at a finished run of {method}", method=method),
                icon=":material/visibility:",
                query_params={"run": examples.training_key(method), "method": method},
            )  # fmt: skip


def _finished(result: Result, spec: RunSpec) -> None:
    st.title(words.headline(result))
    if result.status == "failed":
        show.failed(result)
        return
    show.origin(result, spec, came=result.key.startswith(examples.KEY))
    st.markdown(course_words.of(RunSpec.from_json(result.spec).method))
    for warning in result.warnings:
        st.caption(show.said(warning))
    _metrics(result)
    show.tabs(result, TABS)


def _metrics(result: Result) -> None:
    with st.container(key="few-metrics"):
        gone, score, moved, zeros = st.columns(4)
    gone.metric(_("Weights gone"), percent(result.sparsity.get("achieved", 0.0)))
    if "accuracy" in result.recovered:
        score.metric(_("Test accuracy"), accuracy(result.recovered["accuracy"]))
    came = sum(t.grown for t in figures.came_and_went(result)) if result.frames else 0
    moved.metric(
        _("Connections that came in"), count(came),
        help=_(
            "Added up over the stills: a weight that was absent in one and present in the next."
        ),
    )  # fmt: skip
    checked, kept = figures.badge(result)
    zeros.metric(
        _("Zeros kept"),
        _("{kept} of {all} epochs", kept=kept, all=checked) if checked else _("not yet"),
        help=_(
            "After each epoch every pruned weight of the network that is measured is compared with "
            "zero. One that is not would end the run."
        ),
    )  # fmt: skip


shell.show(main)
