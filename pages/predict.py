"""Predict: sketch the curve of accuracy against sparsity, then see the truth drawn over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import classroom, desk, fleet, shell, show, sketch, who
from prunelab import examples, figures, prediction, sketches
from prunelab.prediction import Question
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _, many
from prunelab.store import Row

MOST = 1000  # runs of the store that are looked through


def main() -> None:
    asked = _questions(desk.known())
    with st.sidebar:
        question = _choose(asked)
        st.divider()
        code = classroom.code(
            _("Everybody who opens a link with the same room sees the sketches of all.")
        )
    drawn = sketch.dots()
    known = st.session_state.setdefault("_revealed", {})
    place = f"{question.key} {code}"
    kept = drawn is not None and known.get(place) == drawn
    revealed = kept and question.known
    _title(question, drawn, revealed=revealed)
    round_ = st.session_state.get("_round", 0)
    sketch.picture(question, drawn, revealed=revealed, of=f"{place} {round_}")
    if revealed and drawn is not None:
        _revealed(question, drawn, place)
    elif kept:
        _waits(question, place)
    else:
        words = _("Reveal the truth") if question.known else _("Keep this sketch")
        icon = ":material/visibility:" if question.known else ":material/lock:"
        st.button(
            words, type="primary", key="reveal", icon=icon,
            disabled=drawn is None, on_click=_reveal, args=(question, code, place),
            help=_("Move at least one dot first.") if drawn is None else None,
        )  # fmt: skip
    if code:
        _everybody(question, code, revealed=revealed)


def _questions(known: Mapping[str, Any]) -> list[Question]:
    """The curves that came with PruneLab, then those of sweeps that go on, then of finished ones.

    Runs of the store that repeat those of an example are not asked about twice.
    """
    trained = prediction.after_training(known)
    shipped = prediction.questions(examples.example().sweep, trained)
    rows = desk.store().runs(limit=MOST, state="finished")
    own = prediction.questions([row.result for row in rows], trained)
    waits = prediction.awaited(_going(rows), trained)
    # What came with PruneLab is known, whatever runs; a curve of one's own once all runs are over.
    best = {question.key: question for question in (*own, *waits, *shipped)}
    keys = dict.fromkeys(question.key for question in (*shipped, *waits, *own))
    return [best[key] for key in keys]


def _going(finished: Sequence[Row]) -> list[RunSpec]:
    """All runs of the sweeps that go on."""
    active = [s for state in desk.ACTIVE for s in desk.store().runs(limit=MOST, state=state)]
    about = {prediction.alike(row.spec) for row in active}
    return [row.spec for row in (*active, *finished) if prediction.alike(row.spec) in about]


def _choose(asked: Sequence[Question]) -> Question:
    by = {question.key: question for question in asked}
    chosen = st.selectbox(
        _("Which curve"), [*by], key="question", bind="query-params",
        format_func=lambda key: by[key].title,
        help=_(
            "Sweeps of yours are here too, also while they run: four sparsities between 50 and 99 "
            "% at least."
        ),
    )  # fmt: skip
    return by.get(chosen, asked[0])


def _title(question: Question, drawn: Sequence[int] | None, *, revealed: bool) -> None:
    if revealed and drawn is not None:
        off = prediction.distance(_shares(drawn), question)
        st.title(_("{off:.1f} points off on average", off=off))
        st.markdown(f"**{show.plain(prediction.reading(_shares(drawn), question).words)}**")
        return
    st.title(_("How much can go before it breaks?"))
    st.markdown(_(
        "The curve of **{title}**. {dense}. How many would you expect with half of its "
        "weights removed, with nine of ten, with all but one of a hundred? Draw it before you "
        "look.",
        title=show.plain(question.title), dense=sketch.dense_words(question),
    ))  # fmt: skip


def _reveal(question: Question, code: str, place: str) -> None:
    drawn = sketch.dots()
    if drawn is None:
        return
    st.session_state["_revealed"][place] = drawn
    if not code:
        return
    try:
        sketches.put(code, question.key, who.owner(), drawn, desk.store().home)
    except (SpecError, OSError) as problem:
        st.session_state["_problem"] = str(problem)


def _waits(question: Question, place: str) -> None:
    """The sketch is kept; the truth is drawn over it when the last run has ended."""
    st.markdown(_("**Kept.** The truth is drawn over your sketch when the last run has ended."))
    rows = [row for state in desk.ACTIVE for row in desk.store().runs(limit=MOST, state=state)]
    trained = prediction.after_training(desk.known())
    fleet.progress([r.spec for r in rows if question.key in prediction.keys(r.spec, trained)])
    st.button(
        _("Sketch again"), key="again", icon=":material/draw:", on_click=_again, args=(place,)
    )


def _again(place: str) -> None:
    st.session_state["_revealed"].pop(place, None)
    st.session_state["_round"] = st.session_state.get("_round", 0) + 1
    st.query_params.pop(sketch.KEY, None)


def _revealed(question: Question, drawn: Sequence[int], place: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Sketch again"), key="again", icon=":material/draw:", on_click=_again, args=(place,)
        )
        st.page_link(
            shell.page("sweep"), label=_("Make a sweep to be asked about"),
            icon=":material/show_chart:",
        )  # fmt: skip
    show.twins(figures.sketched(_shares(drawn), question).table, "sketched", python=_python(drawn))
    st.caption(_(
        "The score is the mean distance of your dots from the curve, {where}. Zero is "
        "perfect; between two sparsities that were run the curve is a straight line.",
        where=sketch.stops_words(question),
    ))  # fmt: skip


def _everybody(question: Question, code: str, *, revealed: bool) -> None:
    st.header(_("Room {code}", code=code), anchor=False)
    shown = st.toggle(
        _("Show everybody's sketches"), revealed, key=f"everybody-{revealed}",
        help=_(
            "A sketch comes here when its author reveals the truth; it stays as it was drawn."
        ),
    )  # fmt: skip

    def live() -> None:
        found = sketches.sketches(code, question.key, desk.store().home)
        people = many("{n} sketch", "{n} sketches", len(found))
        off = [prediction.distance(_shares(one), question) for one in found]
        mean = ""
        if off and revealed:
            mean = _(", {mean:.1f} points off on average", mean=sum(off) / len(off))
        st.markdown(_(
            "**{sketches}**{mean}. The address of this page brings others here.",
            sketches=people, mean=mean,
        ))  # fmt: skip
        if shown and found:
            sketch.room(question, found, revealed=revealed)

    st.fragment(live, run_every=2.0)()


def _shares(drawn: Sequence[int]) -> list[float]:
    return [value / 100 for value in drawn]


def _python(drawn: Sequence[int]) -> str:
    return (
        "from prunelab import examples, figures, prediction\n\n"
        "asked = prediction.questions(examples.example().sweep, trained=['magnitude'])\n"
        f"figures.sketched({_shares(drawn)}, asked[0]).figure"
    )


shell.show(main)
