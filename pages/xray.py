"""X-ray: a method step by step on a layer of four by four, a small tree or a few examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import card, desk, shell, show, why
from prunelab import figures, xray
from prunelab.figures import count
from prunelab.speech import _

FIRST = "magnitude"


def main() -> None:
    with st.spinner(_("Working every method through, a few seconds the first time")):
        worked = desk.worked()
    names = xray.walked(worked)
    if not names:
        st.title(_("X-ray"))
        st.info(_("No method has an example small enough to follow."))
        return
    place, layered = st.container(), xray.drawn(worked)
    method = st.selectbox(
        _("Method"), names, names.index(FIRST) if FIRST in names else 0, key="method",
        bind="query-params", width=320,
    )  # fmt: skip
    if left := [name for name in worked if name not in names]:
        st.caption(_("Too large for an example of this size: {left}.", left=", ".join(left)))
    steps = xray.steps(worked, method)
    titles = [f"{i}. {_(step['title'])}" for i, step in enumerate(steps, 1)]
    chosen = _walk(titles, method)
    place.title(_title(steps[chosen], method))
    _step(worked, method, steps[chosen])
    if method in layered:
        st.header(_("Who agrees"), anchor=False)
        _agree(worked, method)


def _walk(titles: list[str], method: str) -> int:
    """Which step is shown: buttons, and on to the next."""
    key = f"step-{method}"
    with st.container(horizontal=True, vertical_alignment="bottom", key="walk"):
        st.segmented_control(_("Step"), titles, default=titles[0], key=key, required=True)
        at = titles.index(st.session_state.get(key) or titles[0])
        st.button(
            _("Next step"), icon=":material/arrow_forward:", disabled=at + 1 == len(titles),
            on_click=_set, args=(key, titles[min(at + 1, len(titles) - 1)]), key="next",
        )  # fmt: skip
    return at


def _set(key: str, title: str) -> None:
    st.session_state[key] = title


def _title(step: Mapping[str, Any], method: str) -> str:
    says = {
        "Weights w": _("These weights are there"),
        "Gradient ∂L/∂w": _("This is how the loss would change"),
        "Score": _("{method} gives each a score", method=method),
        "Allocate": _("So many may stay"),
        "Select": _("The highest stay, the others go"),
        "Forward": _("And this is what the network answers then"),
    }
    return says.get(step["title"], _(step["title"]))


def _step(worked: xray.Worked, method: str, step: Mapping[str, Any]) -> None:
    st.markdown(show.said(step["text"]))
    if step["kind"] == "table":
        card.table(step)
        return
    with st.container(key="pair-xray"):
        left, right = st.columns([5, 4], gap="large")
        marked = xray.within(worked, method, *st.session_state.get("_cell", (0, 0)))
        with left:
            clicked = show.picture(
                lambda: figures.step(step, marked=marked, theme=shell.theme()),
                f"xray-{method}-{step['title'].split()[0].lower()}",
                python=f"from prunelab import cards, figures\n\n"
                f"steps = cards.worked()[{method!r}]['steps']\n"
                f"figures.step(next(s for s in steps if s['title'] == {step['title']!r})).figure",
                clicks=True,
            )
        if clicked:
            at = xray.within(worked, method, int(clicked[0]["y"]), int(clicked[0]["x"]))
            if at != marked:
                st.session_state["_cell"] = at
                st.rerun()
        with right:
            _why(worked, method, step, marked)


def _why(worked: xray.Worked, method: str, step: Mapping[str, Any], cell: tuple[int, int]) -> None:
    found = xray.why(worked, method, *cell)
    working = f"{step['working'][cell[0]][cell[1]]} = " if step.get("working") else ""
    why.card(
        found, _("row {row}, column {column}", row=cell[0] + 1, column=cell[1] + 1),
        among=_("{n} in this layer", n=count(found.of)),
        score=f"{working}{found.score:.4g}",
    )  # fmt: skip
    st.caption(_("Click a cell to ask about another; every number is the method's own."))


def _agree(worked: xray.Worked, method: str) -> None:
    names = xray.like(worked, method)
    if len(names) < 2:
        st.caption(_("No other method chooses among the same cells."))
        return
    show.picture(
        lambda: figures.agree(names, xray.agreement(worked, names), theme=shell.theme()),
        "agree",
        python="from prunelab import cards, figures, xray\n\nworked = cards.worked()\n"
        f"names = xray.like(worked, {method!r})\n"
        "figures.agree(names, xray.agreement(worked, names)).figure",
    )
    st.caption(_(
        "Each method was run on this tiny model with its own training, so methods that learn while "
        "they prune choose among other weights than those that do not."
    ))  # fmt: skip


shell.show(main)
