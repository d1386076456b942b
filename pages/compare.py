"""Compare: any runs on any two axes, graded, tested, and who pays for it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui import desk, fleet, shell, show, verdicts
from prunelab import fair, figures
from prunelab.events import Result
from prunelab.fair import AXES, QUALITIES, Judgement
from prunelab.spec import RunSpec

MOST = 2000  # runs looked at


def main() -> None:
    results = _sidebar(_finished())
    st.title("Which is better, and may one say so?")
    if not results:
        show.empty(
            "What you will see",
            "Runs of any kind on one picture: accuracy against sparsity, size, multiply-adds or "
            "time. A referee grades the comparison by published rules and starts what is missing. "
            "There are no finished runs to compare yet.",
        )
        st.page_link(shell.page("sweep"), label="Start a sweep", icon=":material/play_arrow:")
        return
    rows, python = fair.table(results), _python(results)
    _picture(rows, python)
    judged = fair.referee(results, desk.known()) if _prunes(results) else None
    if judged:
        _referee(results, judged)
    verdicts.chance(rows, python)
    verdicts.paid(results, python)
    verdicts.agreement(results, python)
    verdicts.rethinking(results)


def _finished() -> list[Result]:
    gone = st.query_params.get("without", "").split(",")
    rows = desk.store().runs(limit=MOST, state="finished")
    return [row.result for row in rows if row.key not in gone]


def _sidebar(every: list[Result]) -> list[Result]:
    """Which runs, by what they are about and by method; the axes are chosen here too."""
    with st.sidebar:
        specs = {r.key: RunSpec.from_json(r.spec) for r in every}
        names = {key: f"{s.model} on {s.data}" for key, s in specs.items()}
        about = list(dict.fromkeys(names.values()))
        chosen = st.multiselect(
            "Models and data", about, about[:1], key="about", bind="query-params"
        )  # fmt: skip
        here = [r for r in every if names[r.key] in chosen]
        lines = {p.key: p.series for p in figures.points(here)}
        series = sorted(set(lines.values()))
        shown = st.multiselect(
            "Lines", series, series, key="lines",
            help="A method, and what tells it from other runs of the same method.",
        )  # fmt: skip
        st.selectbox("Across", list(AXES), 1, key="across", bind="query-params")
        st.selectbox("Up", list(QUALITIES), key="up", bind="query-params")
        if st.query_params.get("without"):
            st.button("Show runs that were replaced", key="bring-back", on_click=_bring_back)
    return [r for r in here if lines.get(r.key) in shown]


def _bring_back() -> None:
    del st.query_params["without"]


def _picture(rows: pd.DataFrame, python: str) -> None:
    x, y = st.session_state["across"], st.session_state["up"]
    clicked = show.picture(
        lambda: figures.compare(rows, x, y, (AXES[x], QUALITIES[y]), theme=shell.theme()),
        "compare",
        python=f"{python}runs.plot.compare({x!r}, {y!r})",
        clicks=True,
    )
    if clicked and "customdata" in clicked[0]:
        key = str(clicked[0]["customdata"][0])
        st.page_link(
            shell.page("lab"), label=f"Open {key} in the Lab", query_params={"run": key},
            icon=":material/open_in_new:",
        )  # fmt: skip


def _prunes(results: list[Result]) -> bool:
    return any(r.spec.get("sparsity", RunSpec.sparsity) > 0 for r in results)


def _referee(results: list[Result], judged: Judgement) -> None:
    st.header("What the referee says")
    fleet.progress(_asked())
    verdicts.grade(judged)
    verdicts.broken(judged, add=_add)
    verdicts.kept(judged, f"{_python(results)}print(runs.referee)")


def _asked() -> list[RunSpec]:
    """The runs that were started from here and are not over."""
    return [RunSpec.from_json(spec) for spec in st.session_state.get("_asked", ())]


def _add(specs: tuple[RunSpec, ...], instead_of: tuple[str, ...]) -> None:
    """Queue missing runs; what they take the place of is left out from now on."""
    if not desk.start(specs):
        return
    before = st.session_state.get("_asked", ())
    st.session_state["_asked"] = [*before, *(spec.to_json() for spec in specs)]
    if instead_of:
        gone = filter(None, st.query_params.get("without", "").split(","))
        st.query_params["without"] = ",".join(dict.fromkeys((*gone, *instead_of)))


def _python(results: list[Result]) -> str:
    """The lines that open the same runs in a notebook."""
    specs = [RunSpec.from_json(r.spec) for r in results]
    about = {(s.data, s.model) for s in specs}
    if len(about) > 1 or len(results) < 8:
        keys = ",\n    ".join(repr(r.key) for r in results)
        return f"import prunelab as pl\n\nruns = pl.stored(\n    {keys},\n)\n"
    ((data, model),) = about
    return f"import prunelab as pl\n\nruns = pl.stored(data={data!r}, model={model!r})\n"


shell.show(main)
