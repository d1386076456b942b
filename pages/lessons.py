"""Lessons: eight ideas of five minutes each, on the live pages."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.ui import classroom, desk, shell, show, who
from pages.ui.rooms import Card, cards, walk
from prunelab import lessons
from prunelab.lessons import Lesson
from prunelab.spec import SpecError
from prunelab.speech import _, many


def main() -> None:
    known = lessons.lessons()
    with st.sidebar:
        code = classroom.code(_("Everybody with the same room counts; names are told to nobody."))
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
    st.title(_("Eight lessons of five minutes"))
    st.markdown(_(
        "Each has one idea, something to do on a live page, and a question that it answers."
    ))  # fmt: skip
    st.progress(
        len(done) / len(known), text=_("{done} of {all} finished", done=len(done), all=len(known))
    )
    every = [
        Card(
            name,
            _(lesson.title),
            _(lesson.idea),
            _("Begin"),
            ":material/play_lesson:",
            name in done,
        )
        for name, lesson in known.items()
    ]
    cards("lesson", every, columns=2, seen=_("Finished; again"))


def _join(code: str) -> None:
    """Be in the room, with what one has finished so far."""
    try:
        lessons.share(code, who.owner(), desk.whole().home)
    except (SpecError, OSError) as problem:
        st.warning(show.said(problem))


def _class(known: Mapping[str, Lesson], code: str) -> None:
    """How far the room is, live: for whoever leads it."""
    st.header(_("Room {code}", code=code), anchor=False)

    def live() -> None:
        people, finished = lessons.progress(code, desk.whole().home)
        st.markdown(many(
            "**one learner** in this room. The address of this page brings others here.",
            "**{n} learners** in this room. The address of this page brings others here.",
            people,
        ))  # fmt: skip
        for number, (name, lesson) in enumerate(known.items(), 1):
            done = finished[name]
            st.progress(
                done / max(1, people),
                text=_(
                    "{number}. {lesson}: {done} of {all} finished",
                    number=number, lesson=_(lesson.title), done=done, all=people,
                ),
            )  # fmt: skip

    st.fragment(live, run_every=2.0)()


def _lesson(known: Mapping[str, Lesson], name: str, code: str) -> None:
    lesson = known[name]
    walk("lesson", list(known), name)
    st.title(_(lesson.title))
    st.markdown(_(lesson.idea))
    st.header(_("Do"), anchor=False)
    for number, step in enumerate(lesson.steps, 1):
        with st.container(border=True, key=f"card-step-{number}"):
            st.markdown(f"**{number}.** {_(step.text)}")
            if step.page:
                st.page_link(
                    shell.page(step.page), label=_("Open {page}", page=_(shell.TITLES[step.page])),
                    icon=":material/open_in_new:", query_params=step.query,
                )  # fmt: skip
    st.header(_("Answer"), anchor=False)
    _question(lesson, code)
    with st.expander(_("For teachers"), icon=":material/school:"):
        st.markdown(_(lesson.teacher))
        st.caption(_("This page prints on one sheet; its link opens this lesson."))


def _question(lesson: Lesson, code: str) -> None:
    answer = st.radio(
        _(lesson.question), range(len(lesson.options)), index=None, key=f"answer-{lesson.name}",
        format_func=lambda n: _(lesson.options[n]),
    )  # fmt: skip
    if answer is None:
        st.caption(_("Do the steps first: they show the answer."))
    elif answer == lesson.answer:
        st.success(_(lesson.why), icon=":material/check:")
        _finish(lesson.name, code)
    else:
        st.info(_("Not quite. Go back to the steps and look again."), icon=":material/replay:")


def _finish(name: str, code: str) -> None:
    try:
        if name not in _done():
            lessons.finish(who.owner(), name, desk.whole().home)
            if code:
                _join(code)
    except SpecError as problem:
        st.warning(show.said(problem))


shell.show(main, chooses=False)
