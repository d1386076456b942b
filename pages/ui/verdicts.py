"""What a comparison says: its grade, what is missing, what is beyond chance, who pays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import desk, fleet, shell, shipped, show
from prunelab import fair, figures
from prunelab.controls import every
from prunelab.events import Result
from prunelab.fair import Case, Entry, Finding, Judgement
from prunelab.fair.case import CONTROLS
from prunelab.layers import kept_units
from prunelab.spec import RunSpec
from prunelab.speech import _, many, mark

Add = Callable[[tuple[RunSpec, ...], tuple[str, ...]], None]
WORDS = {
    "A": mark("Every rule is kept."),
    "B": mark("Sound; what is missing would not change much."),
    "C": mark("One rule that matters is broken, or several small ones."),
    "D": mark("Too much is missing to build on it."),
    "E": mark("Little can be concluded from these runs."),
    "F": mark("Nothing can be concluded from these runs."),
}


@dataclass(frozen=True)
class Seen:
    """What is compared: the runs, the same as rows on common axes, and the Python that opens them.

    A control of a method is no method, so ``methods`` leaves those out.
    """

    results: Sequence[Result]
    rows: pd.DataFrame
    python: str

    @property
    def methods(self) -> list[Result]:
        """The runs without controls."""
        return [r for r in self.results if r.spec.get("recover") not in CONTROLS]


def grade(judged: Judgement) -> None:
    """The grade as a large letter, and how many rules are kept."""
    kept = sum(f.holds for f in judged.findings)
    letter, words = st.columns([1, 7], vertical_alignment="center")
    letter.html(f'<p class="grade {judged.grade}">{judged.grade}</p>')
    words.markdown(f"**{_(WORDS[judged.grade])}**")
    words.markdown(_(
        "{kept} of {all} rules of fair comparison are kept.",
        kept=kept, all=len(judged.findings),
    ))  # fmt: skip


def broken(judged: Judgement, *, add: Add) -> None:
    """Each broken rule with what to do, and a button that starts what is missing."""
    for finding in judged.broken:
        with st.container(border=True, key=f"card-{finding.name.replace(' ', '-')}"):
            text, button = st.columns([2, 1], vertical_alignment="center")
            small = "" if finding.must else _(" (a small point)")
            text.markdown(f"**{finding.title}**{small}")
            text.markdown(show.plain(f"{finding.said} {finding.todo}"))
            text.caption(finding.source)
            if finding.missing:
                with button:
                    _button(finding, add)


def _button(finding: Finding, add: Add) -> None:
    states = fleet.states(finding.missing)
    new = tuple(s for s in finding.missing if states.get(s.key) not in (*desk.ACTIVE, "finished"))
    refused = fleet.refusal((), new)
    label = many("Add {n} run", "Add {n} runs", len(new)) if new else _("On their way")
    st.button(
        label, key=f"add-{finding.name}", width="stretch", icon=":material/add:",
        on_click=add, args=(new, finding.instead_of), disabled=not new or bool(refused),
    )  # fmt: skip
    if new:
        st.caption(show.said(refused) or f"{fleet.forecast(new).capitalize()}.")


def kept(judged: Judgement, python: str) -> None:
    """All rules with their sources, a click away."""
    with st.expander(_("All rules, and where they are written")):
        st.markdown(_(
            "A broken rule that matters costs 3, a small one 1. Nothing is an **A**, up to 2 a "
            "**B**, 4 a **C**, 7 a **D**, 10 an **E**."
        ))  # fmt: skip
        show.table(judged.table, "rules")
        show.twins(judged.table, "referee", python=python)


def chance(seen: Seen) -> None:
    """Which differences are beyond chance."""
    rows, python = seen.rows, seen.python
    if rows["series"].nunique() < 2:
        st.info(_("One line has nothing to be compared with. Choose another on the left."))
        return
    names = sorted(rows["series"].unique(), key=lambda n: (not figures.is_baseline(n), n))
    other = st.selectbox(_("Compared with"), names, key="against", width=320)
    shown = rows[rows["asked"] > 0]
    show.picture(
        lambda: figures.gaps(fair.compared(shown, other), theme=shell.theme()),
        "gaps",
        python=f"{python}runs.plot.gaps({other!r})",
    )
    _over_all(shown, other)
    with st.expander(_("The test behind it")):
        st.markdown(_(TEST))


def _over_all(rows: pd.DataFrame, other: str) -> None:
    for one in fair.overall(rows, other)[:6]:
        if one.seeds > 1:
            line = _(
                "Over all {n} sparsities **{series}** is {low:+.1f} to {high:+.1f} points ahead of "
                "{other}.",
                n=one.points, series=show.plain(one.series), low=100 * one.low,
                high=100 * one.high, other=show.plain(other),
            )  # fmt: skip
            clear = "" if one.low > 0 or one.high < 0 else " " + _("**Not beyond chance.**")
            st.markdown(line + clear)


TEST = mark("""
Runs with the same seed begin with the same values and see the examples in the same order. So they
are compared **seed by seed**: the difference in each seed, its mean, and a 95 % t-interval of it
(paired t-test). Looking at many differences finds some by luck; **Holm's correction** raises the
p-values so that in 95 of 100 comparisons like this nothing is called a difference that is none.

Over all sparsities together whole **seeds are drawn anew 9 999 times** (paired bootstrap), so that
what one seed does at several sparsities stays together; the level is shared out over the lines.
With fewer than five seeds a bootstrap is too sure of itself, and the wider t-interval is shown.

"No difference found" is not "equal". The column *detectable* of the numbers says which gap so many
seeds would find in four of five cases.
""")


def _shared_sparsity(results: Sequence[Result]) -> float | None:
    """The sparsity one looks at, of those that every line has run; None where there is none."""
    stops = _stops(results)
    if not stops:
        st.info(_("There is no sparsity that every line has run; choose fewer lines on the left."))
        return None
    if len(stops) == 1:
        return stops[0]
    at: float = st.select_slider(
        _("Sparsity"), stops, stops[-1], format_func=figures.percent, key="paid-at", width=480
    )
    return at


def paid(seen: Seen) -> None:
    """Which classes lost most, and which examples."""
    results, python = seen.methods, seen.python
    at = _shared_sparsity(results)
    if at is None:
        return
    found = fair.by_series(results, at)[0]
    whole = {n: [w for r in rs if (w := _whole(r))] for n, rs in found.items()}
    classes = next((list(r.settings.get("classes", ())) for rs in whole.values() for r in rs), [])
    show.picture(
        lambda: figures.damage(whole, classes, theme=shell.theme()),
        "damage",
        python=f"{python}runs.plot.damage({at})",
    )
    names = sorted(found, key=lambda n: (figures.is_baseline(n.split(" · ")[0]), n))
    name = st.selectbox(_("Forgotten by"), names, key="forgotten-by", width=320)
    keys = {p.key for p in figures.points(results) if p.series == name and p.asked}
    line = shipped.answers_by_sparsity(r for r in results if r.key in keys)
    show.picture(
        lambda: figures.forgotten(name, line, at, classes, theme=shell.theme()),
        "forgotten",
        python=f"{python}runs.plot.forgotten({name!r}, {at})",
    )


def _whole(result: Result) -> Result | None:
    """The run with its confusion, which the list of runs leaves out."""
    return result if result.dense.get("confusion") else desk.result(result.key)


def agreement(seen: Seen) -> None:
    """How much of what methods keep is the same, at one sparsity."""
    at = _shared_sparsity(seen.methods)
    if at is None:
        return
    found = fair.by_series(seen.methods, at)[0]
    python = f"{seen.python}runs.plot.agreement({at})"
    show.picture(lambda: _agreed(found), "agreement", python=python)


def _agreed(found: dict[str, list[Result]]) -> figures.Picture:
    seeds = set.intersection(*({r.spec.get("seed", 0) for r in rs} for rs in found.values()))
    if not seeds:
        raise ValueError("These lines share no seed, so their masks cannot be compared.")
    first = {
        name: next(r for r in rs if r.spec.get("seed", 0) == min(seeds))
        for name, rs in found.items()
    }
    masks: dict[str, Any] = {n: kept_units(desk.folder(r.key)) for n, r in first.items()}
    share = 1 - min(float(r.sparsity["achieved"]) for r in first.values())
    return figures.agreement(fair.jaccard(masks), fair.by_chance(share), theme=shell.theme())


def _stops(results: Sequence[Result]) -> list[float]:
    """The sparsities that every line has run."""
    lines: dict[str, set[float]] = {}
    for point in figures.points(results):
        if point.asked:
            lines.setdefault(point.series, set()).add(point.asked)
    return sorted(set.intersection(*lines.values())) if lines else []


def rethinking(seen: Seen) -> None:
    """Whether a small network would have done as well, had it been trained as long."""
    case = Case.of(seen.results, desk.known())
    nets = list(dict.fromkeys(e.series for e in case.own if e.network and not e.random))
    if not nets:
        st.info(_("These controls are for networks that a method prunes; no such run is chosen."))
        return
    st.markdown(_(
        "What is left may owe its accuracy to its shape, to the values it inherited, or to the "
        "longer training. Controls change one of these at a time (Liu et al. 2019): from scratch "
        "for as many epochs, and for as many multiply-adds; a narrow network with no holes; and "
        "the dense one trained for the same time."
    ))  # fmt: skip
    left, right = st.columns(3)[:2]
    series = left.selectbox(_("Controls of"), nets, key="controls-of")
    mine = [e for e in case.own if e.series == series]
    stops = sorted({e.at for e in mine}, reverse=True)
    known = [at for at in stops if shipped.controls(_keys(mine, at))]
    at = right.selectbox(
        _("at"), stops, stops.index(known[0]) if known else 0, key="controls-at",
        format_func=figures.percent,
    )  # fmt: skip
    here = [e for e in mine if e.at == at]
    asked = {e.spec.seed: every(replace(e.spec, recover=""), e.result.plan) for e in here}
    specs = [spec for by_name in asked.values() for spec in by_name.values()]
    done = shipped.controls(spec.key for spec in specs)
    fleet.start_button(
        specs, done.__contains__, key="start-controls", label=mark("Run {n} controls")
    )
    if done:
        found = {
            name: [done[by[name].key] for by in asked.values() if by[name].key in done]
            for name in next(iter(asked.values()))
        }
        pruned = [e.result for e in here]
        show.picture(
            lambda: figures.rethinking(series, at, pruned, found, theme=shell.theme()),
            "rethinking",
            python=f"{seen.python}runs.plot.rethinking({series!r}, {at})",
        )


def _keys(entries: Sequence[Entry], at: float) -> list[str]:
    """The controls of all seeds at a sparsity."""
    here = [e for e in entries if e.at == at]
    return [s.key for e in here for s in every(replace(e.spec, recover=""), e.result.plan).values()]
