"""Many runs of one form: what is missing, how long that takes, how far it is."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui import desk, show, words
from prunelab import examples, limits
from prunelab.catalogue import validate
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _, many, mark


def states(specs: Sequence[RunSpec]) -> dict[str, str]:
    """What has become of each run that was ever asked for, by key."""
    return {row.key: row.state for row in desk.store().rows([spec.key for spec in specs])}


def start_button(
    specs: Sequence[RunSpec], done: Callable[[str], bool], *, key: str, label: str = ""
) -> None:
    """Queue the runs that are not there; greyed, with the reason, where that cannot be."""
    known, there = states(specs), (*desk.ACTIVE, "finished")
    new = [s for s in specs if not done(s.key) and known.get(s.key) not in there]
    refused = refusal(specs, new)
    if refused:
        st.warning(show.said(refused))
    waiting = sum(state in desk.ACTIVE for state in known.values())
    words_ = _("All runs are there")
    if waiting:
        words_ = many("{n} run on its way", "{n} runs on their way", waiting)
    if new:
        words_ = _(label or mark("Start {n} runs"), n=len(new))
    off = bool(refused) or not new
    if show.pressed(words_, key=key, icon=":material/play_arrow:", off=off):
        desk.start(new)
        st.rerun()
    if new:
        st.caption(f"{forecast(new).capitalize()}.")


def refusal(specs: Sequence[RunSpec], new: Sequence[RunSpec]) -> str:
    """Why the new ones of these runs cannot be started; empty where they can."""
    try:
        for spec in specs:
            validate(spec, desk.known())
        limits.refuse(new)
    except SpecError as error:
        return str(error)
    return ""


def forecast(new: Sequence[RunSpec]) -> str:
    """How long it will take, from runs on the same data and model, of the method where any."""
    known, unknown = 0.0, 0
    for (data, model, method), runs in Counter((s.data, s.model, s.method) for s in new).items():
        times = _times(data=data, model=model, method=method) or _times(data=data, model=model)
        times = times or _shipped(data, model)
        known += statistics.median(times) * runs if times else 0.0
        unknown += 0 if times else runs
    if not known:
        return _("time unknown until the first one is done")
    told = _("about {time}", time=words.duration(known / desk.workers()))
    if unknown:
        return _("{time}, and {n} of which the time is unknown", time=told, n=unknown)
    return told


def _times(**same: str) -> list[float]:
    like = desk.store().runs(limit=50, state="finished", **same)
    return [row.result.seconds for row in like if row.result.seconds]


def _shipped(data: str, model: str) -> list[float]:
    """What runs took that came with PruneLab, on the machine where they were made."""
    runs = [*examples.comparison().values(), *examples.searched().values()]
    specs = [(RunSpec.from_json(run.spec), run.seconds) for run in runs]
    return [seconds for s, seconds in specs if (s.data, s.model) == (data, model)]


def progress(specs: Sequence[RunSpec]) -> None:
    """How far all of them are; the page runs again whenever one has ended."""
    keys = [spec.key for spec in specs]
    before = [row for row in desk.store().rows(keys) if row.state in desk.ACTIVE]
    if not before:
        return

    def bar() -> None:
        desk.tend(running=any(row.state == "running" for row in before))
        now = desk.store().rows(keys)
        left = [row for row in now if row.state in desk.ACTIVE]
        if len(left) < len(before):
            st.rerun()
        share = sum(1 if row.state not in desk.ACTIVE else row.progress for row in now)
        with st.container(border=True, key="card-fleet"):
            text, button = st.columns([5, 1], vertical_alignment="center")
            done = _("{done} of {all} runs done", done=len(now) - len(left), all=len(now))
            text.progress(share / max(1, len(now)), text=done)
            button.button(
                _("Cancel all"), key="cancel-all", width="stretch", on_click=desk.cancel,
                args=([row.key for row in left],),
            )  # fmt: skip

    st.fragment(bar, run_every=1.0)()


def failures(specs: Sequence[RunSpec]) -> None:
    """The first few runs that failed, each with its reason."""
    rows = desk.store().rows([spec.key for spec in specs])
    for row in [row for row in rows if row.state == "failed"][:3]:
        which = f"{row.spec.method}, {100 * row.spec.sparsity:g} %"
        st.error(f"{show.plain(which)}: {show.said(row.result.reason)}")
