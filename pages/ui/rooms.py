"""Pages that show one of many, by link: cards to choose from, and a way on and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from pages.ui import show
from prunelab.speech import _


class Card(NamedTuple):
    """One of many, before it is opened; ``seen`` by this reader or not."""

    name: str
    title: str
    text: str
    label: str
    icon: str
    seen: bool = False


def cards(param: str, every: Sequence[Card], *, columns: int, seen: str) -> None:
    """All of them, and a word on a link that leads to none; ``seen`` labels those that were."""
    places = [p for _row in range(0, len(every), columns) for p in st.columns(columns, gap="small")]
    for number, card in enumerate(every, 1):
        key = f"card-{card.name}"
        with places[number - 1], st.container(border=True, height="stretch", key=key):
            st.markdown(f"**{number}. {card.title}**")
            st.markdown(card.text)
            st.button(
                seen if card.seen else card.label,
                icon=":material/check:" if card.seen else card.icon,
                key=f"open-{card.name}", on_click=go, args=(param, card.name),
            )  # fmt: skip
    if asked := st.query_params.get(param, ""):
        st.warning(show.plain(_(
            "There is no {kind} {name}; all of them are above.", kind=_(param), name=asked[:60],
        )))  # fmt: skip


def walk(param: str, names: Sequence[str], name: str) -> None:
    """Back to all of them, and on to the next; after the last comes the first."""
    all_ = {"lesson": _("All lessons"), "exhibit": _("All exhibits")}[param]
    place = names.index(name)
    after = names[(place + 1) % len(names)]
    with st.container(horizontal=True, vertical_alignment="center", key="walk"):
        st.button(all_, icon=":material/grid_view:", on_click=go, args=(param, ""), key="all")
        st.button(
            _("Next"), icon=":material/arrow_forward:", on_click=go, args=(param, after), key="next"
        )
        st.caption(_(
            "{kind} {place} of {n}",
            kind=_(param).capitalize(), place=place + 1, n=len(names),
        ))  # fmt: skip


def go(param: str, name: str) -> None:
    """Open one of them, or none."""
    if name:
        st.query_params[param] = name
    else:
        st.query_params.pop(param, None)
