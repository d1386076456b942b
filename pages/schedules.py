"""When to prune: too early, too late, at once or bit by bit; the same network each time."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui import controls, desk, fleet, shell, show
from prunelab import figures
from prunelab.catalogue import fits
from prunelab.spec import RunSpec, sweep
from prunelab.speech import _, mark
from prunelab.timing import MOMENTS, ROUNDS, SPAN, WAYS, moments

METHOD = "gradual-magnitude"
START = RunSpec(method=METHOD, sparsity=0.98)
STOPS = (0.0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 1.0)
HELP = {
    "at once": mark("everything goes in one cut"),
    "in rounds": mark("{rounds} cuts, each the same share of what is left"),
    "cubic": mark("20 small cuts along a curve, fast at first"),
}


def main() -> None:
    with st.sidebar:
        specs = _form()
    st.title(_("When should one prune?"))
    st.markdown(_(
        "Cut too early, and the network has not learned what matters. Cut too late, and no time is "
        "left to recover. Every run here trains the same network for the same number of epochs; "
        "only the moment and the rate of pruning differ."
    ))  # fmt: skip
    if not specs:
        st.info(_("Choose at least one way and one moment on the left."))
        return
    fleet.progress(specs)
    _body(specs)
    fleet.failures(specs)


def _form() -> list[RunSpec]:
    known = desk.known()
    able = [name for name, entry in known["methods"].items() if entry["schedule"] == "cubic"]
    data, model, data_knobs, model_knobs = controls.subject(known, START, able)
    fitting = [name for name in able if not fits(known, name, model)]
    method = st.selectbox(
        _("Method"), fitting, fitting.index(METHOD) if METHOD in fitting else 0, key="method",
        bind="query-params", help=_("Methods that prune while they train."),
    )  # fmt: skip
    share = st.select_slider(
        _("Sparsity in %"),
        controls.SPARSITIES, START.sparsity, key="sparsity", bind="query-params",
        format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    ways = st.multiselect(
        _("How it is cut"), list(WAYS), list(WAYS), key="ways", bind="query-params",
        format_func=_, help="  \n".join(
            f"**{_(way)}**: {_(words, rounds=ROUNDS)}" for way, words in HELP.items()
        ),
    )  # fmt: skip
    begins = st.multiselect(
        _("Begins after so much of training, in %"), STOPS, MOMENTS, key="moments",
        bind="query-params", format_func=lambda s: f"{100 * s:g}",
        help=_("0 is before training, 100 after it."),
    )  # fmt: skip
    span = st.slider(
        _("Goes on for so much of training"), 0.05, 0.9, SPAN, 0.05, key="span",
        bind="query-params",
        help=_("What is not cut at once. It ends with training at the latest."),
    )  # fmt: skip
    seeds = st.slider(
        _("Seeds"), 1, 10, 3, key="seeds", bind="query-params",
        help=_(
            "Runs that differ by chance alone. Fewer than three cannot tell luck from merit."
        ),
    )  # fmt: skip
    epochs = controls.preset(known, data, model)
    base = RunSpec(
        data=data, model=model, method=str(method), sparsity=share, epochs=epochs,
        data_knobs=data_knobs, model_knobs=model_knobs,
    )  # fmt: skip
    if controls.wants_file(known, base):
        st.caption(_("Upload a file first."))
        return []
    specs = sweep(base, knobs=moments(sorted(begins), ways, span), seed=range(seeds))
    if specs:
        fleet.start_button(specs, lambda _key: False, key="start-schedules")
    return specs


def _body(specs: Sequence[RunSpec]) -> None:
    rows = desk.store().rows([spec.key for spec in specs])
    done = [row.result for row in rows if row.state == "finished"]
    code = _python(specs)
    if done:
        show.picture(
            lambda: figures.when(done, theme=shell.theme()), "when", python=code + ".when()"
        )
    elif not rows:
        show.empty(
            _("What you will see"),
            _(
                "One line for each way to cut: accuracy at the end against the moment "
                "pruning begins, with a band over the seeds. Below, how sparsity rises in "
                "each run, and what that does to accuracy while it happens. The plan of "
                "your choice is drawn already."
            ),
        )
    else:
        st.skeleton(420)
    epochs = desk.epochs(row.key for row in rows)
    show.picture(
        lambda: figures.courses(specs, epochs, theme=shell.theme()),
        "courses",
        python=code + ".courses()",
    )
    st.caption(_(
        "The learning rate falls to a tenth at 50 % of training and again at 80 %: what is cut "
        "after that has to recover in small steps. Accuracy above is that of the test part, below "
        "that of the validation part."
    ))  # fmt: skip


def _python(specs: Sequence[RunSpec]) -> str:
    first = specs[0]
    knobs = list({str(spec.knobs): dict(spec.knobs) for spec in specs}.values())
    fields = {"data": first.data, "model": first.model} | first.to_json()
    rest = "".join(
        f"    {name}={value!r},\n"
        for name, value in fields.items()
        if name not in ("knobs", "seed")
    )
    listed = "".join(f"        {one!r},\n" for one in knobs)
    return (
        f"import prunelab as pl\n\nruns = pl.sweep(\n{rest}    knobs=[\n{listed}    ],\n"
        f"    seed=range({len({spec.seed for spec in specs})}),\n    baselines=False,\n)\nruns.plot"
    )


shell.show(main)
