"""How a page shows a figure: its finding, the chart, its numbers, and the Python that makes it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from pages.ui import picture as save
from pages.ui import window
from prunelab import figures, tables
from prunelab.events import Result
from prunelab.figures import Picture
from prunelab.spec import RunSpec
from prunelab.speech import _, anew
from prunelab.tables import HEADINGS

About = TypeVar("About")
CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg", "filename": "prunelab"},
}

FILES = (
    ("CSV", tables.csv, "text/csv"),
    ("Parquet", tables.parquet, "application/vnd.apache.parquet"),
    ("LaTeX", tables.latex, "application/x-tex"),
)
SUFFIX = {"CSV": "csv", "Parquet": "parquet", "LaTeX": "tex"}


def picture(make: Callable[[], Picture], key: str, *, python: str, clicks: bool = False) -> Any:
    """Draw a figure, or say what is missing; returns the clicked points where ``clicks``."""
    try:
        found = make()
    except ValueError as missing:
        st.info(said(missing))
        return []
    finding(found.title, key)
    found.figure.update_layout(title_text="", margin_t=max(36, found.figure.layout.margin.t - 44))
    if window.narrow():
        figures.narrow(found.figure)
    sent = st.plotly_chart(
        found.figure,
        key=f"chart-{key}",
        theme=None,
        config=CONFIG,
        alt=found.alt,
        on_select="rerun" if clicks else "ignore",
        selection_mode="points",
    )
    twins(found.table, key, python=python, figure=found.figure)
    return sent["selection"]["points"] if clicks else []


def pressed(label: str, *, key: str, icon: str, off: bool = False) -> bool:
    """A primary button; whether it was pressed and may act, in this very run of the page.

    No callback: that would get what the controls said before the last keystroke.
    """
    return (
        st.button(label, type="primary", width="stretch", key=key, icon=icon, disabled=off)
        and not off
    )


def twins(rows: pd.DataFrame, key: str, *, python: str, figure: Any = None) -> None:
    """The numbers of a figure, the figure as a file, the Python that makes it: a click each."""
    with st.container(horizontal=True, gap="small"):
        with st.popover(
            _("Numbers"), type="tertiary", icon=":material/table:", key=f"numbers-{key}"
        ):
            table(rows, f"table-{key}")
            downloads(rows, key)
        if figure is not None:
            save.files(figure, key)
        with st.popover(_("Python"), type="tertiary", icon=":material/code:", key=f"python-{key}"):
            st.code(python, language="python")


def table(
    rows: pd.DataFrame, key: str, *, formats: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """A table, its headings in the reader's language; what data call a column stays."""
    looks = {
        name: {**(formats or {}).get(name, {}), "label": _(name)}
        for name in rows.columns
        if name in HEADINGS
    }
    return st.dataframe(rows, hide_index=True, key=key, column_config=looks, **options)


def headed(rows: pd.DataFrame) -> pd.DataFrame:
    """``table`` for what is printed whole."""
    return rows.rename(columns={name: _(name) for name in HEADINGS})


def downloads(rows: pd.DataFrame, key: str) -> None:
    """The table as files; each is made when it is asked for."""
    with st.container(horizontal=True, gap="small"):
        for kind, make, mime in FILES:
            st.download_button(
                kind, functools.partial(make, rows), f"{key}.{SUFFIX[kind]}", mime,
                key=f"{kind}-{key}", type="tertiary", icon=":material/download:", on_click="ignore",
            )  # fmt: skip


def finding(title: str, key: str) -> None:
    """What a figure shows, as a sentence above it."""
    with st.container(key=f"finding-{key}"):
        st.markdown(plain(title))


def empty(title: str, text: str) -> None:
    """What will appear here, before there is anything."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.markdown(text)


def missing(key: str) -> None:
    """A link to a run that is not there."""
    st.title(_("This run is not here"))
    words = _(
        "There is no run {key} in this store; it may have been deleted. Press Run.", key=key[:100]
    )
    st.warning(plain(words))


def origin(result: Result, spec: RunSpec, *, came: bool) -> None:
    """Whose run this is, where it is not that of the controls; ``came``: with PruneLab."""
    if came:
        st.info(_("This run came with PruneLab. Press Run for one of your own."))
    elif result.spec != spec.to_json():
        st.info(_("The controls have changed since this run. Press Run to see theirs."))
    if result.status == "cancelled":
        st.info(_("Someone stopped this run; what it had found by then is below. Run goes on."))


def tabs(about: About, views: Mapping[str, Callable[[About], None]]) -> None:
    """Views of a run, or of something else, by their names; only the open one is drawn."""
    places = st.tabs(
        [_(name) for name in views], key="view", on_change="rerun", bind="query-params"
    )
    for place, view in zip(places, views.values(), strict=True):
        if place.open:
            with place:
                view(about)


def failed(result: Result) -> None:
    """Why a run could not go on, and what to do."""
    st.error(said(result.reason))
    if result.advice:
        st.markdown(_("**What to do.** {advice}", advice=said(result.advice)))
    if result.traceback:
        with st.expander(_("Details for the author of the method")):
            st.code(result.traceback, language="python")


def said(text: object) -> str:
    """What the library, a run or another process says, in the reader's language, as it is."""
    return plain(anew(str(text)))


def plain(text: str) -> str:
    """Text of a run as it is: no markup of ours."""
    return "".join("\\" + c if c in r"\`*_{}[]<>#$~|:" else c for c in text)
