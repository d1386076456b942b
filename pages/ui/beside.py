"""Trees beside nets: stored runs of both on the same data, and a button for those that miss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui import desk, shell, show, together
from prunelab import figures
from prunelab.catalogue import fits, fits_data
from prunelab.spec import RunSpec, sweep
from prunelab.speech import _
from prunelab.store import Row
from prunelab.treelab import Grown

SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98)
USUAL = "mlp"


def show_beside(tree: Grown, spec: RunSpec) -> None:
    """A tree and a network under one slider; and accuracy over size of both, over seeds."""
    known = desk.known()
    net, method, seeds, measure = _choices(known, spec)
    pair = (spec, replace(spec, model=net, method=method, model_knobs={}))
    if tree.plane is not None:
        together.show_pair(tree, pair[1])
        st.header(_("What must be stored"), anchor=False)
    wanted = [s for one in pair for s in sweep(one, sparsity=SPARSITIES, seed=range(seeds))]
    rows = desk.store().rows([s.key for s in wanted])
    _queue(wanted, rows)
    done = [row.result for row in rows if row.state == "finished"]
    if not done:
        show.empty(
            _("What you will see"),
            _(
                "One line for the tree, one for the network, both pruned further and "
                "further: how many numbers each must store for its accuracy. A tree stores "
                "one question or answer a node, a network every weight that is not zero."
            ),
        )
        return
    show.picture(
        lambda: figures.beside(done, measure, theme=shell.theme()), "beside",
        python=_python(pair, seeds, measure),
    )  # fmt: skip
    for row in [row for row in rows if row.state == "failed"][:2]:
        st.error(f"{show.plain(row.spec.model)}: {show.said(row.result.reason)}")
    st.caption(_(
        "Test accuracy of stored runs; the dense models are the right ends of the lines. A node "
        "holds a feature and a threshold, so a number is not the same everywhere: compare bytes as "
        "well."
    ))  # fmt: skip


def _choices(known: dict[str, Any], spec: RunSpec) -> tuple[str, str, int, Any]:
    nets = [
        name
        for name, entry in known["models"].items()
        if "network" in entry["traits"] and not fits_data(known, name, spec.data)
    ]
    with st.container(key="few-beside"):
        left, middle, right, last = st.columns(4, vertical_alignment="bottom")
    start = nets.index(USUAL) if USUAL in nets else 0
    net = left.selectbox(_("Network"), nets, start, key="net", bind="query-params")
    methods = [m for m in known["methods"] if not fits(known, m, net)]
    usual = RunSpec().method
    start = methods.index(usual) if usual in methods else 0
    method = middle.selectbox(
        _("Its method"), methods, start, key="net-method", bind="query-params"
    )
    seeds = right.slider(_("Seeds"), 1, 5, 1, key="seeds", bind="query-params")
    measure = last.segmented_control(
        _("Size in"),
        ["numbers", "bytes"],
        default="numbers",
        format_func=_,
        key="measure",
        bind="query-params",
    )
    return net, method, int(seeds), measure or "numbers"


def _queue(wanted: Sequence[RunSpec], rows: Sequence[Row]) -> None:
    states = {row.key: row.state for row in rows}
    new = [s for s in wanted if states.get(s.key) not in ("queued", "running", "finished")]
    active = [key for key, state in states.items() if state in desk.ACTIVE]
    if new:
        st.button(
            _("Run the {n} that are missing", n=len(new)), type="primary", key="missing",
            on_click=desk.start, args=(new,), icon=":material/play_arrow:",
        )  # fmt: skip
    if not active:
        return

    def count() -> None:
        desk.tend()
        left = [r for r in desk.store().rows(active) if r.state in desk.ACTIVE]
        if len(left) < len(active):
            st.rerun()
        st.caption(_("{n} runs are on their way; each adds a dot.", n=len(left)))

    st.fragment(count, run_every=1.0)()


def _python(pair: tuple[RunSpec, RunSpec], seeds: int, measure: str) -> str:
    lines = ["import prunelab as pl", "from prunelab import figures", "", "results = []"]
    for one in pair:
        about = {"data": one.data, "model": one.model, "method": one.method}
        about |= {k: v for k, v in one.to_json().items() if k in ("data_knobs", "model_knobs")}
        fields = ", ".join(f"{k}={v!r}" for k, v in about.items())
        call = f"pl.sweep({fields}, sparsity={list(SPARSITIES)}, seed=range({seeds}))"
        lines.append(f"results += [r.result for r in {call}]")
    return "\n".join([*lines, f"figures.beside(results, {measure!r}).figure"])
