"""The replay: one slider through the epochs of a training that prunes; or the newest, live."""

from __future__ import annotations

import time

import streamlit as st

from pages.ui import desk, live, shell, show, words
from prunelab import figures
from prunelab.events import Result
from prunelab.figures import Picture
from prunelab.spec import RunSpec
from prunelab.speech import _

PACE = 0.8  # seconds a still is shown while it plays
HIGH = 470  # pixels reserved for a picture with its words, so that nothing moves
_PLAYING, _STEPPED, _SHOWN = "_playing", "_stepped", "_replayed"


def watch(key: str) -> None:
    """An active run: its newest still, once a second; the page runs again when it is over."""

    def card() -> None:
        result = desk.result(key)
        if result is None or result.status not in desk.ACTIVE:
            st.rerun()
            return
        live.head(result)
        if figures.begun(result):
            _newest(result)
        else:
            st.caption(_(
                "The dense network is trained first, to compare with. Then the method begins."
            ))  # fmt: skip
            st.skeleton(HIGH)

    st.fragment(card, run_every=1.0)()


def _newest(result: Result) -> None:
    """The last still in three pictures, without what can be opened: they change every second."""
    theme = shell.theme()
    with st.container(key="stills-live"):
        _bare(figures.course(result, theme=theme), "course")
        left, right = st.columns(2, gap="large")
        with left:
            _bare(figures.pixels(result, theme=theme), "pixels")
        with right:
            _bare(figures.cells(result, theme=theme), "cells")


def _bare(found: Picture, key: str) -> None:
    show.finding(found.title, key)
    found.figure.update_layout(title_text="", margin_t=max(36, found.figure.layout.margin.t - 44))
    st.plotly_chart(found.figure, key=f"live-{key}", theme=None, config=show.CONFIG, alt=found.alt)


def show_replay(result: Result) -> None:
    """The whole run behind one slider, and a button that moves it."""
    if not figures.begun(result):
        st.info(show.plain(_(figures.NONE)))
        return
    _anew(result)
    playing = bool(st.session_state.get(_PLAYING))
    st.fragment(_body, run_every=PACE if playing else None)(result)


def _anew(result: Result) -> None:
    """Another run begins at its own end, not where the one before stood."""
    before = st.session_state.get(_SHOWN, result.key)
    st.session_state[_SHOWN] = result.key
    if before != result.key:
        st.session_state["moment"] = figures.moments(result)[-1]
        st.session_state["layer"] = figures.names(result)[0]
        st.session_state[_PLAYING] = False


def _body(result: Result) -> None:
    epochs = figures.moments(result)
    _step(epochs)
    epoch, layer = _bar(result, epochs)
    _stills(result, epoch, layer)


def _step(epochs: list[int]) -> None:
    """While it plays, one still further after a moment; at the end it stops."""
    since = time.monotonic() - st.session_state.get(_STEPPED, 0.0)
    if not st.session_state.get(_PLAYING) or since < PACE / 2:
        return
    st.session_state[_STEPPED] = time.monotonic()
    now = st.session_state.get("moment", epochs[-1])
    later = [epoch for epoch in epochs if epoch > now]
    if later:
        st.session_state["moment"] = later[0]
    else:
        st.session_state[_PLAYING] = False
        st.rerun()


def _bar(result: Result, epochs: list[int]) -> tuple[int, str]:
    """Play, the layer, and the epoch."""
    if len(epochs) < 2:
        return epochs[0], _layer(result)
    playing = bool(st.session_state.get(_PLAYING))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label, icon = (
            (_("Pause"), ":material/pause:") if playing else (_("Play"), ":material/play_arrow:")
        )
        if st.button(label, icon=icon, key="play", on_click=_toggle, args=(epochs,)):
            st.rerun()
        layer = _layer(result)
        first = {} if "moment" in st.session_state else {"value": epochs[-1]}
        chosen = st.select_slider(_("Epoch"), epochs, key="moment", bind="query-params", **first)
    return int(chosen), layer


def _toggle(epochs: list[int]) -> None:
    """Play from where the slider is, or from the start when it is at the end."""
    st.session_state[_PLAYING] = not st.session_state.get(_PLAYING)
    st.session_state[_STEPPED] = time.monotonic()
    if st.session_state[_PLAYING] and st.session_state.get("moment") == epochs[-1]:
        st.session_state["moment"] = epochs[0]


def _layer(result: Result) -> str:
    names = figures.names(result)
    if len(names) == 1:
        return names[0]
    chosen = st.selectbox(_("Layer"), names, key="layer", bind="query-params", width=160)
    return str(chosen) if chosen in names else names[0]


def _stills(result: Result, epoch: int, layer: str) -> None:
    """The course, and below it what the network is made of at one epoch."""
    theme = shell.theme()
    spec = RunSpec.from_json(result.spec)

    def draw(name: str, *place: object) -> None:
        call = f"run.plot.{name}({', '.join(map(repr, place))})"
        make = getattr(figures, name)
        show.picture(
            lambda: make(result, *place, theme=theme), name, python=words.python(spec, call)
        )

    with st.container(key="stills-course"):
        draw("course", epoch)
    with st.container(key="pair-stills"):
        left, right = st.columns(2, gap="large")
        with left:
            draw("pixels", epoch)
        with right:
            draw("cells", layer, epoch)
        left, right = st.columns(2, gap="large")
        with left:
            draw("degrees", layer, epoch)
        with right:
            draw("values", layer, epoch)


def show_gates(result: Result) -> None:
    """The gates of a method that learns them, epoch by epoch."""
    epochs = [frame.epoch for frame in result.frames if frame.gates]
    if not epochs:
        st.info(_(
            "This method learns no gates. Choose variational-dropout to see the noise each weight "
            "bears, or l0 to see gates open and shut."
        ))  # fmt: skip
        return

    def body() -> None:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            layer = _gated_layer(result)
            epoch = epochs[-1]
            if len(epochs) > 1:
                epoch = st.select_slider(
                    _("Epoch of the gates"), epochs, epochs[-1], key=f"gates-of-{result.key}"
                )
        show.picture(
            lambda: figures.gates(result, layer, epoch, theme=shell.theme()),
            "gates",
            python=words.python(
                RunSpec.from_json(result.spec), f"run.plot.gates({layer!r}, {epoch})"
            ),
        )
        early = epochs[-1] != result.frames[-1].epoch
        when = _("80 % of training") if early else _("the end")
        st.caption(_(
            "What is shut by itself is the method's own answer. You asked for a sparsity, so at "
            "{when} the weights are ranked by this number, exactly as many stay as you asked for, "
            "and those train on without gates.",
            when=when,
        ))  # fmt: skip

    st.fragment(body)()


def _gated_layer(result: Result) -> str:
    names = figures.names(result)
    return str(st.selectbox(_("Layer"), names, key="gate-layer", width=220))
