"""Structure: what removing filters and heads really saves, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import allocate, controls, desk, elsewhere, inside, knobs, shell, show, studies
from prunelab import aside, structure
from prunelab.figures import given_up
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _, mark
from prunelab.structure import Study

START = RunSpec(model="lenet-5", method="l1-filter")
TABS = {
    mark("Layers"): inside.show_layers,
    mark("What each layer bears"): inside.show_scan,
    mark("Feature maps"): inside.show_maps,
    mark("Filters that go"): inside.show_filters,
}


def main() -> None:
    with st.sidebar:
        ordered, refused = _form(desk.known())
        folder = structure.place(ordered, desk.store().home) if ordered else None
        state = aside.look(folder) if folder else aside.State("none")
        elsewhere.order_button(
            _("Look inside"), lambda: structure.start(ordered or {}, desk.store().home), state,
            key="look", icon=":material/layers:", refused=refused,
            words={"ready": _("This network is open"), "growing": _("Looking inside")},
        )  # fmt: skip
    study, damage = elsewhere.read(studies.study, folder, ready=True)
    if damage or state.name == "failed":
        st.title(_("This network could not be looked at"))
        st.error(show.said(damage or state.reason))
        st.markdown(_(
            "**What to do.** Change the settings on the left, or press Look inside again."
        ))  # fmt: skip
    elif folder and study:
        with st.container(key="above"):  # always there: what follows must not change its place
            if state.name == "growing":
                elsewhere.wait(folder, "looking", pieces="*.json")
        _body(study, folder)
    elif folder and state.name == "growing":
        elsewhere.wait(folder, "looking", title=_("Looking inside"), pieces="*.json")
    else:
        _empty()


def _form(known: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Data, model and method; and why that cannot be looked at, if it cannot."""
    reasons = {
        (method, model): structure.unsuited(known, method, model)
        for method in known["methods"]
        for model in known["models"]
    }
    able = {method for (method, _model), why in reasons.items() if not why}
    models = [m for m in known["models"] if any(not reasons[name, m] for name in able)]
    data, model, data_knobs, model_knobs = controls.subject(known, START, sorted(able))
    methods = [m for m in known["methods"] if m in able and not reasons[m, model]]
    if model not in models or not methods:
        return None, _("{model} has no filters or heads that could go.", model=model)
    usual = methods.index(START.method) if START.method in methods else 0
    method = st.selectbox(_("Ranked by"), methods, usual, key="method", bind="query-params")
    method = method if method in methods else methods[usual]
    st.caption(_(known["methods"][method]["summary"]))
    asked = knobs.ask(method, known["methods"][method]["knobs"], {})
    epochs = controls.preset(known, data, model)
    seed = st.number_input(_("Seed"), 0, 2**31 - 1, 0, key="seed", bind="query-params")
    base = RunSpec(
        data=data, model=model, method=method, epochs=epochs, seed=seed, knobs=asked,
        data_knobs=data_knobs, model_knobs=model_knobs,
    )  # fmt: skip
    if controls.wants_file(known, base):
        return None, _("Upload a file first.")
    try:
        return structure.order(base), ""
    except SpecError as problem:
        return None, str(problem)


def _empty() -> None:
    st.title(_("What does removing filters really save?"))
    show.empty(
        _("What you will see"),
        _(
            "The network is trained, its filters or heads are ranked, and each layer is "
            "drawn as a bar. You drag the bars and see at once what the smaller network "
            "would cost, which filters go, how much each layer bears to lose, and the "
            "feature maps with their ranks. Then the network you made can be trained on "
            "and measured. Choose on the left, press Look inside."
        ),
    )


def _body(study: Study, folder: Path) -> None:
    place = st.empty()
    keep = allocate.choose(study, folder)
    cost, whole = study.cost(keep), study.cost(study.sizes)
    place.title(given_up(keep, study.sizes, study.noun, 1 - cost.macs / whole.macs))
    places = st.tabs([_(name) for name in TABS], key="view", on_change="rerun", bind="query-params")
    for tab, view in zip(places, TABS.values(), strict=True):
        if tab.open:
            with tab:
                _shown(lambda view=view: view(study, folder, keep))  # type: ignore[misc]


def _shown(view: Any) -> None:
    try:
        view()
    except SpecError as damaged:
        st.error(show.said(damaged))


shell.show(main)
