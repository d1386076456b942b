"""The frame around every page: navigation, look, and the guard for cold deep links."""

from __future__ import annotations

import gc
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import desk, who, window
from pages.ui.show import plain, said
from prunelab import speech
from prunelab.figures import Theme
from prunelab.shelves import CatalogueError
from prunelab.speech import _, mark
from prunelab.store import StoreError

PAGES = Path(__file__).parents[1]
HOME = "home"
SECTIONS = {
    "": {"home": mark("Home"), "lab": mark("Lab")},
    mark("Explore"): {
        "trees": mark("Trees"),
        "training": mark("Training-time"),
        "structure": mark("Structure"),
        "language": mark("Language models"),
        "data": mark("Data"),
        "both": mark("Data × weights"),
        "forecast": mark("Forecast"),
        "schedules": mark("When to prune"),
    },
    mark("Compare"): {
        "sweep": mark("Sweep"),
        "compare": mark("Compare"),
        "balance": mark("Balance"),
        "breakeven": mark("Break-even"),
        "lottery": mark("Lottery"),
    },
    mark("Learn"): {
        "lessons": mark("Lessons"),
        "scissors": mark("Scissors"),
        "predict": mark("Predict"),
        "museum": mark("Failure museum"),
        "xray": mark("X-ray"),
        "resurrection": mark("Resurrection"),
    },
    mark("Library"): {"methods": mark("Methods, models, data"), "runs": mark("Runs")},
}
TITLES = {name: title for section in SECTIONS.values() for name, title in section.items()}
_run = threading.local()
speech.ask(lambda: st.context.locale)


def run() -> None:
    """The whole app: called by ``app.py`` alone."""
    _run.active = True
    _warm()
    try:
        page = _navigation()
        _frame()
        page.run()
    finally:
        _run.active = False
    _freeze()


def ensure() -> None:
    """Comes first in every page. A cold link to a page bypasses ``app.py``; this leads back."""
    if getattr(_run, "active", False):
        return
    _navigation()
    if "_booted" not in st.session_state:
        st.session_state["_booted"] = True
        st.rerun()
    _frame()


def show(main: Callable[[], None], *, chooses: bool = True) -> None:
    """Run a page; what the store cannot do is said, not thrown at the reader."""
    ensure()
    if not who.known():
        _sign_in()
        return
    who.keep()
    if problem := st.session_state.pop("_problem", ""):
        st.error(said(problem))
    try:
        if chooses and desk.reading():
            with st.spinner(_("Reading what there is to choose from, a few seconds")):
                desk.known()
        main()
    except StoreError as refused:
        st.error(said(refused))
    except CatalogueError as broken:
        _unreadable(broken)


def _sign_in() -> None:
    st.title(_("Sign in to use PruneLab"))
    st.markdown(_(
        "Your runs are kept under your name; nobody else sees them unless you share them."
    ))  # fmt: skip
    st.button(_("Sign in"), type="primary", on_click=st.login, icon=":material/login:")


def _account() -> None:
    st.title(_("Signed in as {name}", name=plain(who.name())))
    st.markdown(_("Runs you start are yours wherever you sign in; signing out stops none of them."))
    st.button(_("Sign out"), on_click=st.logout, icon=":material/logout:")


def _home() -> None:
    """The address that names the first page, which has none but the app's own."""
    st.switch_page(page(HOME))


def _nowhere() -> None:
    """An address that is no page's, of another version or mistyped."""
    st.title(_("There is no page “{name}”", name=plain(_asked())))
    st.markdown(_("The menu above has every page there is, and your runs are where they were."))
    st.page_link(page(HOME), label=_("Home"), icon=":material/home:")
    st.page_link(page("runs"), label=_("Runs"), icon=":material/list:")


def _unreadable(broken: CatalogueError) -> None:
    first, _newline, details = str(broken).partition("\n")
    last = (details.strip().splitlines() or [_("no reason was given")])[-1]
    st.error(said(f"{first}\n{last}").replace("\n", " "))
    st.markdown(_("Nothing can be chosen until that is mended; stored runs are still there."))
    if details.strip():
        with st.expander(_("Details for whoever installed PruneLab")):
            st.code(details, language="text")


def theme() -> Theme:
    """The theme the reader sees; light until the browser has told."""
    return "dark" if st.context.theme.type == "dark" else "light"


def page(name: str) -> Path:
    """The file of a page, for links and switches."""
    return PAGES / f"{name}.py"


def _navigation() -> Any:
    pages: dict[str, list[Any]] = {
        _(section): [
            st.Page(
                page(name),
                title=_(title),
                url_path="" if name == HOME else name,
                default=name == HOME,
            )
            for name, title in titles.items()
        ]
        for section, titles in SECTIONS.items()
    }
    pages[""].append(st.Page(_home, title=_("Home"), url_path=HOME, visibility="hidden"))
    if who.signs_in() and who.known():
        name = plain(who.name()) or _("Account")
        pages[""].append(st.Page(_account, title=name, url_path="account"))
    if (asked := _asked()) not in {there.url_path for some in pages.values() for there in some}:
        nowhere = st.Page(_nowhere, title=_("No such page"), url_path=asked, visibility="hidden")
        pages[""].append(nowhere)
    return st.navigation(pages, position="top")


def _asked() -> str:
    """What the address names as the page; empty where it names none, or nothing that could be."""
    name = str(st.context.url or "").rstrip("/").rpartition("/")[2]
    return name if re.fullmatch(r"[\w-]{1,100}", name) else ""


def _frame() -> None:
    st.set_page_config(
        page_title="PruneLab", page_icon=str(PAGES / "ui" / "icon.svg"), layout="wide"
    )
    st.logo(str(PAGES / "ui" / "logo.svg"), icon_image=str(PAGES / "ui" / "icon.svg"))
    st.html(PAGES / "ui" / "style.css")
    window.watch(theme())


@st.cache_resource
def _warm() -> None:
    """Once for the whole app: the first visitor reads the first page meanwhile."""
    desk.warm()


@st.cache_resource
def _freeze() -> None:
    """Streamlit collects garbage after every run; what the imports made need not be looked at."""
    gc.collect()
    gc.freeze()
