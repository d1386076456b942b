"""The tabs of a finished run: each asks one question of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import closer, desk, shell, show, window, words
from pages.ui import costs as cost_card
from prunelab import figures
from prunelab.catalogue import with_baselines
from prunelab.events import Result
from prunelab.spec import RunSpec, sweep
from prunelab.speech import _, mark

CURVE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
TABS = (
    mark("Trade-off"), mark("Size & cost"), mark("Confusion"), mark("Details"), mark("Python"),
)  # fmt: skip
PARTS = {
    "splits": (mark("Splits"), mark("Trees"), mark("Tree")),
    "examples": (mark("Examples"), mark("Classes"), mark("Class")),
}
# What is drawn, grouped by what, one of these.
USUAL = (mark("Weights"), mark("Layers"), mark("Layer"))


def tabs(result: Result) -> None:
    """The views of a run; only the open one is drawn."""
    spec = RunSpec.from_json(result.spec)
    views = (weights, layers, tradeoff, costs, confusion, details, code)
    names = (*PARTS.get(result.unit, USUAL)[:2], *TABS)
    drawn = {name: partial(view, spec=spec) for name, view in zip(names, views, strict=True)}
    show.tabs(result, drawn)


def weights(result: Result, spec: RunSpec) -> None:
    """Which weights (or splits) went: histograms, and the tree itself."""
    tree = desk.tree(result.key, result.status)
    if tree is not None:
        _tree(result, tree, spec)
    kinds = sorted({name.split()[0] for name in result.histograms}, reverse=True)
    if not kinds:
        st.info(_("This run has sent no histogram."))
        return
    names = [row["name"] for row in list(result.histograms.values())[-1].layers]
    layer, kind = _which(names, kinds, PARTS.get(result.unit, USUAL)[2])
    said = {"layer": layer, "quantity": kind if len(kinds) > 1 else None}
    arguments = ", ".join(f"{name}={value!r}" for name, value in said.items() if value)
    show.picture(
        lambda: figures.histogram(
            result, kind, layer, columns=2 if window.narrow() else 3, theme=shell.theme()
        ),
        "histogram",
        python=words.python(spec, f"run.plot.histogram({arguments})"),
    )


def _which(names: Sequence[str], kinds: Sequence[str], label: str) -> tuple[str | None, str]:
    """The layer (None is all) and the quantity to show."""
    one, kind = "all", kinds[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(names) > 1:
            options = ["all", *names]
            one = st.selectbox(
                _(label), options, format_func=lambda name: _(name) if name == "all" else name,
                key="layer", bind="query-params", width=220,
            )  # fmt: skip
        if len(kinds) > 1:
            kind = st.segmented_control(
                _("Show"), kinds, default=kind, format_func=_, key="quantity"
            ) or kind  # fmt: skip
    return (one if one in names else None), kind


def _tree(result: Result, tree: Mapping[str, Any], spec: RunSpec) -> None:
    before = st.toggle(_("Show the tree before pruning"), key="whole", bind="query-params")
    clicked = show.picture(
        lambda: figures.tree(tree, theme=shell.theme(), before=before),
        "tree",
        python=words.python(spec, "run.plot.tree()"),
        clicks=True,
    )
    closer.split(result, tree, clicked)


def layers(result: Result, spec: RunSpec) -> None:
    """How much each layer gave, and the weights of the one that is clicked."""
    clicked = show.picture(
        lambda: figures.heatmap(result, theme=shell.theme()),
        "heatmap",
        python=words.python(spec, "run.plot.heatmap()"),
        clicks=True,
    )
    table = figures.layer_table(result)
    if result.epochs:
        st.caption(_(
            "Tick a row of the table, or click a layer in the picture: all its weights open below."
        ))  # fmt: skip
    sent = show.table(
        table,
        "layer-table",
        on_select="rerun",
        selection_mode="single-row",
        formats={
            "sparsity": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
            "threshold": st.column_config.NumberColumn(format="%.4g"),
        },
    )
    show.downloads(table, "layer-table")
    cell = str(clicked[0]["customdata"][0]) if clicked else ""
    rows = [str(table["layer"][row]) for row in sent["selection"]["rows"] if row < len(table)]
    name = _picked(cell, rows[0] if rows else "") or closer.layer(table["layer"])
    if not name:
        return
    found = desk.weights(result.key, name, result.status)
    if found is None:
        st.info(_("The weights of this run were not kept, or this model has none."))
        return
    closer.weights(result, name, *found)


def _picked(cell: str, row: str) -> str:
    """The layer that was chosen last, in the picture or in the table."""
    before = st.session_state.get("_picked", ("", "", ""))
    name = row if row != before[1] else cell if cell != before[0] else before[2]
    name = name or row or cell
    st.session_state["_picked"] = (cell, row, name)
    return name


def tradeoff(result: Result, spec: RunSpec) -> None:
    """The run among all that were made of the same data and model."""
    found = desk.peers(spec)
    if all(peer.key != result.key for peer in found):
        found.append(result)
    missing = _missing(spec, found)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        log = st.toggle(_("Open up the sparse end"), key="log", bind="query-params")
        if missing:
            st.button(
                _("Complete the curve: {n} runs with random beside them", n=len(missing)),
                on_click=desk.start,
                args=(missing,),
                key="complete",
            )
    _waiting(spec)
    methods = sorted({RunSpec.from_json(peer.spec).method for peer in found})
    sparsities = sorted({RunSpec.from_json(peer.spec).sparsity for peer in found})
    call = f"curve = pl.sweep(\n    data={spec.data!r}, model={spec.model!r},\n"
    call += f"    method={methods!r}, sparsity={sparsities!r},\n)\ncurve.plot.tradeoff()"
    show.picture(
        lambda: figures.tradeoff(found, theme=shell.theme(), log=log, highlight=result.key),
        "tradeoff",
        python="import prunelab as pl\n\n" + call,
    )


def _missing(spec: RunSpec, found: Sequence[Result]) -> list[RunSpec]:
    wanted = with_baselines(sweep(spec, sparsity=sorted({*CURVE, spec.sparsity})), desk.known())
    there = {result.key for result in found}
    return [one for one in wanted if one.key not in there]


def _waiting(spec: RunSpec) -> None:
    active = desk.store().count(data=spec.data, model=spec.model, state=desk.ACTIVE)
    if not active:
        return

    def count() -> None:
        desk.tend()
        left = desk.store().count(data=spec.data, model=spec.model, state=desk.ACTIVE)
        if left < active:
            st.rerun()
        st.caption(_("{n} more runs are on their way; each adds a dot.", n=left))

    st.fragment(count, run_every=2.0)()


def costs(result: Result, spec: RunSpec) -> None:
    """Is it smaller, is it faster."""
    cost_card.card(result, words.python(spec, "run.costs"))
    for name in ("size", "macs", "latency"):
        draw = getattr(figures, name)
        if name == "macs" and not result.recovered.get("macs"):
            continue
        show.picture(
            lambda draw=draw: draw(result, theme=shell.theme()),
            name,
            python=words.python(spec, f"run.plot.{name}()"),
        )


def confusion(result: Result, spec: RunSpec) -> None:
    """Which classes pay."""
    show.picture(
        lambda: figures.confusion(result, theme=shell.theme()),
        "confusion",
        python=words.python(spec, "run.plot.confusion()"),
    )


def details(result: Result, spec: RunSpec) -> None:
    """Everything that was decided and measured."""
    if result.epochs:
        show.picture(
            lambda: figures.curve(result, theme=shell.theme()),
            "curve",
            python=words.python(spec, "run.plot.curve()"),
        )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(_("**Settings**"))
        show.table(_rows({**spec.to_json(), **result.settings}), "settings")
    with right:
        st.markdown(_("**Made with**"))
        show.table(_rows(result.manifest), "manifest")
    st.download_button(
        _("run.json"),
        json.dumps(result.to_json(), indent=1),
        f"{result.key}.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )


def _rows(values: Mapping[str, Any]) -> pd.DataFrame:
    """Names and values, one a row; what is nested gets a longer name."""
    flat = pd.json_normalize(dict(values), sep=" ").iloc[0] if values else pd.Series(dtype=object)
    rows = [{"name": name.replace("_", " "), "value": _word(value)} for name, value in flat.items()]
    return pd.DataFrame(rows, columns=["name", "value"])


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_word, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def code(result: Result, spec: RunSpec) -> None:
    """The same run elsewhere."""
    st.markdown(_("**In a notebook**"))
    st.code(words.python(spec, "run.table"), language="python")
    st.markdown(_("**Open this very run**"))
    st.code(f"run = pl.load({desk.stored(result.key)!r})", language="python")
    st.markdown(_("**On the command line**"))
    st.code(words.command(spec), language="bash")
