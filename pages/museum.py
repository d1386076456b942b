"""Failure museum: mistakes that pruning tools really make, run as they are made and as not."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import desk, shell, show
from prunelab import aside, collection, figures
from prunelab.spec import SpecError

LINKS = {
    "lab": "See it done right in the Lab",
    "trees": "See it done right on the Trees page",
    "training": "See it done right while a network trains",
    "sweep": "Compare with several seeds",
    "compare": "See what the referee says of a comparison",
}


def main() -> None:
    rooms = collection.exhibits()
    name = st.query_params.get("exhibit", "")
    if name in rooms:
        _exhibit(rooms, name)
        return
    _hall(rooms)
    if name:
        st.warning(show.plain(f"The museum has no exhibit {name[:60]}; all of them are above."))


def _hall(rooms: Mapping[str, Any]) -> None:
    st.title("Failure museum")
    st.markdown(
        "Twelve mistakes that pruning tools really make. Each is running code: read what the tool "
        "prints, say which line is to blame, then see what is true."
    )
    seen = st.session_state.get("_seen", set())
    if seen:
        st.caption(f"{len(seen)} of {len(rooms)} seen in this visit.")
    places = [place for _ in range(0, len(rooms), 3) for place in st.columns(3, gap="small")]
    for number, (name, told) in enumerate(rooms.items(), 1):
        with places[number - 1], st.container(border=True, height="stretch", key=f"card-{name}"):
            st.markdown(f"**{number}. {told['title']}**")
            st.markdown(f"“{collection.said(told)[0]}”")
            st.button(
                "Seen; look again" if name in seen else "What is wrong?",
                icon=":material/check:" if name in seen else ":material/search:",
                key=f"open-{name}", on_click=_go, args=(name,),
            )  # fmt: skip


def _go(name: str) -> None:
    if name:
        st.query_params["exhibit"] = name
    else:
        st.query_params.pop("exhibit", None)


def _exhibit(rooms: Mapping[str, Any], name: str) -> None:
    told, mine, state = rooms[name], *_here(name)
    names = list(rooms)
    with st.container(horizontal=True, vertical_alignment="center", key="walk"):
        st.button("All exhibits", icon=":material/grid_view:", on_click=_go, args=("",))
        after = names[(names.index(name) + 1) % len(names)]
        st.button("Next", icon=":material/arrow_forward:", on_click=_go, args=(after,), key="next")
        st.caption(f"Exhibit {names.index(name) + 1} of {len(names)}")
    st.title(told["title"])
    st.markdown(told["scene"])
    with st.container(key="pair-exhibit"):
        left, right = st.columns([4, 6], gap="large")
        with left:
            answer = _question(told, name)
        with right:
            st.markdown("**The tool's code**")
            _code(told["code"], told["culprit"] if answer is not None else ())
    if answer is None:
        _figure(mine or told, name, revealed=False)
        return
    st.session_state["_seen"] = st.session_state.get("_seen", set()) | {name}
    _truth(told, mine, name)
    _again(name, mine, state)


def _question(told: Mapping[str, Any], name: str) -> int | None:
    st.markdown("**The tool says**")
    st.html(f'<p class="told">{html.escape(collection.said(told)[0])}</p>')
    answer: int | None = st.radio(
        "What is wrong?", range(len(told["options"])), index=None, key=f"answer-{name}",
        format_func=told["options"].__getitem__,
    )  # fmt: skip
    if answer is None:
        st.caption("Choose an answer to see what is true.")
    elif answer == told["answer"]:
        st.success("That is it: the lines are lit.", icon=":material/check:")
    else:
        st.info(
            f"Not that. It is this: {show.plain(told['options'][told['answer']])}.",
            icon=":material/lightbulb:",
        )
    return answer


def _truth(told: Mapping[str, Any], mine: Mapping[str, Any] | None, name: str) -> None:
    st.html(f'<p class="told true">{html.escape(collection.said(mine or told)[1])}</p>')
    with st.container(key="pair-truth"):
        left, right = st.columns(2, gap="large")
        with left:
            _figure(mine or told, name, revealed=True)
        with right:
            st.markdown(f"**Why.** {told['why']}")
            st.markdown(f"**Instead.** {told['instead']}")
            st.markdown("**The code without the mistake**")
            _code(told["fix"], told["cure"], good=True)
            if told["link"] in LINKS:
                st.page_link(
                    shell.page(told["link"]), label=LINKS[told["link"]],
                    icon=":material/arrow_forward:",
                )  # fmt: skip


def _figure(told: Mapping[str, Any], name: str, *, revealed: bool) -> None:
    show.picture(
        lambda: figures.exhibit(told, revealed=revealed, theme=shell.theme()),
        f"exhibit-{name}",
        python="from prunelab import collection, figures\n\n"
        f"told = collection.exhibits()[{name!r}]\nfigures.exhibit(told).figure",
    )


def _code(lines: Sequence[str], lit: Sequence[int], *, good: bool = False) -> None:
    """Lines of code, some of them lit; colour is not the only sign."""
    sign = "✓" if good else "✗"
    rows = [
        f"<mark><b>{sign}</b>{html.escape(line)}</mark>"
        if i in lit
        else f"<span><b> </b>{html.escape(line)}</span>"
        for i, line in enumerate(lines)
    ]
    kind = "lit good" if good else "lit"
    st.html(f'<pre class="{kind}" tabindex="0">{"".join(rows)}</pre>')


def _here(name: str) -> tuple[Mapping[str, Any] | None, aside.State]:
    """The exhibit as it came out on this machine, if it was run; a damaged file is forgotten."""
    folder = collection.place(name, desk.store().home)
    try:
        return collection.read(folder), aside.look(folder)
    except SpecError:
        aside.stop(folder)
        return None, aside.State("none")


def _again(name: str, mine: Mapping[str, Any] | None, state: aside.State) -> None:
    """The same code run on this machine, by a button."""
    if state.name == "growing":
        _wait(name)
        return
    if state.name == "failed":
        st.error(show.plain(state.reason))
    if mine:
        st.caption("The numbers are those of this machine: the code was run here.")
        return
    st.caption("The numbers came with PruneLab. The code runs here as well, in a few seconds.")
    st.button("Run it here", icon=":material/play_arrow:", on_click=_start, args=(name,), key="run")


def _start(name: str) -> None:
    try:
        collection.start(name, desk.store().home)
    except SpecError as problem:
        st.session_state["_problem"] = str(problem)


def _wait(name: str) -> None:
    folder = collection.place(name, desk.store().home)

    def bar() -> None:
        state = aside.look(folder)
        if state.name != "growing":
            st.rerun()
        st.progress(state.share, text=state.doing or "Starting")

    st.fragment(bar, run_every=0.5)()


shell.show(main)
