"""Lessons: eight ideas of five minutes each, on the live pages."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.ui import classroom, desk, shell, show, who
from pages.ui.rooms import Card, cards, walk
from prunelab import lessons
from prunelab.lessons import Lesson
from prunelab.spec import SpecError


def main() -> None:
    known = lessons.lessons()
    with st.sidebar:
        code = classroom.code("Everybody with the same room counts; names are told to nobody.")
    if code:
        _join(code)
    name = st.query_params.get("lesson", "")
    if name in known:
        _lesson(known, name, code)
    else:
        _all(known)
        if code:
            _class(known, code)


def _done() -> set[str]:
    return lessons.done(who.owner(), desk.whole().home)


def _all(known: Mapping[str, Lesson]) -> None:
    done = _done()
    st.title("Eight lessons of five minutes")
    st.markdown(
        "Each has one idea, something to do on a live page, and a question that it answers."
    )
    st.progress(len(done) / len(known), text=f"{len(done)} of {len(known)} finished")
    every = [
        Card(name, lesson.title, lesson.idea, "Begin", ":material/play_lesson:", name in done)
        for name, lesson in known.items()
    ]
    cards("lesson", every, columns=2, seen="Finished; again")


def _join(code: str) -> None:
    """Be in the room, with what one has finished so far."""
    try:
        lessons.share(code, who.owner(), desk.whole().home)
    except (SpecError, OSError) as problem:
        st.warning(show.plain(str(problem)))


def _class(known: Mapping[str, Lesson], code: str) -> None:
    """How far the room is, live: for whoever leads it."""
    st.header(f"Room {code}", anchor=False)

    def live() -> None:
        many, finished = lessons.progress(code, desk.whole().home)
        people = "one learner" if many == 1 else f"{many} learners"
        st.markdown(f"**{people}** in this room. The address of this page brings others here.")
        for number, (name, lesson) in enumerate(known.items(), 1):
            done = finished[name]
            st.progress(
                done / max(1, many), text=f"{number}. {lesson.title}: {done} of {many} finished"
            )

    st.fragment(live, run_every=2.0)()


def _lesson(known: Mapping[str, Lesson], name: str, code: str) -> None:
    lesson = known[name]
    walk("lesson", list(known), name)
    st.title(lesson.title)
    st.markdown(lesson.idea)
    st.header("Do", anchor=False)
    for number, step in enumerate(lesson.steps, 1):
        with st.container(border=True, key=f"card-step-{number}"):
            st.markdown(f"**{number}.** {step.text}")
            if step.page:
                st.page_link(
                    shell.page(step.page), label=f"Open {shell.TITLES[step.page]}",
                    icon=":material/open_in_new:", query_params=step.query,
                )  # fmt: skip
    st.header("Answer", anchor=False)
    _question(lesson, code)
    with st.expander("For teachers", icon=":material/school:"):
        st.markdown(lesson.teacher)
        st.caption("This page prints on one sheet; its link opens this lesson.")


def _question(lesson: Lesson, code: str) -> None:
    answer = st.radio(
        lesson.question, range(len(lesson.options)), index=None, key=f"answer-{lesson.name}",
        format_func=lesson.options.__getitem__,
    )  # fmt: skip
    if answer is None:
        st.caption("Do the steps first: they show the answer.")
    elif answer == lesson.answer:
        st.success(lesson.why, icon=":material/check:")
        _finish(lesson.name, code)
    else:
        st.info("Not quite. Go back to the steps and look again.", icon=":material/replay:")


def _finish(name: str, code: str) -> None:
    try:
        if name not in _done():
            lessons.finish(who.owner(), name, desk.whole().home)
            if code:
                _join(code)
    except SpecError as problem:
        st.warning(show.plain(str(problem)))


shell.show(main, chooses=False)
