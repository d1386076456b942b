"""Every page renders in both themes from a store, without torch, and says what went wrong."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tongue
from paging import PAGES, SPEC, THEMES, alts, show, store  # noqa: F401 - a fixture among them

from prunelab import engine
from prunelab.store import StoreError

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_one_title_and_charts_with_words(page, theme, store, monkeypatch):  # noqa: F811
    """In the dark it speaks another language, and nothing it says is English then."""
    if theme == "dark":
        tongue.speak(monkeypatch)
    app = show(page, monkeypatch, theme)
    assert len(app.title) == 1
    assert all(alts(app))
    assert not app.error
    if theme == "dark":
        assert tongue.english(app) == []


def test_no_page_brings_torch_or_a_scheduler_into_the_app(store):  # noqa: F811
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from paging import PAGES, show
for page in PAGES:
    show(page)
for view in ("All rules", "Forests", "Trees beside nets"):
    show("trees", view=view)
show("lab", run={SPEC.key!r})
print(sorted({{"torch", "sklearn", "dask", "distributed", "plotly.express"}} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_app_freezes_what_its_imports_made():
    code = f"""
import gc
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(ROOT / "app.py")!r}, default_timeout=200).run()
assert not app.exception, app.exception
print(len(app.title), gc.get_freeze_count() > 10_000)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.split() == ["1", "True"], done.stderr[-2000:]


def test_the_library_shows_a_card_for_everything(store):  # noqa: F811
    from pages.ui import desk

    app = show("methods")
    assert {h.value for h in app.header} == set(desk.known()["methods"])
    assert {h.value for h in show("methods", shelf="Models").header} == set(desk.known()["models"])


def test_a_card_is_filled_once_it_is_open(store):  # noqa: F811
    closed, opened = show("methods"), show("methods", **{"how-open-snip": "true"})
    assert not closed.table
    assert opened.table
    assert any("Worked example" in text.value for text in opened.markdown)
    assert any("**Paper.**" in text.value for text in opened.markdown)


def test_a_broken_file_has_a_card(store, monkeypatch):  # noqa: F811
    from pages.ui import desk

    known = {**desk.known(), "broken": {"methods": {"rigl": "Traceback\nSyntaxError: oops"}}}
    monkeypatch.setattr(desk, "known", lambda: known)
    app = show("methods")
    assert app.error[0].value == "rigl.py could not be loaded: SyntaxError: oops"


def test_a_store_that_cannot_be_opened_is_explained(home, monkeypatch):
    monkeypatch.setenv("PRUNELAB_STORE", "nonsense")
    tongue.speak(monkeypatch)
    app = show("runs")
    assert app.error[0].value.startswith("⟦PRUNELAB\\_STORE must be a database URL")
    assert tongue.english(app) == []


def test_streamlit_still_knows_our_hidden_settings():
    from streamlit import config

    assert config.get_option("runner.postScriptGC") is False
    assert config.get_option("server.fileWatcherType") == "none"


def test_a_store_that_refuses_a_run_says_why(store, monkeypatch):  # noqa: F811
    def refuse(store, spec):
        raise StoreError("No space left for the store.")

    monkeypatch.setattr(engine, "submit", refuse)
    app = show("lab", seed="5")
    app.button(key="start").click().run()
    assert app.error[0].value == "No space left for the store."
    assert not app.exception


def test_the_app_is_closed_to_other_machines_and_sites():
    told = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]
    assert told["address"] == "127.0.0.1"
    assert told["enableXsrfProtection"] is told["enableCORS"] is True
    assert told["maxUploadSize"] == 200


def test_texts_are_offered_where_a_model_reads_them(store):  # noqa: F811
    assert "tales" in show("lab", data="tales").selectbox(key="data").options
    assert show("lab", data="tales").selectbox(key="model").options == ["decoder"]
    for page in ("data", "trees"):
        assert "tales" not in show(page, data="tales").selectbox(key="data").options, page
