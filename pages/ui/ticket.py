"""What the race says: medals, how far the ticket is ahead, what each lane is, the test used."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui import shell, show
from prunelab import figures
from prunelab.lottery import LANES, Arrival, Starter, judge
from prunelab.spec import RunSpec
from prunelab.speech import _, mark

TEST = mark("""
Every lane runs with the same seeds: the same first values, the same order of the examples. So lanes
are compared **seed by seed**, and a lucky seed is lucky for all of them.

1. The leader at a sparsity is the lane with the best mean.
2. For each other lane, take the difference to the leader in every seed, and a **t-interval** of its
   mean.
3. A medal is given only if **all** of these intervals lie above zero.

There are several lanes, and the leader was chosen by looking. So each interval is at level
1 − 0.05 / (lanes − 1), after Bonferroni: at most one medal in twenty goes to a lane that is not the
best, at each sparsity. Test data decide here, and choose nothing: every run touched them once.

No medal does not mean that the lanes are equal. It means these seeds cannot tell.
""")


def undecided(arrived: Sequence[Arrival]) -> list[float]:
    """The sparsities without a medal."""
    return [verdict.sparsity for verdict in judge(arrived) if not verdict.medal]


def medals(arrived: Sequence[Arrival]) -> None:
    """A card for each sparsity: who leads, by how much, and whether that is beyond chance."""
    verdicts = judge(arrived)
    if not verdicts:
        return
    with st.container(key="medals"):
        for verdict, place in zip(verdicts, st.columns(len(verdicts)), strict=True):
            closest = verdict.margins[0]
            with place, st.container(border=True, key=f"card-{verdict.sparsity}", height="stretch"):
                st.markdown(_("**{sparsity} gone**", sparsity=figures.percent(verdict.sparsity)))
                won = "🥇 " if verdict.medal else ""
                st.markdown(f"{won}{_(verdict.leader)}")
                if closest.seeds < 2:
                    st.caption(_("One seed tells nothing about luck."))
                    continue
                low, high = (f"{100 * end:+.1f}" for end in (closest.low, closest.high))
                said = (
                    _("ahead of all")
                    if verdict.medal
                    else _("not clearly ahead of {behind}", behind=_(closest.behind))
                )
                st.caption(_(
                    "{said}: {low} to {high} points, {seeds} seeds",
                    said=said, low=low, high=high, seeds=closest.seeds,
                ))  # fmt: skip


def ahead(base: RunSpec, race: Sequence[Starter], arrived: Sequence[Arrival]) -> None:
    """The ticket against each control at one sparsity, with intervals."""
    st.header(_("What is the ticket worth?"))
    stops = sorted({a.sparsity for a in arrived})
    at = stops[-1]
    if len(stops) > 1:
        at = st.select_slider(
            _("Sparsity"), stops, stops[-1], format_func=figures.percent, key="at",
            bind="query-params",
        )  # fmt: skip
    show.picture(
        lambda: figures.ahead(arrived, at, theme=shell.theme()),
        "ahead",
        python=python(base, race, f"race.plot.ahead({at})"),
    )


def explain(arrived: Sequence[Arrival]) -> None:
    """What each lane is and what it cost; the test behind the medal."""
    with st.expander(_("The lanes, and what each trained")):
        st.markdown("\n".join(f"- **{_(name)}**. {_(text)}" for name, text in LANES.items()))
        st.markdown(_(
            "The last training is as long in every lane. The way there is not: rounds cost a "
            "training each, which one shot and a small dense network save."
        ))  # fmt: skip
        lanes = figures.lane_table(arrived)
        whole = st.column_config.NumberColumn(format="%.0f")
        show.table(lanes, "lanes-table", formats={"epochs a run": whole})
        show.downloads(lanes, "lanes")
    with st.expander(_("The test behind the medal")):
        st.markdown(_(TEST))
        medals = figures.medal_table(arrived)
        show.table(medals, "medal-table")
        show.downloads(medals, "medals")


def python(base: RunSpec, race: Sequence[Starter], call: str) -> str:
    """The lines that make the same race in a notebook."""
    lanes = list(dict.fromkeys(starter.lane for starter in race))
    said = {k: v for k, v in base.to_json().items() if k not in ("method", "sparsity", "seed")}
    said = {"data": base.data, "model": base.model} | said
    said |= {"sparsity": sorted({starter.sparsity for starter in race})}
    said |= {} if lanes == list(LANES) else {"lanes": lanes}
    lines = "".join(f"    {name}={value!r},\n" for name, value in said.items())
    seeds = 1 + max(starter.spec.seed for starter in race)
    return f"import prunelab as pl\n\nrace = pl.race(\n{lines}    seed=range({seeds}),\n)\n{call}"
