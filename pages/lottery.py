"""Lottery: do winning tickets win, and is the lead more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.ui import controls, desk, fleet, shell, shipped, show, ticket
from prunelab import examples, figures
from prunelab.controls import DENSE
from prunelab.lottery import LANES, TICKET, Arrival, Starter, arrivals, starters
from prunelab.spec import RunSpec
from prunelab.speech import _

METHOD = "lottery-ticket"
START = RunSpec(method=METHOD)
STOPS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
USUAL = (0.8, 0.9, 0.95, 0.98, 0.99)
SEEDS = 5
MORE = 2  # seeds to add where the evidence does not reach


def main() -> None:
    with st.sidebar:
        race, base = _form()
    st.title(_("Do winning tickets win?"))
    st.markdown(_(
        "A big network holds small ones that learn as well alone, if they start from the values "
        "they had: winning tickets. That is the hypothesis. The lanes change one thing each."
    ))  # fmt: skip
    if not race:
        st.info(_("Choose the ticket, another lane and a sparsity on the left."))
        return
    specs = [starter.spec for starter in race]
    found = shipped.race(spec.key for spec in specs)
    arrived = arrivals(race, found)
    fleet.progress(specs)
    if arrived:
        _body(race, base, arrived)
    elif any(state in desk.ACTIVE for state in fleet.states(specs).values()):
        st.skeleton(480)
    else:
        _preview()
    fleet.failures(specs)


def _form() -> tuple[list[Starter], RunSpec]:
    known = desk.known()
    data, model, data_knobs, model_knobs = controls.subject(known, START, (METHOD,))
    fitting = [lane for lane in LANES if lane != "small dense" or model in DENSE]
    lanes = st.multiselect(_("Lanes"), fitting, fitting, key="lanes", bind="query-params")
    shares = st.multiselect(
        _("Sparsities in %"), STOPS, USUAL, key="sparsities", bind="query-params",
        format_func=lambda s: f"{100 * s:g}",
    )  # fmt: skip
    if "_seeds" in st.session_state:  # set by the button for more evidence, after this was drawn
        st.session_state["seeds"] = st.session_state.pop("_seeds")
    seeds = st.slider(
        _("Seeds"), 2, 15, SEEDS, key="seeds", bind="query-params",
        help=_("Each lane is run with each seed, and compared seed by seed."),
    )  # fmt: skip
    epochs = controls.preset(known, data, model)
    with st.expander(_("The ticket")):
        early = st.number_input(
            _("Rewind to epoch"), 0, 100, examples.RACE_KNOBS["rewind_epoch"], key="rewind",
            bind="query-params", help=_("0 sets weights back to their first values."),
        )  # fmt: skip
        rate = st.slider(
            _("Pruned a round"), 0.1, 0.9, examples.RACE_KNOBS["rate"], 0.1, key="rate",
            bind="query-params", help=_("Share of what is left that goes each round."),
        )  # fmt: skip
    base = RunSpec(
        data=data, model=model, method=METHOD, epochs=epochs, data_knobs=data_knobs,
        model_knobs=model_knobs, knobs={"rewind_epoch": early, "rate": rate},
    )  # fmt: skip
    length = epochs or known["datasets"][data]["epochs"]
    chosen = [lane for lane in LANES if lane in lanes]
    enough = TICKET in chosen and len(chosen) > 1
    race = starters(base, sorted(shares), range(seeds), epochs=length, lanes=chosen)
    if controls.wants_file(known, base):
        st.caption(_("Upload a file first."))
        return [], base
    race = race if enough else []
    if race:
        came = {entrant.result.key for entrant in examples.race()}
        fleet.start_button([starter.spec for starter in race], came.__contains__, key="start-race")
    return race, base


def _body(race: Sequence[Starter], base: RunSpec, arrived: Sequence[Arrival]) -> None:
    came = {entrant.result.key for entrant in examples.race()}
    if any(a.key in came for a in arrived):
        st.caption(_("Runs that came with PruneLab are among these; seeds you add are run here."))
    even = st.toggle(_("Even steps along both axes"), key="even", bind="query-params")
    clicked = show.picture(
        lambda: figures.race(arrived, theme=shell.theme(), even=even),
        "race",
        python=ticket.python(base, race, "race.plot.race()"),
        clicks=True,
    )
    if clicked and "customdata" in clicked[0]:
        key = str(clicked[0]["customdata"][0])
        if desk.exists(key):
            st.page_link(
                shell.page("lab"), label=_("Open {key} in the Lab", key=key),
                query_params={"run": key},
                icon=":material/open_in_new:",
            )  # fmt: skip
    ticket.medals(arrived)
    _more(race, base, arrived)
    ticket.ahead(base, race, arrived)
    ticket.explain(arrived)


def _more(race: Sequence[Starter], base: RunSpec, arrived: Sequence[Arrival]) -> None:
    """Two seeds more at the sparsities where the leader is not ahead beyond chance."""
    open_ = ticket.undecided(arrived)
    if not open_ or len(arrived) < len(race):
        return
    seeds = 1 + max(starter.spec.seed for starter in race)
    if seeds + MORE > 15:
        return
    known = desk.known()["datasets"][base.data]["epochs"]
    lanes = list(dict.fromkeys(starter.lane for starter in race))
    shares = sorted({starter.sparsity for starter in race})
    further = starters(
        base, shares, range(seeds, seeds + MORE), epochs=base.epochs or known, lanes=lanes
    )
    specs = [starter.spec for starter in further]
    where = ", ".join(figures.percent(share) for share in open_)
    st.button(
        _(
            "Not enough evidence at {where}: run {more} more seeds ({n} runs)",
            where=where, more=MORE, n=len(specs),
        ),
        key="more-seeds", icon=":material/add:", on_click=_add, args=(specs, seeds + MORE),
    )  # fmt: skip
    st.caption(f"{fleet.forecast(specs).capitalize()}.")


def _add(specs: Sequence[RunSpec], seeds: int) -> None:
    if desk.start(specs):
        st.session_state["_seeds"] = seeds


def _preview() -> None:
    show.empty(
        _("What you will see"),
        _(
            "One line a lane: accuracy against sparsity, with a band over the seeds. A "
            "medal appears only where the leader is ahead of every other lane by more than "
            "chance."
        ),
    )
    entrants = examples.race()
    race = [Starter(e.lane, e.sparsity, e.spec) for e in entrants]
    arrived = arrivals(race, {e.result.key: e.result for e in entrants})
    spec = entrants[0].spec
    st.markdown(_(
        "For example {model} on {data}, which came with PruneLab:",
        model=spec.model, data=spec.data,
    ))  # fmt: skip
    show.picture(
        lambda: figures.race(arrived, theme=shell.theme()),
        "preview",
        python=ticket.python(replace(spec, sparsity=0.9), race, "race.plot.race()"),
    )


shell.show(main)
