"""Balance: the largest sparsity whose loss one tolerates, searched for with runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

from pages.ui import controls, desk, fleet, shell, shipped, show
from prunelab import examples, figures
from prunelab.catalogue import fits
from prunelab.fair.balance import CONFIDENCE
from prunelab.searching import Step, step
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

POINTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
ENDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
SURE = (0.8, 0.9, 0.95, 0.99)


class Asked(NamedTuple):
    """What is looked for."""

    base: RunSpec
    seeds: int
    search: dict[str, Any]


def main() -> None:
    with st.sidebar:
        asked = _form(desk.known())
        if asked:
            done = shipped.finished(_keys(asked), examples.searched())
            told = _step(asked, done)
            _button(asked, told)
    st.title(_("How much can go?"))
    if not asked:
        st.info(_("Choose a model and data on the left."))
        return
    going = st.session_state.get("_searching") == _name(asked) and bool(told.wanted)
    if going and not _failed(told):
        desk.start(told.wanted)
    if told.wanted:
        fleet.progress(told.wanted)
        fleet.failures(told.wanted)
    _body(asked, told, done, going=going)


def _form(known: Mapping[str, Any]) -> Asked | None:
    start = examples.SEARCHED
    data, model, data_knobs, model_knobs = controls.subject(known, start)
    fitting = [name for name in known["methods"] if not fits(known, name, model)]
    method = st.selectbox(
        _("Method"), fitting, fitting.index(start.method) if start.method in fitting else 0,
        key="method", bind="query-params",
    )  # fmt: skip
    lost = st.select_slider(
        _("Tolerated loss, in points of accuracy"), POINTS, 100 * examples.TOLERATED,
        key="tolerated", bind="query-params", format_func=lambda p: f"{p:g}",
        help=_("What you would give for a smaller model. It is judged on validation data."),
    )  # fmt: skip
    low, high = st.select_slider(
        _("Look between, in %"), ENDS, (0.5, 0.99), key="between",
        format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    seeds = st.slider(
        _("Seeds"), 2, 10, examples.SEARCH_SEEDS, key="seeds", bind="query-params",
        help=_("Each sparsity is run so often. The more, the surer at the same sparsity."),
    )  # fmt: skip
    sure = st.select_slider(
        _("Confidence in %"), SURE, CONFIDENCE, key="confidence",
        bind="query-params", format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    epochs = controls.preset(known, data, model)
    base = RunSpec(
        data=data, model=model, method=str(method), epochs=epochs, data_knobs=data_knobs,
        model_knobs=model_knobs,
    )  # fmt: skip
    if low == high or controls.wants_file(known, base):
        st.caption(_("The range needs two ends.") if low == high else _("Upload a file first."))
        return None
    search = {"tolerated": lost / 100, "low": low, "high": high, "confidence": sure}
    return Asked(base, int(seeds), search)


def _keys(asked: Asked) -> list[str]:
    """All runs of the same kind: those a search may have made, at whatever sparsity."""
    mine = desk.store().runs(
        limit=2000, data=asked.base.data, model=asked.base.model, method=asked.base.method,
        state="finished",
    )  # fmt: skip
    return [row.key for row in mine] + list(examples.searched())


def _step(asked: Asked, done: Mapping[str, Any]) -> Step:
    return step(asked.base, range(asked.seeds), done, **asked.search)


def _name(asked: Asked) -> str:
    return f"{asked.base.key} {asked.seeds} {sorted(asked.search.items())}"


def _failed(told: Step) -> bool:
    return "failed" in fleet.states(told.wanted).values()


def _button(asked: Asked, told: Step) -> None:
    going = st.session_state.get("_searching") == _name(asked) and bool(told.wanted)
    words = _("Searching") if going else _("Search") if told.wanted else _("The balance is found")
    off = going or not told.wanted
    if show.pressed(words, key="search", icon=":material/balance:", off=off):
        _begin(_name(asked))
        st.rerun()
    if told.wanted:
        time = fleet.forecast(told.wanted)
        st.caption(_("Next: {n} runs, {time}.", n=len(told.wanted), time=time))
    if going:
        st.button(_("Stop"), width="stretch", key="stop-search", on_click=_begin, args=("",))


def _begin(name: str) -> None:
    st.session_state["_searching"] = name


def _body(asked: Asked, told: Step, done: Mapping[str, Any], *, going: bool) -> None:
    found = told.found
    tolerated = f"{100 * found.tolerated:g} point{'s' if found.tolerated != 0.01 else ''}"
    if not told.wanted:
        st.markdown(f"**{show.plain(str(found))}**")
        if _shipped(asked, done):
            st.info(_("This search came with PruneLab. Change anything on the left for your own."))
    else:
        st.markdown(
            _(
                "Looking for the largest sparsity of **{method}** that loses at most "
                "**{tolerated}**, with {confidence:g} % confidence. Each step runs "
                "{seeds} seeds, then halves what is still in question.",
                method=show.plain(asked.base.method),
                tolerated=tolerated,
                confidence=100 * found.confidence,
                seeds=asked.seeds,
            )
            + ("" if going else " " + _("Press Search."))
        )
    if found.tries:
        show.picture(
            lambda: figures.balance(found, theme=shell.theme()), "balance", python=_python(asked)
        )
    elif going:
        st.skeleton(420)
    with st.expander(_("How the search decides")):
        st.markdown(_(HOW))


def _shipped(asked: Asked, done: Mapping[str, Any]) -> bool:
    return asked.base == examples.SEARCHED and not desk.store().count(
        data=asked.base.data, model=asked.base.model, method=asked.base.method, state="finished"
    )


HOW = mark("""
A sparsity **holds** if, over the seeds, the upper end of a one-sided t-interval of the loss is at
most what you tolerate. So a method that loses little in the mean but much now and then does not
hold, and more seeds can make a sparsity hold that did not. The two ends of the range are tried
first; then the middle, halving what is left of the model each time, because networks break on that
scale. A sparsity counts only if all smaller ones that were tried hold too.

Left of the line is **under-pruned**: more could go for nothing. Right of it is **over-pruned**:
accuracy pays. Validation data decide; the test accuracy of each run is in the table of runs.
The confidence is that of each sparsity that was tried, not of the whole search.
""")


def _python(asked: Asked) -> str:
    fields = {"data": asked.base.data, "model": asked.base.model, "method": asked.base.method}
    fields |= {k: v for k, v in asked.base.to_json().items() if k != "sparsity"} | asked.search
    rest = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    return (
        f"import prunelab as pl\n\nfound, runs = pl.balance(\n{rest}    "
        f"seed=range({asked.seeds}),\n)\nruns.plot.balance(found)"
    )


shell.show(main)
