"""The tabs of a run that chose examples: each asks one question of it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import closer, desk, fleet, shell, show, words
from prunelab import figures
from prunelab.catalogue import fits, with_baselines
from prunelab.events import Result
from prunelab.figures import Chosen
from prunelab.harmless import csv
from prunelab.spec import RunSpec, sweep
from prunelab.speech import _, mark

WHICH: dict[figures.Which, str] = {
    "ends": mark("The extremes"), "cut": mark("At the cut"), "doubtful": mark("Doubtful labels"),
}  # fmt: skip
KEPT = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
USUAL = (0.1, 0.3, 0.5)
SEEDS = 3
PARQUET = "application/vnd.apache.parquet"


def _examples(result: Result) -> Chosen | None:
    found = desk.chosen(result.key, result.status)
    if found is None:
        st.info(_("This run has not said which examples stay."))
    return found


def show_gallery(result: Result) -> None:
    """What stays beside what goes."""
    found = _examples(result)
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            _("Show"), list(WHICH), default="ends", format_func=lambda name: _(WHICH[name]),
            key="which", bind="query-params", required=True,
        )  # fmt: skip
        one = st.selectbox(
            _("Class"),
            ["all", *found.classes],
            format_func=lambda name: _(name) if name == "all" else name,
            key="class",
            bind="query-params",
            width=180,
        )
    which = which if which in WHICH else "ends"
    of = str(one) if one in found.classes else ""
    asked: list[int] = []
    with st.container(key="pair-gallery"):
        for place, kept in zip(st.columns(2, gap="large"), (True, False), strict=True):
            with place:
                asked += _side(found, result, which, of, kept=kept)
    if asked:
        closer.example(result, found, asked[0])
    st.caption(_(
        "Click a picture to ask why it stays or goes. Below a picture is its label; “says” is what "
        "the model answers that was trained on all. A frame is a label that was put wrong on "
        "purpose."
    ))  # fmt: skip


def _side(found: Chosen, result: Result, which: figures.Which, of: str, *, kept: bool) -> list[int]:
    """One side; the rows in the source that were asked about."""
    side = "kept" if kept else "dropped"
    if not found.pictured.size:
        show.finding(_("These stay") if kept else _("These go"), f"rows-{side}")
        table = figures.rows_table(found, which, kept=kept, of=of)
        sent = show.table(table, f"rows-{side}", on_select="rerun", selection_mode="single-row")
        show.downloads(table, f"rows-{side}")
        return [int(table["row"][n]) for n in sent["selection"]["rows"] if n < len(table)]
    call = f"run.plot.gallery({which!r}, kept={kept}, of={of!r})"
    clicked = show.picture(
        lambda: figures.gallery(found, which, kept=kept, of=of, theme=shell.theme()),
        f"gallery-{side}",
        python=words.python(RunSpec.from_json(result.spec), call),
        clicks=True,
    )
    return [int(point["customdata"][0]) for point in clicked if "customdata" in point]


def _drawn(result: Result, name: str, *, clicks: bool = False) -> None:
    found = _examples(result)
    if found is None:
        return
    make = getattr(figures, name)
    clicked = show.picture(
        lambda: make(found, theme=shell.theme()),
        name,
        python=words.python(RunSpec.from_json(result.spec), f"run.plot.{name}()"),
        clicks=clicks,
    )
    if clicked and "customdata" in clicked[0]:
        closer.example(result, found, int(clicked[0]["customdata"][0]))


def show_scores(result: Result) -> None:
    """Who has which score."""
    _drawn(result, "spread")
    st.caption(_(
        "A score ranks; its unit is the method's own. Where wrong labels pile up at the end that "
        "stays, the method keeps them: hard examples and wrong labels look alike to it."
    ))  # fmt: skip


def show_map(result: Result) -> None:
    """Where in the space of features those that stay lie."""
    _drawn(result, "places", clicks=True)
    st.caption(_(
        "Click a dot to ask why it stays or goes. Each dot is an example, placed by what the last "
        "layer of the model trained on all receives (of a tree: by its inputs), seen along its two "
        "widest directions. Much is hidden by so flat a view."
    ))  # fmt: skip


def show_finding(result: Result) -> None:
    """Does the score find the wrong labels."""
    _drawn(result, "finding")


def show_learned(result: Result) -> None:
    """How far one can go, beside random."""
    base = RunSpec.from_json(result.spec)
    known = desk.known()
    specs = _wanted(base, known)
    if not specs:
        st.info(_("Choose a method and a share to keep."))
        return
    rows = desk.store().rows([s.key for s in specs])
    there = {row.key: row.result for row in rows if row.state == "finished"}
    fleet.start_button(specs, there.__contains__, key="start-learned")
    fleet.progress(specs)
    if not there:
        show.empty(
            _("What you will see"),
            _(
                "One line a method: accuracy against the share of examples kept, with a "
                "band over the seeds, and random examples beside them."
            ),
        )
        return
    steps = st.segmented_control(
        _("Trained for"), [mark("as many steps"), mark("as many epochs")], default="as many steps",
        format_func=_, key="length", bind="query-params", required=True,
        help=_(
            "As many steps repeats what is kept until the training is as long as on all. As many "
            "epochs is a shorter training."
        ),
    )  # fmt: skip
    even = steps != "as many epochs"
    show.picture(
        lambda: figures.learned(there.values(), steps=even, theme=shell.theme()), "learned",
        python=_sweep_python(base, specs, f"curve.plot.learned(steps={even})"),
    )  # fmt: skip
    fleet.failures(specs)


def _wanted(base: RunSpec, known: dict[str, Any]) -> list[RunSpec]:
    able = [
        name
        for name, entry in known["methods"].items()
        if entry["units"] == ["examples"] and not fits(known, name, base.model)
    ]
    real = [name for name in able if known["methods"][name]["baseline"] != name]
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    first = [m for m in (base.method,) if m in real] or real[:1]
    methods = left.multiselect(_("Methods"), real, first, key="curves", bind="query-params")
    shares = middle.multiselect(
        _("Kept in %"), KEPT, USUAL, key="kept", bind="query-params",
        format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    seeds = right.slider(_("Seeds"), 1, 10, SEEDS, key="seeds", bind="query-params")
    chosen = [
        replace(base, method=name, knobs=base.knobs if name == base.method else {})
        for name in methods
    ]
    removed = sorted(round(1 - share, 4) for share in shares)
    specs = [s for one in chosen for s in sweep(one, sparsity=removed, seed=range(int(seeds)))]
    return with_baselines(specs, known)


def _sweep_python(base: RunSpec, specs: list[RunSpec], call: str) -> str:
    told = base.to_json()
    fields = {"data": base.data, "model": base.model}
    fields |= {k: told[k] for k in ("data_knobs", "model_knobs", "epochs", "lr") if k in told}
    fields["method"] = list(dict.fromkeys(s.method for s in specs))
    fields["sparsity"] = sorted({s.sparsity for s in specs})
    rest = "".join(f"    {name}={value!r},\n" for name, value in fields.items())
    seeds = len({s.seed for s in specs})
    return f"import prunelab as pl\n\ncurve = pl.sweep(\n{rest}    seed=range({seeds}),\n)\n{call}"


def show_work(result: Result) -> None:
    """Does it save time."""
    show.picture(
        lambda: figures.work(result, theme=shell.theme()),
        "work",
        python=words.python(RunSpec.from_json(result.spec), "run.plot.work()"),
    )
    st.caption(_(
        "Time of training is proportional to the examples shown, so they are counted and no clock "
        "is needed. The model that was trained on all, to compare with, is not among them; methods "
        "that look at features take them from it."
    ))  # fmt: skip


def show_export(result: Result) -> None:
    """Take along what stays."""
    found = _examples(result)
    if found is None:
        return
    st.markdown(_(
        "Rows count from 0 in the source of the data: those of your file, if it is your own. Rows "
        "that were set aside for validation and test are in none of these."
    ))  # fmt: skip
    table = figures.kept_table(found)
    every = figures.kept_table(found, every=True)
    with st.container(horizontal=True):
        _download(_("Indices"), _npz(found), f"{result.key}-kept.npz", "application/octet-stream")
        _download(_("Kept rows, CSV"), csv(table).encode(), f"{result.key}-kept.csv", "text/csv")
        _download(_("Kept rows, Parquet"), _parquet(table), f"{result.key}-kept.parquet", PARQUET)
        _download(_("All scores, CSV"), csv(every).encode(), f"{result.key}-scores.csv", "text/csv")
    show.table(table.head(200), "kept-rows")
    if len(table) > 200:
        st.caption(_("The first 200 of {n}; the files hold all.", n=figures.count(len(table))))
    st.markdown(_("**In a notebook**"))
    last = "run.kept_indices  # rows of the source, ascending"
    st.code(words.python(RunSpec.from_json(result.spec), last), language="python")


def _download(label: str, content: bytes, name: str, kind: str) -> None:
    st.download_button(
        label, content, name, kind, icon=":material/download:", on_click="ignore", key=name[-12:]
    )


def _npz(found: Chosen) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, kept_indices=np.sort(found.row[found.kept]))
    return file.getvalue()


def _parquet(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()


TABS = {
    "Pictures": show_gallery,
    mark("Scores"): show_scores,
    mark("Map"): show_map,
    mark("Wrong labels"): show_finding,
    mark("How much to keep"): show_learned,
    mark("Cost"): show_work,
    mark("Export"): show_export,
}
