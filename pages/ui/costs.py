"""The cost card: three columns of measured numbers, and a lamp for speed."""

from __future__ import annotations

import html

import streamlit as st

from pages.ui import show
from prunelab import figures
from prunelab.events import Result
from prunelab.speech import _, anew, many

LAMPS = {"grey": "○", "green": "●", "amber": "●"}


def card(result: Result, python: str) -> None:
    """What the network costs dense, with zeros and shrunk, and what may be said about its speed."""
    try:
        table = figures.card(result)
    except ValueError as missing:
        st.info(show.said(missing))
        return
    lamp, words = figures.speed(result)
    st.html(f'<p class="lamp {lamp}"><span aria-hidden="true">{LAMPS[lamp]}</span> {words}</p>')
    head = "".join(f'<th scope="col">{html.escape(_(name))}</th>' for name in table.columns[1:])
    body = "".join(
        f'<tr><th scope="row">{html.escape(anew(str(cost)))}</th>'
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
        + "</tr>"
        for cost, *cells in table.itertuples(index=False)
    )
    caption = _(
        "Counted on real files and networks, timed in turns with the dense one; in brackets the "
        "95 % interval of the median. A dash: not measured, or nothing was taken out."
    )
    st.html(
        f'<div class="wide"><table class="costs"><caption>{caption}</caption><thead><tr>'
        f'<th scope="col">{_("cost")}</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
    threads = (result.recovered.get("latency_ms") or {}).get("threads")
    if threads:
        st.caption(many("Timed with {n} thread.", "Timed with {n} threads.", threads))
    show.twins(table, "costs", python=python)
