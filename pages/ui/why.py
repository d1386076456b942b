"""The card that answers "why was this cut?", and the question asked of any unit of a run."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import desk, elsewhere, shell, show
from prunelab import aside, reasons
from prunelab.events import Result
from prunelab.figures import count
from prunelab.reasons import Reasons
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _, mark
from prunelab.why import Why


def card(found: Why, what: str, *, among: str, score: str = "", note: str = "") -> None:
    """Score, rank, line and who else keeps it; ``score`` is how the score came about, if told.

    ``among`` says what it was ranked with: "300 in this layer".
    """
    with st.container(border=True, key="card-why"):
        what = show.plain(what)
        stays, goes = (
            _("**Why does {what} stay?**", what=what),
            _("**Why does {what} go?**", what=what),
        )
        st.markdown(stays if found.kept else goes)
        if found.score is not None:
            _ranked(found, among, score or f"{found.score:.4g}")
        if note:
            st.markdown(note)
        others = len(found.also_kept) + len(found.also_gone)
        if others:
            st.markdown(_(
                "{n} of {all} other methods would keep it",
                n=len(found.also_kept), all=others,
            ))  # fmt: skip
            with st.expander(_("Which")):
                st.markdown(_("**Keep it:** {methods}", methods=_list(found.also_kept)))
                st.markdown(_("**Let it go:** {methods}", methods=_list(found.also_gone)))


def _ranked(found: Why, among: str, score: str) -> None:
    st.markdown(_("Its score: {score}", score=show.plain(score)))
    st.markdown(_("Rank {rank} of {among}", rank=count(found.rank), among=among))
    if found.lowest_kept is not None and found.highest_gone is not None:
        low, high = _apart(found.lowest_kept, found.highest_gone)
        st.markdown(_(
            "The lowest that stays has {low}, the highest that goes {high}",
            low=low, high=high,
        ))  # fmt: skip


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart."""
    digits = next((n for n in (3, 4, 5, 6, 7) if f"{one:.{n}g}" != f"{other:.{n}g}"), 3)
    return f"{one:.{digits}g}", f"{other:.{digits}g}"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or _("none")


def of_run(
    result: Result,
    group: str,
    unit: int,
    what: str,
    *,
    kept: bool,
    place: str = mark("{n} in this layer"),
) -> None:
    """Why a unit of a run stays or goes; the first time another process asks all methods.

    An empty ``group`` is the first one: of trees the one that is drawn.
    """
    spec = RunSpec.from_json(result.spec)
    found, notes = _asked(spec)
    if found is None:
        return
    group = group or found.groups[0]
    try:
        why = found.why(group, unit, kept=kept)
    except ValueError:
        st.info(_("The units of this run are others than those that are drawn."))
        return
    units, all_ = _(result.unit or mark("units")), count(why.of)
    among = _("all {n} {units}", n=all_, units=units) if found.whole else _(place, n=all_)
    label = f"{found.label} = {why.score:.3g}" if why.score is not None else ""
    card(why, what, among=among, score=label, note=_note(found, group, unit, kept=kept))
    for note in notes:
        st.caption(show.said(note))
    st.caption(_(
        "The other methods look at the same model, each with its usual settings, and keep as many "
        "{units}; those that prune before training look at the first values.",
        units=units,
    ))  # fmt: skip
    if shows := _xray(spec.method):
        st.page_link(
            shell.page("xray"), label=_("{method} step by step", method=spec.method),
            icon=":material/search:",
            query_params=shows,
        )  # fmt: skip


def _note(found: Reasons, group: str, unit: int, *, kept: bool) -> str:
    """What the ranking does not explain."""
    if not found.scores:
        return _(
            "{method} chose again and again while the network trained, so no single "
            "score decided. Training-time shows when it went.",
            method=found.method,
        )
    if found.kept[found.method][group][unit] != kept:
        return _(
            "By this score alone it would be the other way round: the run chose in "
            "rounds, or chose later, when the values were others."
        )
    return (
        ""
        if found.why(group, unit, kept=kept).by_rank
        else _("Rank alone did not decide: this method chooses within small groups, one from each.")
    )


def _xray(method: str) -> dict[str, str]:
    return {"method": method} if desk.known()["methods"][method]["units"] != ["examples"] else {}


def _asked(spec: RunSpec) -> tuple[Reasons | None, tuple[str, ...]]:
    """What all methods say, and why some cannot; asks them, shows how far that is."""
    try:
        ordered = reasons.order(spec)
    except SpecError as refused:
        st.info(_(
            "The methods cannot be asked about this run: {problem}", problem=show.said(refused)
        ))  # fmt: skip
        return None, ()
    folder = reasons.place(ordered, desk.store().home)
    found, damage = elsewhere.read(_read, folder, ready=True)
    state = aside.look(folder)
    if found is not None:
        return found, state.notes
    if state.name == "none" and not damage:
        elsewhere.begin(lambda: reasons.start(ordered, desk.store().home))
        state = aside.look(folder)
    if state.name == "growing":
        elsewhere.wait(folder, "reasons")
        return None, ()
    st.error(show.said(damage or state.reason or _("The methods could not be asked.")))
    st.button(
        _("Ask again"), key="ask-again", icon=":material/replay:", on_click=elsewhere.begin,
        args=(lambda: reasons.start(ordered, desk.store().home),),
    )  # fmt: skip
    return None, ()


def _read(folder: Path) -> Reasons | None:
    return elsewhere.once(reasons.read, folder / reasons.FILE)
