"""Library: the methods, models and data sets there are, as their own files describe them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import card, desk, shell, show
from prunelab import cards
from prunelab.catalogue import fits, fits_data
from prunelab.speech import _, mark

KINDS = ("methods", "models", "datasets")
TITLES = (mark("Methods"), mark("Models"), mark("Data sets"))
WHEN = {
    "init": mark("scores before training"),
    "trained": mark("scores the trained model"),
    "training": mark("learns what to cut while training"),
}
HOW = {
    "one-shot": mark("cuts at once"),
    "rounds": mark("cuts in rounds"),
    "cubic": mark("cuts bit by bit"),
    "lottery": mark("cuts in rounds, setting back what is left"),
    "settle": mark("cuts at once, late in training"),
}


def main() -> None:
    known = desk.known()
    st.title(_("Library"))
    st.markdown(_(
        "Every card is made from the file that does the work: its signature and its text."
    ))  # fmt: skip
    places = st.tabs(
        [_(title) for title in TITLES], key="shelf", on_change="rerun", bind="query-params"
    )
    for place, kind in zip(places, KINDS, strict=True):
        if place.open:
            with place:
                _shelf(known, kind)


def _shelf(known: Mapping[str, Any], kind: str) -> None:
    words = st.text_input(
        _("Search"), key=f"find-{kind}", placeholder=_("a word or a name"), bind="query-params"
    ).lower()
    for file, trace in known["broken"].get(kind, {}).items():
        _broken(file, trace)
    names = [n for n, e in known[kind].items() if words in f"{n} {e['doc']}".lower()]
    if not names:
        st.info(_("Nothing here speaks of that."))
    draw: dict[str, Callable[..., None]] = {
        "methods": _method,
        "models": _model,
        "datasets": _dataset,
    }
    columns = st.columns(2, gap="medium")
    for place, name in enumerate(names):
        with columns[place % 2], st.container(border=True, key=f"card-{kind}-{name}"):
            draw[kind](known, name, known[kind][name])


def _broken(file: str, trace: str) -> None:
    with st.container(border=True):
        st.error(_(
            "{file}.py could not be loaded: {problem}",
            file=file, problem=trace.strip().splitlines()[-1],
        ))  # fmt: skip
        with st.expander(_("Where")):
            st.code(trace)


def _method(known: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> None:
    st.header(name, anchor=False)
    st.markdown(_(entry["summary"]))
    nouns = _(" or ").join(_(known["units"][u]["noun"]) for u in entry["units"])
    removes = _(
        "Removes {units} · {when} · {how}",
        units=nouns, when=_(WHEN[entry["when"]]),
        how=_(HOW.get(entry["schedule"], entry["schedule"])),
    )  # fmt: skip
    fitting = [m for m in known["models"] if not fits(known, name, m)]
    fit = _("Fits {n} of {all} models", n=len(fitting), all=len(known["models"]))
    st.caption(f"{removes}  \n{fit}", help=", ".join(fitting) or None)
    with _unfolds(_("How it works"), f"how-open-{name}") as opened:
        if opened:
            card.method(name, entry)
            _knobs(entry)
            card.worked(name)
    st.page_link(
        shell.page("lab"), label=_("Try it"), icon=":material/science:",
        query_params={"method": name, **({"model": fitting[0]} if fitting else {})},
    )  # fmt: skip


def _model(known: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> None:
    st.header(name, anchor=False)
    st.markdown(_(entry["summary"]))
    st.caption(_("Is a {traits}", traits=_(" and a ").join(map(_, entry["traits"]))))
    fitting = [d for d in known["datasets"] if not fits_data(known, name, d)]
    st.caption(_("Learns from {data}", data=", ".join(fitting) or _("none of the data here")))
    with _unfolds(_("How it is built and trained"), f"built-open-{name}") as opened:
        if opened:
            _doc(entry)
            _recipe(entry["recipe"])
            _knobs(entry)


def _dataset(known: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> None:
    st.header(name, anchor=False)
    st.markdown(f"**{_(entry['title'])}**  \n{_(entry['summary'])}")
    st.caption(f"{entry['licence']} · {entry['source']}")
    offline = _("downloaded on first use") if entry["download"] else _("no download needed")
    st.caption(
        _("{offline} · has {traits}", offline=offline, traits=", ".join(map(_, entry["traits"])))
    )
    with _unfolds(_("More"), f"more-open-{name}") as opened:
        if opened:
            _doc(entry)
            _knobs(entry)


@contextlib.contextmanager
def _unfolds(title: str, key: str) -> Iterator[bool]:
    """A part whose content is made only once it is open: a shelf has dozens of cards."""
    part = st.expander(title, key=key, on_change="rerun", bind="query-params")
    with part:
        yield bool(part.open)


def _recipe(recipe: Mapping[str, Any]) -> None:
    if recipe:
        st.markdown("; ".join(f"{k.replace('_', ' ')} {v}" for k, v in recipe.items()))


def _doc(entry: Mapping[str, Any]) -> None:
    if rest := cards.rest(entry):
        st.markdown(_(rest).replace("``", "`"))


def _knobs(entry: Mapping[str, Any]) -> None:
    if not entry["knobs"]:
        st.caption(_("Nothing to set."))
        return
    rows = [
        {
            "setting": knob["name"],
            "default": str(knob["default"]),
            "from": _bound(knob["low"]),
            "to": _bound(knob["high"]),
            "what it does": _(knob["help"]) or _(" or ").join(map(str, knob["choices"])),
        }
        for knob in entry["knobs"]
    ]
    st.table(show.headed(pd.DataFrame(rows)).set_index(_("setting")))


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


shell.show(main)
