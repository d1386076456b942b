"""The curve one sketches before it is told: a plain component with seven dots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui.browser import component
from prunelab.figures import accuracy, percent
from prunelab.prediction import STOPS, Question
from prunelab.sketches import is_sketch
from prunelab.speech import _

KEY = "sketch"
FIRST = (50,) * len(STOPS)  # neither hope nor fear
_component = component("sketch")


def dots() -> list[int] | None:
    """The sketch, by the link; None while nothing is drawn, or for a link that can mean none."""
    words = st.query_params.get(KEY, "")[:40].split(".")
    told = [int(word) for word in words if word.isascii() and word.isdigit()]
    return told if len(words) == len(told) and is_sketch(told) else None


def picture(question: Question, drawn: Sequence[int] | None, *, revealed: bool, of: str) -> None:
    """The dots to drag; once revealed they stay where they are, with the truth over them."""
    told = _("Your sketch and the truth") if revealed else _("Your sketch")
    _component(
        data=_data(question, revealed)
        | {
            "of": of,
            "dots": [*(drawn or FIRST)],
            "others": [],
            "alt": _("{told}: accuracy against the share of weights removed.", told=told),
            "key": _("{key} Dashed: your sketch.", key=_key(question))
            if revealed
            else _("Drag the dots, or draw one stroke through all."),
        },
        key=KEY,
        on_dots_change=_moved,
    )


def room(question: Question, others: Sequence[Sequence[int]], *, revealed: bool) -> None:
    """Everybody's sketches over one another."""
    _component(
        data=_data(question, revealed)
        | {
            "of": f"room {question.key}",
            "dots": None,
            "others": [[*other] for other in others],
            "alt": _("{n} sketches over one another.", n=len(others)),
            "key": _("Thin: everybody's sketches.") + " " + (_key(question) if revealed else ""),
        },
        key="room-sketches",
    )


def _key(question: Question) -> str:
    seeds = _("mean of {seeds} seeds, band: ± their deviation", seeds=question.seeds)
    return _("Truth: {runs}.", runs=seeds if question.seeds > 1 else _("one run"))


def _data(question: Question, revealed: bool) -> dict[str, Any]:
    truth = {n: getattr(question, n) for n in ("sparsity", "mean", "spread")}
    return {"stops": [*STOPS], "dense": question.dense, "truth": truth if revealed else None}


def dense_words(question: Question) -> str:
    """Where every sketch begins."""
    if question.dense is None:
        return _("Its runs go on, so nobody knows it yet")
    return _("With nothing removed it tells {dense} right", dense=accuracy(question.dense))


def stops_words(question: Question) -> str:
    """Which dots count."""
    inside = [percent(STOPS[i]) for i in question.stops]
    return f"from {inside[0]} to {inside[-1]}"


def _moved() -> None:
    sent = st.session_state[KEY].get("dots")
    if is_sketch(sent):
        st.query_params[KEY] = ".".join(map(str, sent))
