"""Compare: any runs on any two axes, graded, tested, and who pays for it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.ui import desk, fleet, shell, show, track, verdicts
from pages.ui.verdicts import Seen
from prunelab import examples, fair, figures
from prunelab.events import Result
from prunelab.fair import AXES, QUALITIES
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

MOST = 2000  # runs looked at


def main() -> None:
    mine = _finished()
    shipped = _shows_example(mine)
    results = _sidebar(_with_shipped(mine), "example") if shipped else _sidebar(mine, "mine")
    st.title(_("Which is better, and may one say so?"))
    if shipped:
        _about_example(mine)
    if not results:
        st.info(_("Choose at least one line on the left."))
        return
    seen = Seen(results, fair.table(results), _python(results, shipped=shipped))
    _picture(seen)
    fleet.progress(_asked())
    show.tabs(seen, TABS)


def _shows_example(mine: list[Result]) -> bool:
    """The comparison that came with PruneLab: by choice, or where there are no own runs."""
    with st.sidebar:
        if not mine:
            return True
        words = {False: _("Mine"), True: _("Example")}
        return bool(
            st.segmented_control(
                _("Runs"), list(words), default=False, format_func=words.__getitem__, key="example",
                required=True,
            )
        )  # fmt: skip


def _about_example(mine: list[Result]) -> None:
    few = "" if mine else _("There are no finished runs of yours yet.") + " "
    st.info(few + _(
        "This comparison came with PruneLab: magnitude (of all weights at once, and layer by "
        "layer), Wanda and random pruning on handwritten digits, three seeds each. What you add "
        "below runs here."
    ))  # fmt: skip
    if not mine:
        st.page_link(
            shell.page("sweep"), label=_("Make a sweep of your own"), icon=":material/play_arrow:"
        )


def _with_shipped(mine: list[Result]) -> list[Result]:
    """The shipped runs, and those that were started from here to mend their comparison.

    No others: runs of other stories would spoil a comparison that is to show how one is made.
    """
    shipped = examples.comparison()
    asked = {spec.key for spec in _asked()} - set(shipped)
    return [*shipped.values(), *(r for r in mine if r.key in asked)]


def _finished() -> list[Result]:
    gone = st.query_params.get("without", "").split(",")
    rows = desk.store().runs(limit=MOST, state="finished")
    return [row.result for row in rows if row.key not in gone]


def _sidebar(every: list[Result], whose: str) -> list[Result]:
    """Which runs, by what they are about and by method; the axes are chosen here too."""
    with st.sidebar:
        specs = {r.key: RunSpec.from_json(r.spec) for r in every}
        names = {key: f"{s.model} on {s.data}" for key, s in specs.items()}
        about = list(dict.fromkeys(names.values()))
        chosen = st.multiselect(
            _("Models and data"), about, about[:1], key=f"about-{whose}", bind="query-params"
        )  # fmt: skip
        here = [r for r in every if names[r.key] in chosen]
        lines = {p.key: p.series for p in figures.points(here)}
        series = sorted(set(lines.values()))
        shown = st.multiselect(
            _("Lines"), series, series, key=f"lines-{whose}",
            help=_("A method, and what tells it from other runs of the same method."),
        )  # fmt: skip
        st.selectbox(_("Across"), list(AXES), 1, format_func=_, key="across", bind="query-params")
        st.selectbox(_("Up"), list(QUALITIES), format_func=_, key="up", bind="query-params")
        if st.query_params.get("without"):
            st.button(_("Show runs that were replaced"), key="bring-back", on_click=_bring_back)
    return [r for r in here if lines.get(r.key) in shown]


def _bring_back() -> None:
    del st.query_params["without"]


def _picture(seen: Seen) -> None:
    x, y = st.session_state["across"], st.session_state["up"]
    clicked = show.picture(
        lambda: figures.compare(seen.rows, x, y, (AXES[x], QUALITIES[y]), theme=shell.theme()),
        "compare",
        python=f"{seen.python}runs.plot.compare({x!r}, {y!r})",
        clicks=True,
    )
    if clicked and "customdata" in clicked[0]:
        key = str(clicked[0]["customdata"][0])
        st.page_link(
            shell.page("lab"), label=_("Open {key} in the Lab", key=key), query_params={"run": key},
            icon=":material/open_in_new:",
        )  # fmt: skip


def _referee(seen: Seen) -> None:
    if not any(r.spec.get("sparsity", RunSpec.sparsity) > 0 for r in seen.results):
        st.info(_("There is nothing to judge: none of these runs removes anything."))
        return
    judged = fair.referee(seen.results, desk.known())
    verdicts.grade(judged)
    verdicts.broken(judged, add=_add)
    verdicts.kept(judged, f"{seen.python}print(runs.referee)")


def _take(seen: Seen) -> None:
    """Every run with every number, for a spreadsheet, a paper or another tool."""
    st.markdown(_(
        "One row a run, with every cost and every quality; what is empty was not measured."
    ))  # fmt: skip
    rows = seen.rows.drop(columns="subject")  # the key says it in words
    show.table(rows, "raw")
    show.downloads(rows, "runs")
    track.offer([result.key for result in seen.results])
    with st.popover(_("Python"), type="tertiary", icon=":material/code:", key="python-take"):
        to = st.session_state.get("_track-to") or "mlflow"
        st.code(f"{seen.python}runs.track({to!r}, 'runs')", language="python")


TABS: dict[str, Callable[[Seen], None]] = {
    mark("Referee"): _referee,
    mark("More than luck?"): verdicts.chance,
    mark("Who paid?"): verdicts.paid,
    mark("Do they keep the same?"): verdicts.agreement,
    mark("Would a small network do?"): verdicts.rethinking,
    mark("Take along"): _take,
}


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


def _python(results: list[Result], *, shipped: bool = False) -> str:
    """The lines that open the same runs in a notebook."""
    if shipped:
        return "import prunelab as pl\n\nruns = pl.example()\n"
    specs = [RunSpec.from_json(r.spec) for r in results]
    about = {(s.data, s.model) for s in specs}
    if len(about) > 1 or len(results) < 8:
        keys = ",\n    ".join(repr(r.key) for r in results)
        return f"import prunelab as pl\n\nruns = pl.stored(\n    {keys},\n)\n"
    ((data, model),) = about
    return f"import prunelab as pl\n\nruns = pl.stored(data={data!r}, model={model!r})\n"


shell.show(main)
