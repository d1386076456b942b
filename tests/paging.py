"""A store with one finished run, a page shown from it, and what it draws: for tests of pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from example_run import network_events
from streamlit.testing.v1 import AppTest

from prunelab import engine
from prunelab.spec import RunSpec
from prunelab.store import Store

ROOT = Path(__file__).parents[1]
PAGES = (
    "home",
    "lab",
    "training",
    "lottery",
    "trees",
    "structure",
    "language",
    "data",
    "both",
    "forecast",
    "scissors",
    "predict",
    "schedules",
    "sweep",
    "compare",
    "museum",
    "balance",
    "breakeven",
    "lessons",
    "xray",
    "resurrection",
    "runs",
    "methods",
)
THEMES = ("light", "dark")
SPEC = RunSpec()


@pytest.fixture
def store(home, monkeypatch):
    """A store with one finished run; nothing starts an engine."""
    submitted, ensured = [], []

    def submit(store, spec):
        submitted.append(spec)
        return store.submit(spec)

    monkeypatch.setattr(engine, "submit", submit)
    monkeypatch.setattr(engine, "ensure", lambda home, url: ensured.append(home))
    opened = Store()
    finish(opened, SPEC)
    opened.submitted, opened.ensured = submitted, ensured
    return opened


def finish(store, spec, events=None):
    store.submit(spec)
    attempt = store.claim(spec.key, "test")
    store.append(spec.key, events or network_events(spec), attempt=attempt)


def show(page, monkeypatch=None, theme="light", **query):
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=200)
    app.session_state["_booted"] = True
    for name, value in query.items():
        app.query_params[name] = value
    if monkeypatch:
        from pages.ui import shell

        monkeypatch.setattr(shell, "theme", lambda: theme)
    app.run()
    assert not app.exception, app.exception
    return app


def specs(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def alts(app):
    return [chart.proto.alt for chart in app.get("plotly_chart")]
