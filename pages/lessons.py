"""Lessons: eight ideas of five minutes each, on the live pages."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.ui import desk, shell, show, who
from prunelab import lessons
from prunelab.lessons import Lesson
from prunelab.spec import SpecError


def main() -> None:
    known = lessons.lessons()
    name = st.query_params.get("lesson", "")
    if name in known:
        _lesson(known, name)
        return
    _all(known)
    if name:
        st.warning(show.plain(f"There is no lesson {name[:60]}; all of them are above."))


def _done() -> set[str]:
    return lessons.done(who.owner(), desk.whole().home)


def _all(known: Mapping[str, Lesson]) -> None:
    done = _done()
    st.title("Eight lessons of five minutes")
    st.markdown(
        "Each has one idea, something to do on a live page, and a question that it answers."
    )
    st.progress(len(done) / len(known), text=f"{len(done)} of {len(known)} finished")
    places = [place for _ in range(0, len(known), 2) for place in st.columns(2, gap="small")]
    for number, (name, lesson) in enumerate(known.items(), 1):
        with places[number - 1], st.container(border=True, height="stretch", key=f"card-{name}"):
            st.markdown(f"**{number}. {lesson.title}**")
            st.markdown(lesson.idea)
            st.button(
                "Finished; again" if name in done else "Begin",
                icon=":material/check:" if name in done else ":material/play_lesson:",
                key=f"open-{name}", on_click=_go, args=(name,),
            )  # fmt: skip


def _go(name: str) -> None:
    if name:
        st.query_params["lesson"] = name
    else:
        st.query_params.pop("lesson", None)


def _lesson(known: Mapping[str, Lesson], name: str) -> None:
    lesson, names = known[name], list(known)
    place = names.index(name)
    with st.container(horizontal=True, vertical_alignment="center", key="walk"):
        st.button("All lessons", icon=":material/grid_view:", on_click=_go, args=("",))
        if place + 1 < len(names):
            st.button(
                "Next", icon=":material/arrow_forward:", on_click=_go, args=(names[place + 1],),
                key="next",
            )  # fmt: skip
        st.caption(f"Lesson {place + 1} of {len(names)}")
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
    _question(lesson)
    with st.expander("For teachers", icon=":material/school:"):
        st.markdown(lesson.teacher)
        st.caption("This page prints on one sheet; its link opens this lesson.")


def _question(lesson: Lesson) -> None:
    answer = st.radio(
        lesson.question, range(len(lesson.options)), index=None, key=f"answer-{lesson.name}",
        format_func=lesson.options.__getitem__,
    )  # fmt: skip
    if answer is None:
        st.caption("Do the steps first: they show the answer.")
    elif answer == lesson.answer:
        st.success(lesson.why, icon=":material/check:")
        _finish(lesson.name)
    else:
        st.info("Not quite. Go back to the steps and look again.", icon=":material/replay:")


def _finish(name: str) -> None:
    try:
        if name not in _done():
            lessons.finish(who.owner(), name, desk.whole().home)
    except SpecError as problem:
        st.warning(show.plain(str(problem)))


shell.show(main, chooses=False)
