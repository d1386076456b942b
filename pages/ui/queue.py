"""The queue and whose runs are listed: pause, priorities, the own space or the shared one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui import desk, who
from prunelab.space import classroom
from prunelab.speech import _, mark
from prunelab.store import Row

SPACES = {mark("My runs"): False, mark("Shared"): True}


def choose_space() -> None:
    """The own runs, or those that all see."""
    if classroom():
        st.caption(_("A classroom: everyone here sees every run."))
        return
    names = list(SPACES)
    chosen = st.segmented_control(
        _("Space"), names, default=names[who.shared()], format_func=_, key="space", required=True,
        width="stretch",
        help=_(
            "Your own runs are seen by you alone. In the shared space everyone who uses this app "
            "sees what is run there; so are runs of the command line. Each runs once."
        ),
    )  # fmt: skip
    if SPACES[chosen or names[0]] != who.shared():
        who.share(not who.shared())
        st.rerun()


def card() -> None:
    """How many wait, while any does or the queue is held; and the button that holds it."""
    store, held = desk.whole(), desk.whole().paused()
    waiting, running = (store.count(state=state) for state in desk.ACTIVE)
    if not (waiting or running or held):
        return

    def shown() -> None:
        now = tuple(store.count(state=state) for state in desk.ACTIVE)
        if now != (waiting, running) or store.paused() != held:
            st.rerun()
        if waiting and not held:
            desk.tend(running=bool(running))
        with st.container(border=True, key="card-queue"):
            text, button = st.columns([5, 1], vertical_alignment="center")
            text.markdown(_words(waiting, running, held))
            _button(button, held)

    st.fragment(shown, run_every=2.0)()


def _words(waiting: int, running: int, held: bool) -> str:
    said = _("**{running} running, {waiting} waiting**.", running=running, waiting=waiting)
    if not who.local():
        said = _(
            "**{running} running, {waiting} waiting** by everyone who uses this app.",
            running=running, waiting=waiting,
        )  # fmt: skip
    more = _("Users take turns, so nobody waits for all of somebody else's runs.")
    if held:
        more = _("The queue is paused: what runs goes on, nothing begins.")
    return f"{said} {more}"


def _button(place: st.delta_generator.DeltaGenerator, held: bool) -> None:
    allowed = who.local()
    place.button(
        _("Go on") if held else _("Pause"), key="pause", width="stretch", on_click=_pause,
        args=(not held,), icon=":material/play_arrow:" if held else desk.PAUSED,
        disabled=not allowed,
        help="" if allowed else _("Whoever runs this app can: prunelab store pause."),
    )  # fmt: skip


def _pause(on: bool) -> None:
    desk.whole().pause(on)
    if not on:
        desk.tend()


def order(queued: Sequence[Row]) -> None:
    """Let waiting runs begin before one's others, or in their turn again."""
    mine = [row for row in queued if desk.store().may_change(row)]
    if not mine:
        return
    first = any(row.priority <= 0 for row in mine)
    st.button(
        _("Run first") if first else _("Run in turn"), key="order", on_click=_order,
        args=([row.key for row in mine], int(first)), icon=":material/low_priority:",
        help=_("Among your own runs; nobody else waits longer."),
    )  # fmt: skip


def _order(keys: Sequence[str], priority: int) -> None:
    for key in keys:
        desk.store().prioritise(key, priority)
