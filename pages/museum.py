"""Failure museum: mistakes that pruning tools really make, run as they are made and as not."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import desk, elsewhere, shell, show
from pages.ui.rooms import Card, cards, walk
from prunelab import aside, collection, figures
from prunelab.speech import _, mark

LINKS = {
    "lab": mark("See it done right in the Lab"),
    "trees": mark("See it done right on the Trees page"),
    "training": mark("See it done right while a network trains"),
    "sweep": mark("Compare with several seeds"),
    "compare": mark("See what the referee says of a comparison"),
}


def main() -> None:
    known = collection.exhibits()
    name = st.query_params.get("exhibit", "")
    if name in known:
        _exhibit(known, name)
    else:
        _hall(known)


def _hall(known: Mapping[str, Any]) -> None:
    st.title(_("Failure museum"))
    st.markdown(_(
        "Twelve mistakes that pruning tools really make. Each is running code: read what the tool "
        "prints, say which line is to blame, then see what is true."
    ))  # fmt: skip
    seen = st.session_state.get("_seen", set())
    if seen:
        st.caption(_("{seen} of {all} seen in this visit.", seen=len(seen), all=len(known)))
    every = [
        Card(
            name, _(told["title"]), f"“{collection.said(told)[0]}”", _("What is wrong?"),
            ":material/search:", name in seen,
        )
        for name, told in known.items()
    ]  # fmt: skip
    cards("exhibit", every, columns=3, seen=_("Seen; look again"))


def _exhibit(known: Mapping[str, Any], name: str) -> None:
    told, folder = known[name], collection.place(name, desk.store().home)
    mine, damage = elsewhere.read(collection.read, folder, ready=True)
    state = aside.State("none") if damage else aside.look(folder)
    walk("exhibit", list(known), name)
    st.title(_(told["title"]))
    st.markdown(_(told["scene"]))
    with st.container(key="pair-exhibit"):
        left, right = st.columns([4, 6], gap="large")
        with left:
            answer = _question(told, name)
        with right:
            st.markdown(_("**The tool's code**"))
            _code(told["code"], told["culprit"] if answer is not None else ())
    if answer is None:
        _figure(mine or told, name, revealed=False)
        return
    st.session_state["_seen"] = st.session_state.get("_seen", set()) | {name}
    _truth(told, mine, name)
    _again(name, mine, folder, state)


def _question(told: Mapping[str, Any], name: str) -> int | None:
    st.markdown(_("**The tool says**"))
    st.html(f'<p class="told">{html.escape(collection.said(told)[0])}</p>')
    answer: int | None = st.radio(
        _("What is wrong?"), range(len(told["options"])), index=None, key=f"answer-{name}",
        format_func=lambda n: _(told["options"][n]),
    )  # fmt: skip
    if answer is None:
        st.caption(_("Choose an answer to see what is true."))
    elif answer == told["answer"]:
        st.success(_("That is it: the lines are lit."), icon=":material/check:")
    else:
        st.info(
            _(
                "Not that. It is this: {answer}.",
                answer=show.plain(_(told["options"][told["answer"]])),
            ),
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
            st.markdown(_("**Why.** {why}", why=_(told["why"])))
            st.markdown(_("**Instead.** {instead}", instead=_(told["instead"])))
            st.markdown(_("**The code without the mistake**"))
            _code(told["fix"], told["cure"], good=True)
            if told["link"] in LINKS:
                st.page_link(
                    shell.page(told["link"]), label=_(LINKS[told["link"]]),
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


def _again(name: str, mine: Mapping[str, Any] | None, folder: Path, state: aside.State) -> None:
    """The same code run on this machine, by a button."""
    if state.name == "growing":
        elsewhere.wait(folder, "exhibit")
        return
    if state.name == "failed":
        st.error(show.said(state.reason))
    if mine:
        st.caption(_("The numbers are those of this machine: the code was run here."))
        return
    st.caption(_("The numbers came with PruneLab. The code runs here as well, in a few seconds."))
    if st.button(_("Run it here"), icon=":material/play_arrow:", key="run"):
        elsewhere.begin(lambda: collection.start(name, desk.store().home))
        st.rerun()


shell.show(main)
