"""Library: the methods, models and data sets there are, as their own files describe them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import card, desk, shell
from prunelab.catalogue import fits, fits_data

CODE_ONLY = re.compile(r"(?m)^(Args|Raises|Returns):\n(?: +.*\n?)+")  # of use to callers alone
KINDS = ("methods", "models", "datasets")
TITLES = ("Methods", "Models", "Data sets")
WHEN = {
    "init": "scores before training",
    "trained": "scores the trained model",
    "training": "learns what to cut while training",
}
HOW = {
    "one-shot": "cuts at once",
    "rounds": "cuts in rounds",
    "cubic": "cuts bit by bit",
    "lottery": "cuts in rounds, setting back what is left",
    "settle": "cuts at once, late in training",
}


def main() -> None:
    known = desk.known()
    st.title("Library")
    st.markdown("Every card is made from the file that does the work: its signature and its text.")
    places = st.tabs(TITLES, key="shelf", on_change="rerun", bind="query-params")
    for place, kind in zip(places, KINDS, strict=True):
        if place.open:
            with place:
                _shelf(known, kind)


def _shelf(known: Mapping[str, Any], kind: str) -> None:
    words = st.text_input(
        "Search", key=f"find-{kind}", placeholder="a word or a name", bind="query-params"
    ).lower()
    for file, trace in known["broken"].get(kind, {}).items():
        _broken(file, trace)
    names = [n for n, e in known[kind].items() if words in f"{n} {e['doc']}".lower()]
    if not names:
        st.info("Nothing here speaks of that.")
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
        st.error(f"{file}.py could not be loaded: {trace.strip().splitlines()[-1]}")
        with st.expander("Where"):
            st.code(trace)


def _method(known: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> None:
    st.header(name, anchor=False)
    st.markdown(entry["summary"])
    nouns = " or ".join(known["units"][u]["noun"] for u in entry["units"])
    st.caption(
        f"Removes {nouns} · {WHEN[entry['when']]} · {HOW.get(entry['schedule'], entry['schedule'])}"
    )
    fitting = [m for m in known["models"] if not fits(known, name, m)]
    st.caption(
        f"Fits {len(fitting)} of {len(known['models'])} models", help=", ".join(fitting) or None
    )
    with _unfolds("How it works", f"how-open-{name}") as opened:
        if opened:
            card.method(name, entry)
            _knobs(entry)
    with _unfolds("Worked example", f"worked-open-{name}") as opened:
        if opened:
            card.worked(name)
    st.page_link(
        shell.page("lab"), label="Try it", icon=":material/science:",
        query_params={"method": name, **({"model": fitting[0]} if fitting else {})},
    )  # fmt: skip


def _model(known: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> None:
    st.header(name, anchor=False)
    st.markdown(entry["summary"])
    st.caption(f"Is a {' and a '.join(entry['traits'])}")
    fitting = [d for d in known["datasets"] if not fits_data(known, name, d)]
    st.caption(f"Learns from {', '.join(fitting) or 'none of the data here'}")
    with _unfolds("How it is built and trained", f"built-open-{name}") as opened:
        if opened:
            _doc(entry)
            _recipe(entry["recipe"])
            _knobs(entry)


def _dataset(known: Mapping[str, Any], name: str, entry: Mapping[str, Any]) -> None:
    st.header(name, anchor=False)
    st.markdown(f"**{entry['title']}**  \n{entry['summary']}")
    st.caption(f"{entry['licence']} · {entry['source']}")
    offline = "downloaded on first use" if entry["download"] else "no download needed"
    st.caption(f"{offline} · has {', '.join(entry['traits'])}")
    with _unfolds("More", f"more-open-{name}") as opened:
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
    rest = re.sub(CODE_ONLY, "", entry["doc"].removeprefix(entry["summary"])).strip()
    if rest:
        st.markdown(rest.replace("``", "`"))


def _knobs(entry: Mapping[str, Any]) -> None:
    if not entry["knobs"]:
        st.caption("Nothing to set.")
        return
    rows = [
        {
            "setting": knob["name"],
            "default": str(knob["default"]),
            "from": _bound(knob["low"]),
            "to": _bound(knob["high"]),
            "what it does": knob["help"] or " or ".join(map(str, knob["choices"])),
        }
        for knob in entry["knobs"]
    ]
    st.table(pd.DataFrame(rows).set_index("setting"))


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


shell.show(main)
