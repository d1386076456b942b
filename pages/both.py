"""Data × weights: fewer examples and fewer weights together, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui import controls, desk, fleet, shell, shipped, show
from prunelab import examples, figures
from prunelab.catalogue import fits
from prunelab.spec import RunSpec
from prunelab.speech import _

START = replace(examples.BOTH, sparsity=0.9)
KEPT = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
STOPS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


def main() -> None:
    with st.sidebar:
        specs = _form(desk.known())
    st.title(_("Fewer examples and fewer weights: do they add up?"))
    st.markdown(_(
        "Both can be spared. Here the examples are chosen first, the network learns from those "
        "that stay, for as many steps as from all, and then its weights are pruned."
    ))  # fmt: skip
    if not specs:
        st.info(_("Choose methods, shares and sparsities on the left."))
        return
    fleet.progress(specs)
    _plane(specs, shipped.together(spec.key for spec in specs))
    fleet.failures(specs)


def _form(known: dict[str, Any]) -> list[RunSpec]:
    data, model, data_knobs, model_knobs = controls.subject(known, START, (START.method,))
    able = [m for m in known["methods"] if not fits(known, m, model)]
    units = {m: known["methods"][m]["units"] for m in able}
    choosers = [m for m in able if units[m] == ["examples"]]
    first = choosers.index(START.examples_method) if START.examples_method in choosers else 0
    chooser = st.selectbox(
        _("Examples by"), choosers, first, key="examples_method", bind="query-params"
    )
    pruners = [m for m in able if units[m] != ["examples"]]
    first = pruners.index(START.method) if START.method in pruners else 0
    pruner = st.selectbox(_("Weights by"), pruners, first, key="method", bind="query-params")
    shares = st.multiselect(
        _("Examples kept in %"), KEPT, examples.BOTH_KEPT, key="kept", bind="query-params",
        format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    sparsities = st.multiselect(
        _("Weights removed in %"), STOPS, examples.BOTH_SPARSITIES, key="sparsities",
        bind="query-params", format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    seeds = st.slider(_("Seeds"), 1, 10, examples.BOTH_SEEDS, key="seeds", bind="query-params")
    epochs = controls.preset(known, data, model)
    base = RunSpec(
        data=data, model=model, method=pruner, epochs=epochs, data_knobs=data_knobs,
        model_knobs=model_knobs,
    )  # fmt: skip
    if controls.wants_file(known, base):
        st.caption(_("Upload a file first."))
        return []
    specs = examples.both_specs(base, chooser, shares, sparsities, range(int(seeds)))
    if specs:
        came = examples.both()
        fleet.start_button(specs, came.__contains__, key="start-both")
    return specs


def _plane(specs: Sequence[RunSpec], found: dict[str, Any]) -> None:
    if any(spec.key in examples.both() for spec in specs):
        st.caption(_("Runs that came with PruneLab are among these; what you add is run here."))
    clicked = show.picture(
        lambda: figures.together(specs, found, theme=shell.theme()),
        "together",
        python=_python(specs),
        clicks=True,
    )
    st.caption(_(
        "Click a cell for its runs, or to start them. Mean test accuracy, ± the deviation over the "
        "seeds; the frame is the smallest cell that loses at most a point. Under Numbers: what is "
        "lost beyond the two losses alone. Random-examples and random show what choosing is worth."
    ))  # fmt: skip
    if clicked and "customdata" in clicked[0]:
        kept, sparsity = (float(v) for v in clicked[0]["customdata"][:2])
        _cell([s for s in specs if s.sparsity == sparsity and _kept(s) == round(kept, 6)], found)


def _cell(here: Sequence[RunSpec], found: dict[str, Any]) -> None:
    """The runs of one cell: those that are there, and a button for those that miss."""
    if not here:
        return
    states = fleet.states(here)
    new = [
        s for s in here
        if s.key not in found and states.get(s.key) not in desk.ACTIVE
    ]  # fmt: skip
    st.markdown(_(
        "**{kept} of the examples, {gone} of the weights removed**",
        kept=figures.percent(_kept(here[0])), gone=figures.percent(here[0].sparsity),
    ))  # fmt: skip
    with st.container(horizontal=True):
        if new:
            st.button(
                _("Run the {n} of this cell", n=len(new)),
                key="run-cell", icon=":material/play_arrow:",
                on_click=desk.start, args=(new,),
            )  # fmt: skip
        for spec in here:
            if desk.exists(spec.key):
                st.page_link(
                    shell.page("lab"), label=_("Seed {seed} in the Lab", seed=spec.seed),
                    query_params={"run": spec.key}, icon=":material/open_in_new:",
                )  # fmt: skip


def _kept(spec: RunSpec) -> float:
    return round(1 - spec.examples_sparsity, 6)


def _python(specs: Sequence[RunSpec]) -> str:
    one = max(specs, key=lambda s: s.examples_sparsity)
    told = {k: v for k, v in one.to_json().items() if k in ("data_knobs", "model_knobs", "epochs")}
    fields = {"data": one.data, "model": one.model, "method": one.method} | told
    fields["examples_method"] = one.examples_method
    for name in ("examples_sparsity", "sparsity"):
        fields[name] = sorted({getattr(s, name) for s in specs})
    rest = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    seeds = len({s.seed for s in specs})
    return (
        f"import prunelab as pl\n\nplane = pl.sweep(\n{rest}    seed=range({seeds}),\n"
        f"    baselines=False,\n)\nplane.plot.together()"
    )


shell.show(main)
