"""Sweep: which method is better on this model, and is the difference real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import controls, desk, fleet, shell, show, uploads
from prunelab import examples, figures, prediction, presets
from prunelab.catalogue import fits, with_baselines
from prunelab.events import Result
from prunelab.presets import PRESETS
from prunelab.spec import RunSpec, sweep
from prunelab.speech import _
from prunelab.store import Row

STOPS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
START = RunSpec()
USUAL = (0.5, 0.8, 0.9, 0.95)


def main() -> None:
    with st.sidebar:
        specs = _form(desk.known())
    keys = [spec.key for spec in specs]
    rows = desk.store().rows(keys)
    names = {spec.model for spec in specs}
    st.title(_("Which method prunes {what} best?", what=_(" and ").join(names) or _("a model")))
    fleet.progress(specs)
    _sketch(rows)
    if any(row.state == "finished" for row in rows):
        _curves([row.result for row in rows if row.state == "finished"], specs)
    elif not rows:
        show.empty(
            _("What you will see"),
            _(
                "One line a method: accuracy against sparsity, with a band over the seeds. "
                "Random pruning and the dense model are always there: a method that does "
                "not beat random has learned nothing about the model."
            ),
        )
        _preview()
    else:
        st.skeleton(400)
    fleet.failures(specs)


def _sketch(rows: Sequence[Row]) -> None:
    """While the runs go on their curves can still be foretold."""
    going = [row.spec for row in rows if row.state in desk.ACTIVE]
    trained = prediction.after_training(desk.known())
    asked = prediction.awaited([row.spec for row in rows], trained) if going else []
    if asked:
        st.page_link(
            shell.page("predict"), label=_("Sketch its curve before it is known"),
            icon=":material/draw:", query_params={"question": asked[0].title},
        )  # fmt: skip


def _form(known: dict[str, Any]) -> list[RunSpec]:
    data, model, data_knobs, model_knobs = controls.subject(known, START)
    weights = uploads.weights(model, known["models"][model], "")
    reasons = {m: fits(known, m, model) for m in known["methods"]}
    preset = _preset(reasons)
    methods = [] if preset else _methods(known, model, reasons)
    usual = PRESETS[preset].sparsity if preset else USUAL
    shares = st.multiselect(
        _("Sparsities in %"), STOPS, usual, key=f"sparsities{preset}", bind="query-params",
        format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    seeds = st.slider(
        _("Seeds"), 1, 10, 3, key="seeds", bind="query-params",
        help=_(
            "Runs that differ by chance alone. Fewer than three cannot tell luck from merit."
        ),
    )  # fmt: skip
    epochs = controls.preset(known, data, model)
    if not (methods or preset) or not shares:
        st.warning(_("Choose at least one method and one sparsity."))
        return []
    subject = {"data": data, "model": model, "epochs": epochs, "weights": weights}
    subject |= {"data_knobs": data_knobs, "model_knobs": model_knobs}
    axes = {"sparsity": sorted(shares), "seed": range(seeds)}
    if preset:
        specs = presets.specs(preset, subject | axes)
    else:
        specs = with_baselines(sweep(RunSpec(**subject), method=methods, **axes), known)
    fleet.start_button(specs, lambda _key: False, key="start-sweep")
    st.caption(_("Random pruning runs beside them."))
    return specs


def _preset(reasons: Mapping[str, str]) -> str:
    """A comparison with a name, or empty for one's own choice of methods."""
    fitting = [n for n, p in PRESETS.items() if not any(reasons[m] for m in p.methods)]
    chosen = st.selectbox(
        _("Compare"), ["", *fitting], key="preset", bind="query-params",
        format_func=lambda name: _(PRESETS[name].title) if name else _("Methods of your choice"),
    )  # fmt: skip
    if chosen in PRESETS:
        st.caption(_(PRESETS[chosen].about))
    return chosen if chosen in PRESETS else ""


def _methods(known: dict[str, Any], model: str, reasons: Mapping[str, str]) -> list[str]:
    fitting = [m for m, reason in reasons.items() if not reason]
    real = [m for m in fitting if known["methods"][m]["baseline"] != m]
    first = START.method if START.method in real else (real or fitting)[0]
    methods = st.multiselect(
        _("Methods"), real or fitting, [first], key="methods", bind="query-params"
    )
    controls.misfits(reasons, "methods", model)
    return list(methods)


def _preview() -> None:
    shipped = examples.example().sweep
    spec = RunSpec.from_json(shipped[0].spec)
    st.markdown(_(
        "For example {model} on {data}, which came with PruneLab:",
        model=spec.model, data=spec.data,
    ))  # fmt: skip
    show.picture(
        lambda: figures.tradeoff(shipped, theme=shell.theme(), log=True),
        "preview",
        python=_code([RunSpec.from_json(result.spec) for result in shipped]),
    )


def _curves(results: Sequence[Result], specs: Sequence[RunSpec]) -> None:
    log = st.toggle(_("Open up the sparse end"), key="log", bind="query-params")
    code = _code(specs, st.session_state.get("preset", ""))
    clicked = show.picture(
        lambda: figures.tradeoff(results, theme=shell.theme(), log=log),
        "sweep",
        python=code,
        clicks=True,
    )
    if clicked and "customdata" in clicked[0]:
        key = str(clicked[0]["customdata"][0])
        st.page_link(
            shell.page("lab"), label=_("Open {key} in the Lab", key=key), query_params={"run": key},
            icon=":material/open_in_new:",
        )  # fmt: skip
    table = figures.tradeoff(results, theme=shell.theme()).table
    percent = st.column_config.NumberColumn(format="percent")
    show.table(table, "sweep-table", formats=dict.fromkeys(("sparsity", "accuracy", "sd"), percent))
    st.caption(_("All runs, a row each:"))
    show.downloads(pd.DataFrame([_line(result) for result in results]), "sweep-runs")


def _line(result: Result) -> dict[str, Any]:
    spec = RunSpec.from_json(result.spec)
    return {
        "key": result.key,
        "method": spec.method,
        "sparsity": result.sparsity["achieved"],
        "seed": spec.seed,
        "accuracy": result.recovered.get("accuracy"),
        "dense accuracy": result.dense.get("accuracy"),
    }


def _code(specs: Sequence[RunSpec], preset: str = "") -> str:
    known = desk.known()["methods"]
    methods = sorted({s.method for s in specs if known[s.method]["baseline"] != s.method})
    chosen = f"preset={preset!r}" if preset else f"method={methods!r}"
    sparsities = sorted({s.sparsity for s in specs})
    base = replace(specs[0], method="magnitude", sparsity=0.9, seed=0, recover="").to_json()
    rest = "".join(f"    {k}={v!r},\n" for k, v in base.items() if k not in ("data", "model"))
    return (
        "import prunelab as pl\n\ncurve = pl.sweep(\n"
        f"    data={specs[0].data!r},\n    model={specs[0].model!r},\n"
        f"    {chosen},\n    sparsity={sparsities!r},\n"
        f"    seed=range({len({s.seed for s in specs})}),\n{rest})\ncurve.plot.tradeoff()"
    )


shell.show(main)
