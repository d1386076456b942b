"""In another language no page says English: behind tabs, where nothing is, and when it fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tongue
from paging import SPEC, finish, show, store  # noqa: F401 - a fixture among them

from prunelab import cards, engine, speech
from prunelab.events import Failed, Started, Warned
from prunelab.store import StoreError

TABS = ("lab", "training", "structure", "language", "data", "forecast", "compare", "methods")
EMPTY = ("lab", "training", "structure", "language", "data", "schedules", "lottery", "sweep")
SCRIPTS = sorted((Path(__file__).parents[1] / "pages" / "ui").glob("*.js"))
SHOWN = r'(?:textContent = |innerHTML = |fillText\(|"aria-label"[:,] |entry\(|"caption", )[^;]*'
TREES = ("All rules", "Forests", "Trees beside nets")


@pytest.fixture
def brackets(monkeypatch):
    tongue.speak(monkeypatch)


def failed(spec, reason, advice=""):
    begun = Started(
        key=spec.key, spec=spec.to_json(), settings={}, manifest={}, plan={}, unit="weights", of=1
    )
    note = Warned(message="fc1, fc2 lost everything: no signal passes any more.")
    return [begun, note, Failed(reason=reason, advice=advice, traceback="Traceback")]


@pytest.mark.parametrize("page", TABS)
def test_no_tab_is_english(page, store, brackets, monkeypatch):  # noqa: F811
    of = {"run": SPEC.key} if page == "lab" else {}
    for tab in show(page, monkeypatch, **of).tabs:
        assert tongue.english(show(page, monkeypatch, view=tab.label, **of)) == [], tab.label


@pytest.mark.parametrize("view", TREES)
def test_no_view_of_trees_is_english(view, store, brackets, monkeypatch):  # noqa: F811
    assert tongue.english(show("trees", monkeypatch, view=f"⟦{view}⟧")) == []


@pytest.mark.parametrize("page", EMPTY)
def test_nothing_to_show_is_not_said_in_english(page, store, brackets, monkeypatch):  # noqa: F811
    assert tongue.english(show(page, monkeypatch, run="gone-0000")) == []
    assert tongue.english(show(page, monkeypatch, seed="77", data="iris")) == []


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("The loss became nan in epoch 1 of 2 (dense): fc1.weight holds NaN or infinity.",
         "Lower the learning rate, or use the adam optimizer."),
        ("The run needs 12 epochs; the limit is 3.",
         "Choose fewer epochs, less data or a smaller model, or raise PRUNELAB_MAX_EPOCHS."),
        ("magnitude needs a network; decision-tree is a tree.", "Change the setting it names."),
        ("The process died 3 times (signal 9).", ""),
    ],
)  # fmt: skip
def test_a_run_that_failed_says_why(reason, advice, store, brackets, monkeypatch):  # noqa: F811
    spec = type(SPEC)(seed=3)
    finish(store, spec, failed(spec, reason, advice))
    app = show("lab", monkeypatch, run=spec.key)
    assert app.error[0].value.startswith("⟦")
    assert tongue.english(app) == []


def test_what_the_store_refuses_is_said(store, brackets, monkeypatch):  # noqa: F811
    def refuse(store, spec):
        raise StoreError(f"{spec.key} is running; cancel it first.")

    monkeypatch.setattr(engine, "submit", refuse)
    app = show("lab", monkeypatch, seed="5")
    app.button(key="start").click().run()
    assert app.error[0].value.startswith("⟦")
    assert tongue.english(app) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.name)
def test_what_a_component_shows_goes_through_say(script):
    """A text in quotes that is shown as it stands would be English for everybody."""
    text = re.sub(r'say\(\s*"(?:[^"\\]|\\.)+"', "say(", script.read_text("utf-8"))
    for shown in re.findall(SHOWN, text):
        for plain in re.findall(r'["`]([^"`]*)["`]', re.sub(r"\$\{[^}]*\}", "", shown)):
            assert not re.search(r"\b[A-Za-z]{3,} [a-z]{3,}", plain), shown


def test_a_component_gets_the_words_of_the_reader(store, brackets, monkeypatch):  # noqa: F811
    app = show("scissors", monkeypatch)
    sent = [json.loads(found.proto.json) for found in app.get("bidi_component") if found.proto.json]
    words = next(data["words"] for data in sent if "cuts" in data)
    assert words["Threshold"] == "⟦Threshold⟧"
    assert words["{n} of {all} left"] == "⟦{n} of {all} left⟧"


def test_worked_examples_are_not_english(brackets):
    """All that X-ray shows, and the cards of the library."""
    for method, example in cards.worked().items():
        for text in [step[part] for step in example.get("steps", ()) for part in ("title", "text")]:
            said = speech.anew(text)
            assert said.startswith("⟦"), (method, said)
            assert said.endswith("⟧"), (method, said)
        assert speech.anew(example.get("why", "")).startswith("⟦" if "why" in example else "")
