"""A run that goes on: progress, curve and first histogram, once a second while it is active."""

from __future__ import annotations

import streamlit as st

from pages.ui import desk, shell, show, words
from prunelab import figures
from prunelab.events import Result
from prunelab.speech import _

CURVE = 372  # pixels reserved, so that nothing moves when the first epoch comes


def watch(key: str) -> None:
    """The card of an active run; reruns the page once when the run is over."""
    st.fragment(_card, run_every=1.0)(key)


def _card(key: str) -> None:
    result = desk.result(key)
    if result is None or result.status not in desk.ACTIVE:
        st.rerun()
        return
    head(result)
    curve, bars = st.columns(2, gap="large")
    with curve, st.container(height=CURVE, border=False):
        _curve(result)
    with bars, st.container(height=CURVE, border=False):
        _bars(result)


def head(result: Result) -> None:
    """What goes on, how far it is, and the way to stop it."""
    key = result.key
    st.title(words.headline(result))
    desk.tend(running=result.status == "running")
    with st.container(border=True, key="card-progress"):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.progress(result.progress, text=words.progress(result))
        right.button(
            _("Cancel"), on_click=desk.cancel, args=([key],), key="cancel", width="stretch"
        )
        note = desk.note(key)
        if note:
            st.caption(show.said(note))


def _curve(result: Result) -> None:
    if not result.epochs:
        st.skeleton(300)
        return
    st.echarts_chart(
        figures.live(result, theme=shell.theme()),
        height=340,
        key="live",
        theme=None,
        alt=figures.curve(result).alt,
    )


def _bars(result: Result) -> None:
    if not result.histograms:
        st.skeleton(300)
        return
    layer = next(iter(result.histograms.values())).layers[0]["name"]
    quantity = next(iter(result.histograms)).split()[0]
    found = figures.histogram(result, quantity, layer, theme=shell.theme())
    with st.container(key="finding-live"):
        st.markdown(show.plain(found.title))
    found.figure.update_layout(title_text="", margin_t=30, height=300)
    st.plotly_chart(found.figure, key="first", theme=None, config=show.CONFIG, alt=found.alt)
