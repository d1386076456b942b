"""Data: which examples a model needs, seen one by one."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.ui import controls, desk, press, restore, shell, show, words
from pages.ui.chosen import TABS, show_gallery
from prunelab import examples
from prunelab.events import Result
from prunelab.figures import accuracy, count
from prunelab.spec import RunSpec
from prunelab.speech import _

USUAL = {"method": "aum", "model": "mlp", "sparsity": 0.7}
UNIT = "examples"


def main() -> None:
    known = desk.known()
    methods = [name for name, e in known["methods"].items() if e["units"] == [UNIT]]
    with st.sidebar:
        spec = controls.choose(known, _start(methods), methods)
        press.run_button(spec)
    key = press.shown(spec)
    press.outcome(key, spec, _empty, _finished)


def _start(methods: list[str]) -> RunSpec:
    start = restore.start()
    return start if start.method in methods else replace(start, **USUAL, knobs={})


def _empty() -> None:
    st.title(_("Which examples does a model need?"))
    show.empty(
        _("What you will see"),
        _(
            "A model is trained on all examples. A method gives each of them a score, the "
            "highest stay, and the same model is trained again on those alone. You see who "
            "stays and who goes, what that costs, and whether examples drawn at random "
            "would have done as well."
        ),
    )
    st.page_link(
        shell.page("data"), label=_("Look at a finished run first"), icon=":material/visibility:",
        query_params={"run": examples.DATA},
    )  # fmt: skip
    st.markdown(_("For example AUM on digits, which came with PruneLab:"))
    show_gallery(examples.data())


def _finished(result: Result, spec: RunSpec) -> None:
    st.title(words.headline(result))
    show.origin(result, spec, came=result.key == examples.DATA)
    if result.status == "failed":
        show.failed(result)
        return
    if result.unit != UNIT:
        st.info(_("This run removed no examples. Choose a method on the left, press Run."))
        return
    for warning in result.warnings:
        st.caption(show.said(warning))
    _metrics(result)
    show.tabs(result, TABS)


def _metrics(result: Result) -> None:
    with st.container(key="few-metrics"):
        left, whole, fewer, again = st.columns(4)
    of = result.sparsity.get("of") or 0
    left.metric(_("Examples kept"), count(sum(row["kept"] for row in result.layers)),
                _("of {n}", n=count(of)), delta_color="off", delta_arrow="off")  # fmt: skip
    if "accuracy" not in result.recovered:
        return
    whole.metric(_("Trained on all"), accuracy(result.dense["accuracy"]),
                 help=_("Test accuracy of the model that learned from every example."))  # fmt: skip
    if not result.plan:
        fewer.metric(_("Trained on those kept"), accuracy(result.recovered["accuracy"]))
        return
    fewer.metric(
        _("For as many epochs"), accuracy(result.pruned["accuracy"]),
        help=_(
            "The same first values, trained on those that stay: a shorter training, as every epoch "
            "is shorter."
        ),
    )  # fmt: skip
    if result.settings.get("recover") == "equal-steps":
        again.metric(
            _("For as many steps"), accuracy(result.recovered["accuracy"]),
            help=_(
                "Those that stay, repeated until the training is as long as on all: what the "
                "examples are worth, whatever the time."
            ),
        )  # fmt: skip


shell.show(main)
