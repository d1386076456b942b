"""Forecast: before a run, what each method would leave, and at which sparsity it would collapse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui import controls, desk, elsewhere, shell, show
from prunelab import aside, examples, figures, foresight
from prunelab.catalogue import fits
from prunelab.foresight import FIRST, FLOOR, OWN, WAYS, Forecast, unforeseen
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _, mark

START = RunSpec()
BUTTONS = {
    OWN: mark("As the method"),
    "uniform": mark("Layer-wise"),
    "erk": mark("ERK"),
    "floor": mark("With a floor"),
}
AT = 0.98  # where the slider stands at first


def main() -> None:
    with st.sidebar:
        base, ordered, refused = _form(desk.known())
        shipped = ordered == examples.forecast().told["order"]
        folder = foresight.place(ordered, desk.store().home) if ordered and not shipped else None
        state = aside.look(folder) if folder else aside.State("ready" if shipped else "none")
        elsewhere.order_button(
            _("Forecast"), lambda: foresight.start(ordered or {}, desk.store().home), state,
            key="forecast", icon=":material/partly_cloudy_day:", refused=refused,
            words={"ready": _("This forecast is made"), "growing": _("Forecasting")},
        )  # fmt: skip
    found = examples.forecast() if shipped else elsewhere.found(
        foresight.read, folder, state, key="forecast", otherwise=_empty,
        words={"growing": _("Looking ahead"), "failed": _("This forecast could not be made"),
               "button": _("Forecast")},
    )  # fmt: skip
    if found:
        _body(found, base)


def _form(known: Mapping[str, Any]) -> tuple[RunSpec, dict[str, Any] | None, str]:
    data, model, data_knobs, model_knobs = controls.subject(known, START)
    reasons = {m: _why_not(known, m, model) for m in known["methods"]}
    able = [m for m, why in reasons.items() if not why]
    methods = st.multiselect(
        _("Methods"), able, [m for m in FIRST if m in able], key="methods", bind="query-params",
        max_selections=6,
    )  # fmt: skip
    controls.misfits(reasons, "methods", _("a forecast"))
    floor = st.number_input(
        _("Floor"), 1, 10_000, FLOOR, key="least", bind="query-params",
        help=_(
            "Weights that stay in every layer, for the way of sharing called “With a floor”."
        ),
    )  # fmt: skip
    epochs = controls.preset(known, data, model)
    base = RunSpec(
        data=data, model=model, epochs=epochs, data_knobs=data_knobs, model_knobs=model_knobs
    )
    if controls.wants_file(known, base):
        return base, None, _("Upload a file first.")
    if not able:
        why = _("{model} is no network: it has no paths that could break.", model=model)
        return base, None, why
    if not methods:
        return base, None, _("Choose at least one method.")
    try:
        return base, foresight.order(base, methods, floor=floor), ""
    except SpecError as problem:
        return base, None, str(problem)


def _why_not(known: Mapping[str, Any], method: str, model: str) -> str:
    if misfit := fits(known, method, model):
        return misfit
    if "network" not in known["models"][model]["traits"]:
        return _("{model} is no network.", model=model)
    why = unforeseen(known["methods"][method], known["units"])
    return f"{method}: {why}." if why else ""


def _empty() -> None:
    st.title(_("Where would this network break?"))
    show.empty(
        _("What you will see"),
        _(
            "A network is dead long before its last weight is gone: it is enough that no "
            "path of weights leads from the input to an output. The forecast scores the "
            "weights with each method, makes the masks of many sparsities without training "
            "any of them, and counts the paths that stay open. Choose on the left, press "
            "Forecast."
        ),
    )


def _body(found: Forecast, base: RunSpec) -> None:
    place = st.container()
    way = st.segmented_control(
        _("How the weights that stay are shared among the layers"), list(BUTTONS), default=OWN,
        format_func=lambda name: _(BUTTONS[name]), key="way", bind="query-params", required=True,
        help="  \n".join(f"**{_(BUTTONS[name])}**: {_(words)}" for name, words in WAYS.items()),
    )  # fmt: skip
    way = way if way in WAYS else OWN
    place.title(figures.verdict(found, way))
    for name, note in found.notes.items():
        place.caption(f"{show.plain(name)}: {show.said(note)}.")
    _ribbons(found, base, way)
    lines, layers = st.tabs([_("Paths"), _("Layers")])
    with lines:
        show.picture(
            lambda: figures.paths(found, way=way, theme=shell.theme()),
            "paths",
            python=_python(found, base, f"paths(way={way!r})"),
        )
    with layers:
        show.picture(
            lambda: figures.survivors(found, way=way, theme=shell.theme()),
            "survivors",
            python=_python(found, base, f"survivors(way={way!r})"),
        )
    st.caption(_(
        "A forecast is not a result: masks that look dead may revive where a method goes on "
        "choosing, and masks that look whole may still not learn. A run tells."
    ))  # fmt: skip


def _ribbons(found: Forecast, base: RunSpec, way: str) -> None:
    tried = found.sparsities
    at = st.select_slider(
        _("Sparsity"), tried, AT if AT in tried else tried[0], format_func=figures.exact, key="at",
        bind="query-params",
    )  # fmt: skip
    show.picture(
        lambda: figures.ribbons(found, at, way=way, theme=shell.theme()),
        "ribbons",
        python=_python(found, base, f"ribbons({at!r}, way={way!r})"),
    )
    with st.container(horizontal=True, gap="small"):
        for name in found.methods:
            label = _("Run {method}", method=name)
            if st.button(label, icon=":material/play_arrow:", key=f"run-{name}"):
                _run(replace(base, method=name, sparsity=at), way, found)


def _run(spec: RunSpec, way: str, found: Forecast) -> None:
    """Queue what is seen here, and go where it can be watched."""
    shared: dict[str, Any] = {"scope": way} if way in ("erk", "uniform") else {}
    shared |= {"floor": found.told["order"]["floor"]} if way == "floor" else {}
    if keys := desk.start([replace(spec, **shared)]):
        st.switch_page(shell.page("lab"), query_params={"run": keys[0]})
    st.rerun()


def _python(found: Forecast, base: RunSpec, call: str) -> str:
    fields = {"data": base.data, "model": base.model} | base.to_json()
    rest = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    return (
        f"import prunelab as pl\n\nforecast = pl.forecast(\n{rest}    method={found.methods!r},\n"
        f"    floor={found.told['order']['floor']},\n)\nforecast.plot.{call}"
    )


shell.show(main)
